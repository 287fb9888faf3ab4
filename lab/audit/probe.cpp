#include "lab/audit/probe.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "framework/autograd/observing.h"
#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/audit/in_f64.h"
#include "lab/audit/op_kind.h"

namespace ebb {
namespace {

constexpr int least_exponent = 10, greatest_exponent = 34;
// A bias that a norm removes is rounded away with the scale of what it is added to: the last bits may differ. What is
// no invariance differs by 2^-34 or more.
constexpr double last_bits = 0x1p-46;

// Sums of some thousand products are rounded.
constexpr double roundings = 1e4 * 0x1p-53;

// By how many times eps / variance, of the smallest variance, an invariant loss may move when a scale doubles: a
// hundredth of it is common.
constexpr double eps_margin = 0.25;

// As much for the share of an eps in the sums of norms that are written out. It is a mean and no largest one, and a
// loss near 0 changes by several times as much as what it is made of.
constexpr double share_margin = 16;

// The least variance that a norm meets in a pass. Groups are made of channels: theirs is no smaller.
class LeastVariance : public detail::OpObserver {
 public:
  void forward(const char* op, std::size_t, std::span<const Var> inputs, const Tensor&) override {
    if (detail::kind_of(op) != detail::OpKind::norm || inputs[0].dtype() != DType::f64) return;
    const Tensor& x = inputs[0].value();
    const std::int64_t width = x.dim(-1), rows = x.size() / std::max<std::int64_t>(1, width);
    const bool by_row = std::string_view(op) == "layer_norm";
    for (std::int64_t i = 0; i < (by_row ? rows : width); ++i)
      by_row ? take(x.data<double>() + i * width, width, 1) : take(x.data<double>() + i, rows, width);
  }
  void backward(const char*, std::size_t, const Tensor&) override {}

  double value = 1;

 private:
  detail::Observing<detail::OpObserver> observing_{detail::op_observer, this};
  void take(const double* x, std::int64_t count, std::int64_t stride) {
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += x[i * stride];
    const double mean = sum / static_cast<double>(count);
    for (std::int64_t i = 0; i < count; ++i) squares += (x[i * stride] - mean) * (x[i * stride] - mean);
    const double variance = squares / static_cast<double>(count);
    // What is constant but for rounding comes out as 0, whatever eps is.
    if (variance > 1e-24 * mean * mean && variance > 0) value = std::min(value, variance);
  }
};

// The slope of a loss along a scale that eps alone makes is a few times what a doubling makes of it; the rest is
// rounding.
constexpr double eps_of_slope = 16, last_of_slope = 1e-9;

// What eps makes of a doubling falls by four with each, but for so much: a variance may lie below eps.
constexpr double fades_at_first = 4;

double change_of(double loss, double from) { return std::abs(loss - from) / std::abs(from); }

}  // namespace

class Probe::Point {
 public:
  Point(Module& model, const LossOf& loss, const Network& network) : f64_(model), loss_(loss), network_(network) {
    std::uint64_t number = 0;
    for (const NamedParameter& p : network.parameters) {
      Tensor& value = p.parameter->value();
      const double size = std::sqrt(sum_squares(value) / static_cast<double>(std::max<std::int64_t>(1, value.size())));
      // What is added to others must be felt beside them, however small it was.
      const Role role = p.parameter->role();
      const bool added = role == Role::bias || role == Role::norm_shift;
      Tensor noise(value.shape(), DType::f64);
      fill_normal(noise, Rng(number++), 0, 0.1 * (added ? std::max(size, 1.0) : size > 0 ? size : 1));
      axpy(1, noise, value);
      values_.push_back(value.clone());
    }
    base_ = loss_here();
    take_gradients();
    double eps = 0;
    for (const NetworkValue& v : network.values) eps = std::max(eps, v.setting("eps"));
    f64_.reset_buffers();
    const LeastVariance least;
    const Tape tape;
    loss_(DType::f64);
    felt_eps = roundings + eps_margin * eps / least.value;
    for (const NetworkValue& v : network.values)
      if (v.to_loss) felt_constants += share_margin * v.eps_share;
    // Added to a root, an eps vanishes with 2^-k only.
    if (felt_constants > 0) exponent = greatest_exponent;
    while (exponent <= greatest_exponent && eps / std::ldexp(least.value, 2 * exponent) >= 0x1p-55) ++exponent;
  }

