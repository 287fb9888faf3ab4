#include "framework/compute/basic.h"

#include <cmath>
#include <cstring>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/compute/root_of_squares.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/convert.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Checks what every two-tensor function needs and calls body(T, begin, end) over blocks.
void require_like(const char* op, const Tensor& y, const Tensor& x) {
  require_defined(op, "tensor", y);
  require_defined(op, "tensor", x);
  require_same_shape(op, y, x);
  require_same_dtype(op, y, x);
}

template <class Body>
void elementwise(const char* op, const Tensor& like, Body body) {
  require_defined(op, "tensor", like);
  dispatch(op, like.dtype(), [&](auto zero) {
    parallel::for_blocks(like.size(), elementwise_block,
                         [&](std::int64_t begin, std::int64_t end) { body(zero, begin, end - begin); });
  });
}

// y = kernel(factor, x, y)
template <class Kernel>
void with_factor(const char* name, double factor, const Tensor& x, Tensor& y, const Kernel& kernel) {
  require_like(name, y, x);
  elementwise(
      name, x,
      [&, from = x.bytes().data(), to = y.mutable_bytes().data()](auto zero, std::int64_t begin, std::int64_t n) {
        using T = decltype(zero);
        kernel(kernels_of<T>().elementwise)(static_cast<T>(factor), reinterpret_cast<const T*>(from) + begin,
                                            reinterpret_cast<T*>(to) + begin, n);
      });
}

template <class Body>
double summed(const char* op, const Tensor& x, Body body) {
  require_defined(op, "tensor", x);
  return dispatch(op, x.dtype(), [&](auto zero) {
    return parallel::sum_blocks(x.size(), elementwise_block,
                                [&](std::int64_t begin, std::int64_t end) { return body(zero, begin, end - begin); });
  });
}

}  // namespace

void fill(Tensor& y, double value) {
  dispatch_all("fill", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(y.size(), elementwise_block, [&](std::int64_t begin, std::int64_t end) {
      std::fill(to + begin, to + end, convert<T>(value));
    });
  });
}

void copy_into(Tensor& y, const Tensor& x) {
  require_like("copy", y, x);
  const auto from = x.bytes();
  const auto to = y.mutable_bytes();
  constexpr std::int64_t block = elementwise_block * 4;
  parallel::for_blocks(static_cast<std::int64_t>(from.size()), block, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(to.data() + begin, from.data() + begin, static_cast<std::size_t>(end - begin));
  });
}

Tensor cast(const Tensor& x, DType dtype) {
  require_defined("cast", "tensor", x);
  if (x.dtype() == dtype) return x;
  Tensor y(x.shape(), dtype);
  dispatch_all("cast", x.dtype(), [&](auto source) {
    dispatch_all("cast", dtype, [&](auto target) {
      using From = decltype(source);
      using To = decltype(target);
      const From* const from = x.data<From>();
      To* const to = y.mutable_data<To>();
      parallel::for_blocks(x.size(), elementwise_block, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) to[i] = convert<To>(from[i]);
      });
    });
  });
  return y;
}

void add_into(Tensor& y, const Tensor& x) { axpy(1.0, x, y); }

void axpy(double alpha, const Tensor& x, Tensor& y) {
  with_factor("axpy", alpha, x, y, [](const auto& table) { return table.axpy; });
}

void lerp(Tensor& y, const Tensor& x, double share) {
  with_factor("lerp", share, x, y, [](const auto& table) { return table.lerp; });
}

void scale(Tensor& y, double alpha) {
  elementwise("scale", y, [&, to = y.mutable_bytes().data()](auto zero, std::int64_t begin, std::int64_t n) {
    using T = decltype(zero);
    T* const data = reinterpret_cast<T*>(to) + begin;
    kernels_of<T>().elementwise.scale(static_cast<T>(alpha), data, data, n);
  });
}

double sum(const Tensor& x) {
  return summed("sum", x, [&](auto zero, std::int64_t begin, std::int64_t n) {
    using T = decltype(zero);
    return kernels_of<T>().reduction.sum(x.data<T>() + begin, n);
  });
}

double dot(const Tensor& a, const Tensor& b) {
  require_like("dot", a, b);
  return summed("dot", a, [&](auto zero, std::int64_t begin, std::int64_t n) {
    using T = decltype(zero);
    return kernels_of<T>().reduction.dot(a.data<T>() + begin, b.data<T>() + begin, n);
  });
}

double sum_squares(const Tensor& x) {
  return summed("sum_squares", x, [&](auto zero, std::int64_t begin, std::int64_t n) {
    using T = decltype(zero);
    return kernels_of<T>().reduction.sum_squares(x.data<T>() + begin, n);
  });
}

double sum_abs(const Tensor& x) {
  return summed("sum_abs", x, [&](auto zero, std::int64_t begin, std::int64_t n) {
    using T = decltype(zero);
    return kernels_of<T>().reduction.sum_abs(x.data<T>() + begin, n);
  });
}

double norm(const Tensor& x) {
  const auto squares = [&](double divisor) {
    if (divisor == 1) return sum_squares(x);
    Tensor divided = x.clone();
    scale(divided, 1 / divisor);
    return sum_squares(divided);
  };
  return root_of_squares(x.dtype(), squares, [&] { return max_abs(x); });
}

void normalize(Tensor& y) {
  double length = norm(y);
  if (length == 0) return;
  const double near = divisor_near(length, y.dtype());
  if (near != length && std::isfinite(length)) {
    scale(y, 1 / near);
    length = norm(y);
  }
  scale(y, 1 / length);
}

double max_abs(const Tensor& x) {
  require_defined("max_abs", "tensor", x);
  return dispatch("max_abs", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return static_cast<double>(kernels_of<T>().reduction.max_abs(x.data<T>(), x.size()));
  });
}

bool all_finite(const Tensor& x) { return std::isfinite(max_abs(x)); }

void fill_uniform(Tensor& y, const Rng& rng, double low, double high) {
  dispatch("fill_uniform", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const to = y.mutable_data<T>();
    const T below = std::nextafter(static_cast<T>(high), static_cast<T>(low));
    parallel::for_blocks(y.size(), 2048, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const T x = static_cast<T>(low + (high - low) * rng.uniform(static_cast<std::uint64_t>(i)));
        to[i] = x < static_cast<T>(high) ? x : below;  // rounding may reach the end of the range
      }
    });
  });
}

void fill_normal(Tensor& y, const Rng& rng, double mean, double deviation) {
  dispatch("fill_normal", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(y.size(), 2048, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        to[i] = static_cast<T>(mean + deviation * rng.normal(static_cast<std::uint64_t>(i)));
    });
  });
}

}  // namespace ebb
