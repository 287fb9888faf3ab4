#include "framework/nn/init.h"

#include <cmath>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

double fan_of(const Fans& fans, FanMode mode) {
  const auto in = static_cast<double>(fans.in);
  const auto out = static_cast<double>(fans.out);
  switch (mode) {
    case FanMode::in: return in;
    case FanMode::out: return out;
    case FanMode::average: break;
  }
  return (in + out) / 2;
}

double kaiming_deviation(const init::Kaiming& options, const Fans& fans) {
  return gain(options.nonlinearity, options.slope) / std::sqrt(fan_of(fans, options.mode));
}

Init normal_with(std::function<double(const Fans&)> deviation) {
  return [deviation = std::move(deviation)](Tensor& y, const Fans& fans, const Rng& rng) {
    fill_normal(y, rng, 0.0, deviation(fans));
  };
}

// U(-b, b) has the deviation b / sqrt(3).
Init uniform_with(std::function<double(const Fans&)> deviation) {
  return [deviation = std::move(deviation)](Tensor& y, const Fans& fans, const Rng& rng) {
    const double bound = std::sqrt(3.0) * deviation(fans);
    fill_uniform(y, rng, -bound, bound);
  };
}

// Orthonormal vectors by Gram-Schmidt, each projected twice: once is not enough in floating point (Giraud et al.
// 2005, "twice is enough"). Of normal vectors, with positive lengths, the result is uniform (Mezzadri 2007).
std::vector<Tensor> orthonormal(std::int64_t count, std::int64_t length, const Rng& rng) {
  std::vector<Tensor> vectors;
  for (std::int64_t i = 0; i < count; ++i) {
    Tensor v({length}, DType::f64);
    fill_normal(v, rng.at(static_cast<std::uint64_t>(i)), 0.0, 1.0);
    for (int pass = 0; pass < 2; ++pass)
      for (const Tensor& u : vectors) axpy(-dot(u, v), u, v);
    scale(v, 1.0 / norm(v));
    vectors.push_back(std::move(v));
  }
  return vectors;
}

void fill_orthogonal(Tensor& y, double gain, const Rng& rng) {
  if (y.rank() < 2)
    fail("init::orthogonal", text("shape ", y.shape()), "at least two axes", "use another initialiser for vectors");
  const std::int64_t columns = y.dim(-1);
  if (y.size() == 0) return;
  const std::int64_t rows = y.size() / columns;
  const bool tall = rows >= columns;
  const std::vector<Tensor> vectors = orthonormal(std::min(rows, columns), std::max(rows, columns), rng);
  dispatch("init::orthogonal", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const to = y.mutable_data<T>();
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      const double* const v = vectors[i].data<double>();
      T* const first = to + static_cast<std::int64_t>(i) * (tall ? 1 : columns);
      const std::int64_t step = tall ? columns : 1;
      for (std::int64_t k = 0; k < vectors[i].size(); ++k) first[k * step] = static_cast<T>(gain * v[k]);
    }
  });
}

}  // namespace

double gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::linear:
    case Nonlinearity::sigmoid: return 1.0;
    case Nonlinearity::tanh: return 5.0 / 3.0;
    case Nonlinearity::relu: return std::sqrt(2.0);
    case Nonlinearity::leaky_relu: return std::sqrt(2.0 / (1.0 + slope * slope));
    case Nonlinearity::selu: return 0.75;
  }
  return 1.0;
}

namespace init {

Init kaiming_normal(const Kaiming& options) {
  return normal_with([options](const Fans& fans) { return kaiming_deviation(options, fans); });
}

Init kaiming_uniform(const Kaiming& options) {
  return uniform_with([options](const Fans& fans) { return kaiming_deviation(options, fans); });
}

Init xavier_normal(double gain) {
  return normal_with([gain](const Fans& fans) { return gain / std::sqrt(fan_of(fans, FanMode::average)); });
}

Init xavier_uniform(double gain) {
  return uniform_with([gain](const Fans& fans) { return gain / std::sqrt(fan_of(fans, FanMode::average)); });
}

Init orthogonal(double gain) {
  return [gain](Tensor& y, const Fans&, const Rng& rng) { fill_orthogonal(y, gain, rng); };
}

Init fan_in_uniform() {
  return [](Tensor& y, const Fans& fans, const Rng& rng) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(fans.in));
    fill_uniform(y, rng, -bound, bound);
  };
}

Init constant(double value) {
  return [value](Tensor& y, const Fans&, const Rng&) { fill(y, value); };
}

Init uniform(double low, double high) {
  return [low, high](Tensor& y, const Fans&, const Rng& rng) { fill_uniform(y, rng, low, high); };
}

Init normal(double mean, double deviation) {
  return [mean, deviation](Tensor& y, const Fans&, const Rng& rng) { fill_normal(y, rng, mean, deviation); };
}

}  // namespace init

Tensor initial(const Shape& shape, const Init& chosen, const Init& standard, const Fans& fans, const Rng& rng) {
  Tensor y(shape);
  (chosen ? chosen : standard)(y, fans, rng);
  return y;
}

}  // namespace ebb