  // The same of what a shift adds to the numbers, or to the columns, of a parameter.
  bool feels_shift(int p, const std::function<double(std::int64_t row)>& added) const {
    const Tensor& gradient = gradients_[static_cast<std::size_t>(p)];
    if (!gradient.defined()) return false;
    const std::int64_t columns = gradient.rank() == 0 ? 1 : gradient.dim(-1);
    double along = 0, size = 0;
    for (std::int64_t i = 0; i < gradient.size(); ++i) {
      const double product = added(i / columns) * gradient.data<double>()[i];
      along += product;
      size += std::abs(product);
    }
    return std::abs(along) > last_of_slope * size;
  }

  // The loss after a change of the parameters, which is undone.
  template <class Change>
  double loss(const Change& change) {
    change(*this);
    const double result = loss_here();
    for (const int p : changed_)
      std::ranges::copy(values_[static_cast<std::size_t>(p)].bytes(), value(p).mutable_bytes().begin());
    changed_.clear();
    return result;
  }

  double base() const { return base_; }

  // Whether the loss moves, to first order, with the scale of these channels of parameters: an invariant one does not
  // but for eps. Where there is no gradient the answer is no.
  bool feels_scale(const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) const {
    double along = 0, size = 0;
    for (const int p : parameters) {
      const Tensor& gradient = gradients_[static_cast<std::size_t>(p)];
      if (!gradient.defined()) return false;
      const Tensor& w = values_[static_cast<std::size_t>(p)];
      const std::int64_t columns = w.rank() == 0 ? 1 : w.dim(-1);
      for (std::int64_t i = 0; i < w.size(); ++i) {
        if (!channels.empty() && std::ranges::find(channels, i % columns) == channels.end()) continue;
        const double product = w.data<double>()[i] * gradient.data<double>()[i];
        along += product;
        size += std::abs(product);
      }
    }
    return std::abs(along) > eps_of_slope * felt_eps * std::abs(base_) + last_of_slope * size;
  }

  const Network& network() const { return network_; }
  const Shape& shape(int p) const { return network_.parameters[static_cast<std::size_t>(p)].parameter->shape(); }

  // w = f(w, row) on channels of a parameter; an empty list stands for all of them.
  template <class F>
  void edit(const Symmetry::Part& part, const std::vector<std::int64_t>& channels, F f) {
    Tensor& w = value(part.parameter);
    changed_.insert(part.parameter);
    double* const numbers = w.mutable_data<double>();
    const std::int64_t columns = w.rank() == 0 ? 1 : w.dim(-1), rows = w.rank() < 2 ? 1 : w.dim(-2);
    const std::set<std::int64_t> chosen(channels.begin(), channels.end());
    for (std::int64_t i = 0; i < w.size(); ++i)
      if (chosen.empty() || chosen.contains(part.rows ? i / columns % rows : i % columns))
        numbers[i] = f(numbers[i], i / columns);
  }

  // Each unit of a scaling or rescaling by 2^first or 2^(first + step), at random but for draw 0.
  void scale(const Symmetry& symmetry, int first, int step, std::uint64_t draw) {
    for (std::size_t u = 0; u < symmetry.units.size(); ++u) {
      const int chosen = draw == 0 ? 0 : static_cast<int>(Rng(draw).below(2, u));
      for (std::size_t i = 0; i < symmetry.parts.size(); ++i) {
        const double factor = std::exp2((first + step * chosen) * symmetry.parts[i].power);
        edit(symmetry.parts[i], symmetry.units[u][i], [factor](double w, std::int64_t) { return w * factor; });
      }
    }
  }

  // 1 or -1 added to each unit of a shift, at random; to the columns of a weight a normal vector.
  void shift(const Symmetry& symmetry, std::uint64_t draw) {
    for (std::size_t u = 0; u < symmetry.units.size(); ++u)
      for (std::size_t i = 0; i < symmetry.parts.size(); ++i) {
        const double t = Rng(draw).below(2, u) == 0 ? 1 : -1;
        const bool matrix = shape(symmetry.parts[i].parameter).rank() >= 2;
        edit(symmetry.parts[i], symmetry.units[u][i], [=](double w, std::int64_t row) {
          return w + (matrix ? Rng(draw).normal(static_cast<std::uint64_t>(row)) : t);
        });
      }
  }

