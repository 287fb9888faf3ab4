#include "lab/audit/probe_point.h"

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr int least_exponent = 10;
// By how many times eps / variance, of the smallest variance, an invariant loss may move when a scale doubles: a
// hundredth of it is common.
constexpr double eps_margin = 0.25;
// As much for the share of an eps in the sums of norms that are written out. It is a mean and no largest one, and a
// loss near 0 changes by several times as much as what it is made of.
constexpr double share_margin = 16;
// The slope of a loss along a scale that eps alone makes is a few times what a doubling makes of it; the rest is
// rounding.
constexpr double eps_of_slope = 16, last_of_slope = 1e-9;

}  // namespace

Probe::Point::Point(Module& model, const LossOf& loss, const Network& network, const std::vector<Symmetry>& known,
                    const TravelRules& own)
    : inert(inert_parameters(network, known)), own_(own), f64_(model), loss_(loss), network_(network) {
  exponent = least_exponent;
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
  for (const NetworkValue& v : network.values)
    if (v.to_loss) eps = std::max(eps, v.setting("eps"));
  const double least = arrive();
  for (const NetworkValue& v : network.values)
    if (v.to_loss) felt_constants += share_margin * v.eps_share;
  // Added to a root, an eps vanishes with 2^-k only.
  if (felt_constants > 0) exponent = detail::greatest_exponent;
  while (exponent <= detail::greatest_exponent && eps / std::ldexp(least, 2 * exponent) >= detail::void_eps)
    exponent += detail::powers_apart;
}

void Probe::Point::go_up(const std::vector<Symmetry>& known) {
  if (eps == 0) return;
  lift(known, {});
  for (const int p : changed_) values_[static_cast<std::size_t>(p)] = value(p).clone();
  changed_.clear();
  arrive();
}

bool Probe::Point::has_gain(const Symmetry& symmetry) const {
  return std::ranges::any_of(symmetry.parts, [&](const Symmetry::Part& part) {
    const Role role = network_.parameters[static_cast<std::size_t>(part.parameter)].parameter->role();
    return role == Role::norm_scale || role == Role::norm_shift;
  });
}

void Probe::Point::lift(const std::vector<Symmetry>& known, const Group& except) {
  const auto excepted = [&](const Symmetry& s) {
    return std::ranges::any_of(except, [&](const Symmetry* e) { return e == &s || text(*e) == text(s); });
  };
  for (const Symmetry& s : known)
    if (s.kind == Symmetry::Kind::scale && !excepted(s)) scale(s, exponent, 0, 0);
}

bool Probe::Point::rounds_alike(const Group& group) const {
  return std::ranges::all_of(group, [&](const Symmetry* s) { return detail::rounds_alike(network_, *s, own_); });
}

void Probe::Point::without_inert() {
  for (std::size_t p = 0; p < inert.size(); ++p)
    if (inert[p]) edit({.parameter = static_cast<int>(p)}, [](double, std::size_t, std::int64_t) { return 0.0; });
}

bool Probe::Point::feels_shift(int p, const std::function<double(std::int64_t row)>& added) const {
  const Tensor& gradient = gradients_[static_cast<std::size_t>(p)];
  const detail::Along along = gradient.defined() ? detail::along_shift(gradient, added) : detail::Along{};
  return std::abs(along.sum) > last_of_slope * along.size;
}

bool Probe::Point::feels_scale(const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) const {
  const auto all = detail::along_scale(values_, gradients_, parameters, channels);
  return all && std::abs(all->sum) > eps_of_slope * felt_eps * std::abs(base_) + last_of_slope * all->size;
}

bool Probe::Point::idle(const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) const {
  const auto all = detail::along_scale(values_, gradients_, parameters, channels);
  return all && all->size <= eps_of_slope * detail::roundings * std::abs(base_);
}

bool Probe::Point::dead(int p) const {
  const Tensor& gradient = gradients_[static_cast<std::size_t>(p)];
  return gradient.defined() && sum_abs(gradient) == 0;
}

void Probe::Point::scale(const Symmetry& symmetry, int first, int step, std::uint64_t draw) {
  const auto factor = [&](std::size_t u, const Symmetry::Part& part) {
    const int chosen = draw == 0 ? 0 : static_cast<int>(Rng(draw).below(2, u));
    return std::exp2((first + step * chosen) * part.power);
  };
  for (std::size_t i = 0; i < symmetry.parts.size(); ++i) {
    const Symmetry::Part& part = symmetry.parts[i];
    const std::vector<double> factors = detail::by_channel(
        symmetry, i, shape(part.parameter), 1, [&](double of, std::size_t u) { return of * factor(u, part); });
    edit(part, [&](double w, std::size_t channel, std::int64_t) { return w * factors[channel]; });
  }
}

void Probe::Point::shift(const Symmetry& symmetry, std::uint64_t draw) {
  for (std::size_t i = 0; i < symmetry.parts.size(); ++i) {
    const int p = symmetry.parts[i].parameter;
    const std::vector<double> sizes = detail::by_channel(
        symmetry, i, shape(p), 0, [&](double, std::size_t u) { return Rng(draw).below(2, u) == 0 ? 1.0 : -1.0; });
    edit(symmetry.parts[i],
         [&](double w, std::size_t channel, std::int64_t row) { return w + sizes[channel] * common(p, draw, row); });
  }
}

double Probe::Point::common(int p, std::uint64_t draw, std::int64_t row) const {
  const Shape& of = shape(p);
  if (of.rank() < 2) return 1;
  return Rng(draw).normal(static_cast<std::uint64_t>(row)) / std::sqrt(static_cast<double>(of.size() / of[-1]));
}

void Probe::Point::scale(const Group& group, int first, int step, std::uint64_t draw) {
  for (const Symmetry* const s : group) scale(*s, first, step, draw), draw += draw == 0 ? 0 : 16;
}

void Probe::Point::shift(const Group& group, std::uint64_t draw) {
  for (const Symmetry* const s : group) shift(*s, draw), draw += 16;
}

double Probe::Point::arrive() {
  base_ = loss_here();
  take_gradients();
  const double least = least_variance([](Point&) {});
  eps_of_least = eps / least;
  felt_eps = detail::roundings + eps_margin * eps_of_least;
  return std::min(1.0, least);
}

void Probe::Point::take_gradients() {
  f64_.reset_buffers();
  gradients_.clear();
  {
    Tape tape;
    tape.backward(loss_(DType::f64));
  }
  for (const NamedParameter& p : network_.parameters) {
    gradients_.push_back(p.parameter->grad());
    p.parameter->zero_grad();
  }
}

double Probe::Point::loss_here() const {
  f64_.reset_buffers();
  return loss_(DType::f64).item();
}

}  // namespace ebb