  int exponent = least_exponent;
  double felt_eps = 0;        // bound on what eps makes of a doubled scale
  double felt_constants = 0;  // likewise of the eps of norms that are written out

 private:
  Tensor& value(int p) const { return network_.parameters[static_cast<std::size_t>(p)].parameter->value(); }

  void take_gradients() {
    f64_.reset_buffers();
    {
      Tape tape;
      tape.backward(loss_(DType::f64));
    }
    for (const NamedParameter& p : network_.parameters) {
      gradients_.push_back(p.parameter->grad());
      p.parameter->zero_grad();
    }
  }

  double loss_here() const {
    f64_.reset_buffers();
    return loss_(DType::f64).item();
  }

  InF64 f64_;
  const LossOf& loss_;
  const Network& network_;
  std::vector<Tensor> values_, gradients_;
  std::set<int> changed_;
  double base_ = 0;
};

Probe::Probe(Module& model, const LossOf& loss, const Network& network)
    : point_(std::make_unique<Point>(model, loss, network)) {}

Probe::~Probe() = default;

int Probe::exponent() const { return point_->exponent; }

ProbeResult Probe::confirm(const Symmetry& symmetry) {
  if (symmetry.kind == Symmetry::Kind::scale && point_->exponent > greatest_exponent)
    return {.confirmed = false,
            .change = 0,
            .reason = text("a variance in front of a norm is so small that scalings beyond 2^", greatest_exponent,
                           " would be needed")};
  if (symmetry.kind == Symmetry::Kind::scale) {
    // What saturates, a sigmoid say, ignores large scales too, but feels a small one.
    const double doubled = point_->loss([&](Point& point) { point.scale(symmetry, 1, 0, 0); });
    const double change = change_of(doubled, point_->base());
    if (!(change <= point_->felt_eps + point_->felt_constants))
      return {.confirmed = false, .change = change, .reason = {}};
    return to_the_bit(symmetry, point_->exponent);
  }
  const bool shift = symmetry.kind == Symmetry::Kind::shift;
  ProbeResult result{.confirmed = true, .change = 0, .reason = {}};
  for (const std::uint64_t draw : {std::uint64_t{1}, std::uint64_t{2}}) {
    const double loss =
        point_->loss([&](Point& point) { shift ? point.shift(symmetry, draw) : point.scale(symmetry, -1, 2, draw); });
    result.change = std::max(result.change, change_of(loss, point_->base()));
  }
  result.confirmed = result.change <= roundings;
  // Where a part also feeds a norm, its eps is felt at small factors.
  for (const int k : {point_->exponent, -point_->exponent})
    if (!shift && !result.confirmed && to_the_bit(symmetry, k).confirmed)
      return {.confirmed = true, .change = 0, .reason = {}};
  return result;
}

ProbeResult Probe::to_the_bit(const Symmetry& symmetry, int exponent) {
  ProbeResult result{.confirmed = true, .change = 0, .reason = {}};
  const auto drawn = [&](std::uint64_t draw) {
    return point_->loss([&](Point& point) { point.scale(symmetry, exponent, exponent > 0 ? 1 : -1, draw); });
  };
  const double from = drawn(0), last = last_bits + std::ldexp(point_->felt_constants, -std::abs(exponent));
  for (const std::uint64_t draw : {std::uint64_t{1}, std::uint64_t{2}}) {
    const double loss = drawn(draw);
    result.change = std::max(result.change, change_of(loss, from));
    result.confirmed = result.confirmed && change_of(loss, from) <= last;
  }
  return result;
}

std::vector<std::string> Probe::missed(const std::vector<Symmetry>& known) {
  std::vector<std::string> found;
  const Network& network = point_->network();
  // Parameters that some scaling changes by themselves, and those that a shift does.
  std::set<std::vector<int>> scaled, shifted;
  for (const Symmetry& s : known) {
    std::vector<int> parameters;
    for (const Symmetry::Part& part : s.parts) parameters.push_back(part.parameter);
    if (s.kind == Symmetry::Kind::scale) scaled.insert(parameters);
    if (s.kind == Symmetry::Kind::shift) shifted.insert(parameters);
  }
  const auto path = [&](int p) { return network.parameters[static_cast<std::size_t>(p)].path; };
  const auto scaled_loss = [&](const std::vector<int>& parameters, const std::vector<std::int64_t>& channels,
                               double c) {
    return point_->loss([&](Point& point) {
      for (const int p : parameters)
        point.edit({.parameter = p}, channels, [c](double w, std::int64_t) { return w * c; });
    });
  };
  // Each doubling divides what eps makes of the next by four; what saturates ignores large scales alone, and comes to
  // that more slowly. A unit that a large negative shift switches off ignores a larger one; with the sign turned it
  // does not.
  const auto invariant = [&](const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) {
    if (point_->feels_scale(parameters, channels)) return false;
    double before = point_->base(), felt = point_->felt_eps, fades = felt;
    for (int k = 1; k <= point_->exponent; ++k, felt /= 4, fades /= 4) {
      const double doubled = scaled_loss(parameters, channels, std::ldexp(1.0, k)), change = change_of(doubled, before);
      if ((k == 1 && doubled == before) || !(change <= std::max(std::min(felt, fades), roundings))) return false;
      fades = k == 1 ? fades_at_first * change : std::max(fades, fades_at_first * change);
      before = doubled;
    }
    const double large = std::ldexp(1.0, point_->exponent);
    if (before != scaled_loss(parameters, channels, 2 * large)) return false;
    return scaled_loss(parameters, channels, -large) == scaled_loss(parameters, channels, -2 * large);
  };
  const bool scalings = point_->exponent <= greatest_exponent;
  for (std::size_t i = 0; i < network.parameters.size(); ++i) {
    const int p = static_cast<int>(i);
    const Shape& shape = point_->shape(p);
    const bool used =
        std::ranges::any_of(network.values, [&](const NetworkValue& v) { return v.parameter == p && v.to_loss; });
    if (shape.size() == 0 || !used || shifted.contains({p})) continue;
    if (!point_->feels_scale({p}, {}) && scaled_loss({p}, {}, 2) == point_->base()) continue;
    const std::int64_t channels = shape.rank() == 0 ? 1 : shape[-1];
    if (scalings && !scaled.contains({p})) {
      if (invariant({p}, {})) found.push_back(text(path(p), ": the loss ignores its scale, which travel did not find"));
      const std::set<std::int64_t> some{0, channels / 2, channels - 1};
      for (const std::int64_t c : some)
        if (channels > 1 && invariant({p}, {c}))
          found.push_back(text(path(p), ": the loss ignores the scale of channel ", c, ", which travel did not find"));
    }
    const auto added = [&](std::int64_t row) {
      return shape.rank() < 2 ? 1 : Rng(3).normal(static_cast<std::uint64_t>(row));
    };
    if (point_->feels_shift(p, added)) continue;
    const double moved = point_->loss([&](Point& point) {
      point.edit({.parameter = p}, {}, [&](double w, std::int64_t row) { return w + added(row); });
    });
    if (change_of(moved, point_->base()) <= roundings)
      found.push_back(text(path(p), ": the loss ignores what its ", shape.rank() < 2 ? "numbers" : "columns",
                           " have in common, which travel did not find"));
  }
  for (const NetworkValue& value : network.values) {
    if (!scalings || !value.to_loss || detail::kind_of(value.op) != detail::OpKind::norm) continue;
    std::vector<int> pair;
    for (const std::size_t k : {std::size_t{1}, std::size_t{2}})
      if (value.inputs[k] >= 0) pair.push_back(network.values[static_cast<std::size_t>(value.inputs[k])].parameter);
    std::ranges::sort(pair);
    const bool known_pair =
        scaled.contains(pair) || std::ranges::any_of(pair, [&](int p) { return p < 0 || scaled.contains({p}); });
    if (pair.size() < 2 || known_pair) continue;
    if (invariant(pair, {}))
      found.push_back(text(path(pair[0]), " and ", path(pair[1]),
                           ": the loss ignores their common scale, which travel did not find"));
  }
  return found;
}

}  // namespace ebb
