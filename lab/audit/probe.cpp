#include "lab/audit/probe.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/audit/in_f64.h"
#include "lab/audit/op_kind.h"
#include "lab/audit/rounding.h"

namespace ebb {
namespace {

constexpr int least_exponent = 10, greatest_exponent = 34;
// Of ops that round a scaled number otherwise. What is no invariance differs by 2^-34 or more.
constexpr double last_bits = 0x1p-46;
// Sums of some thousand numbers are rounded where something is added to them.
constexpr double roundings = 1e3 * 0x1p-53;
// By how many times eps / variance, of the smallest variance, an invariant loss may move when a scale doubles: a
// hundredth of it is common. Halving it moves the loss four times as much; the next doubling a quarter as much, but for
// terms of second order.
constexpr double eps_margin = 0.25, eps_of_halving = 4, second_order = 16;
// Deep networks amplify both. What falls by four with each of so many doublings, but for this share, may be so many
// times as large: of 110 layers a share of 0.09 and 3.2 times were seen.
constexpr int doublings = 6;
constexpr double share_beside_four = 0.125, deep_margin = 16;
// As much for the share of an eps in the sums of norms that are written out. It is a mean and no largest one, and a
// loss near 0 changes by several times as much as what it is made of.
constexpr double share_margin = 16;
// The slope of a loss along a scale that eps alone makes is a few times what a doubling makes of it; the rest is
// rounding.
constexpr double eps_of_slope = 16, last_of_slope = 1e-9;
// An eps of this share of a variance is rounded away.
constexpr double void_eps = 0x1p-55;

// What eps makes of a doubling falls by four with each, but for so much: a variance may lie below eps.
constexpr double fades_at_first = 4;

double change_of(double loss, double from) { return std::abs(loss - from) / std::abs(from); }

}  // namespace

class Probe::Point {
 public:
  Point(Module& model, const LossOf& loss, const Network& network, const std::vector<Symmetry>& known,
        const TravelRules& own)
      : inert(inert_parameters(network, known)), own_(own), f64_(model), loss_(loss), network_(network) {
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
    if (felt_constants > 0) exponent = greatest_exponent;
    while (exponent <= greatest_exponent && eps / std::ldexp(least, 2 * exponent) >= void_eps)
      exponent += detail::powers_apart;
  }

  // Goes where only norms whose scalings are not known feel their eps.
  void go_up(const std::vector<Symmetry>& known) {
    if (eps == 0) return;
    lift(known, {});
    for (const int p : changed_) values_[static_cast<std::size_t>(p)] = value(p).clone();
    changed_.clear();
    arrive();
  }

  // Whether a norm's scale or shift is part of it.
  bool has_gain(const Symmetry& symmetry) const {
    return std::ranges::any_of(symmetry.parts, [&](const Symmetry::Part& part) {
      const Role role = network_.parameters[static_cast<std::size_t>(part.parameter)].parameter->role();
      return role == Role::norm_scale || role == Role::norm_shift;
    });
  }

  // All that scalings may change but these by 2^exponent: no norm behind it feels its eps any more.
  void lift(const std::vector<Symmetry>& known, const Group& except) {
    const auto excepted = [&](const Symmetry& s) {
      return std::ranges::any_of(except, [&](const Symmetry* e) { return e == &s || text(*e) == text(s); });
    };
    for (const Symmetry& s : known)
      if (s.kind == Symmetry::Kind::scale && !excepted(s)) scale(s, exponent, 0, 0);
  }

  bool rounds_alike(const Group& group) const {
    return std::ranges::all_of(group, [&](const Symmetry* s) { return detail::rounds_alike(network_, *s, own_); });
  }

  // Biases that norms remove are 0: a sum with them rounds by its scale.
  void without_inert() {
    for (std::size_t p = 0; p < inert.size(); ++p)
      if (inert[p]) edit({.parameter = static_cast<int>(p)}, [](double, std::size_t, std::int64_t) { return 0.0; });
  }

  // The same of what a shift adds to the numbers, or to the columns, of a parameter.
  bool feels_shift(int p, const std::function<double(std::int64_t row)>& added) const {
    const Tensor& gradient = gradients_[static_cast<std::size_t>(p)];
    const detail::Along along = gradient.defined() ? detail::along_shift(gradient, added) : detail::Along{};
    return std::abs(along.sum) > last_of_slope * along.size;
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

  // The least variance in front of a norm after a change likewise.
  template <class Change>
  double least_variance(const Change& change) {
    const Tape tape;
    const detail::LeastVariance least(tape);
    loss(change);
    return least.value;
  }

  double base() const { return base_; }

  // Whether the loss moves, to first order, with the scale of these channels of parameters: an invariant one does not
  // but for eps. Where there is no gradient the answer is no.
  bool feels_scale(const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) const {
    const auto all = detail::along_scale(values_, gradients_, parameters, channels);
    return all && std::abs(all->sum) > eps_of_slope * felt_eps * std::abs(base_) + last_of_slope * all->size;
  }

  // Whether they hardly move the loss, each number by itself: what a unit that is almost off makes is lost in rounding.
  bool idle(const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) const {
    const auto all = detail::along_scale(values_, gradients_, parameters, channels);
    return all && all->size <= eps_of_slope * roundings * std::abs(base_);
  }

  bool dead(int p) const {
    const Tensor& gradient = gradients_[static_cast<std::size_t>(p)];
    return gradient.defined() && sum_abs(gradient) == 0;
  }
  const Network& network() const { return network_; }
  const Shape& shape(int p) const { return network_.parameters[static_cast<std::size_t>(p)].parameter->shape(); }

  // w = f(w, channel, row) for all numbers of a parameter.
  template <class F>
  void edit(const Symmetry::Part& part, F f) {
    Tensor& w = value(part.parameter);
    changed_.insert(part.parameter);
    double* const numbers = w.mutable_data<double>();
    const std::int64_t columns = w.rank() == 0 ? 1 : w.dim(-1), rows = w.rank() < 2 ? 1 : w.dim(-2);
    for (std::int64_t row = 0; row < w.size() / std::max<std::int64_t>(1, columns); ++row)
      for (std::int64_t c = 0; c < columns; ++c) {
        double& number = numbers[row * columns + c];
        number = f(number, static_cast<std::size_t>(part.rows ? row % rows : c), row);
      }
  }

  // Each unit of a scaling or rescaling by 2^first or 2^(first + step), at random but for draw 0.
  void scale(const Symmetry& symmetry, int first, int step, std::uint64_t draw) {
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

  // 1 or -1 added to each unit of a shift, at random; to the columns of a weight a normal vector of about that length.
  void shift(const Symmetry& symmetry, std::uint64_t draw) {
    for (std::size_t i = 0; i < symmetry.parts.size(); ++i) {
      const int p = symmetry.parts[i].parameter;
      const std::vector<double> sizes = detail::by_channel(
          symmetry, i, shape(p), 0, [&](double, std::size_t u) { return Rng(draw).below(2, u) == 0 ? 1.0 : -1.0; });
      edit(symmetry.parts[i],
           [&](double w, std::size_t channel, std::int64_t row) { return w + sizes[channel] * common(p, draw, row); });
    }
  }

  // What is added to a row of a parameter when all its columns get the same.
  double common(int p, std::uint64_t draw, std::int64_t row) const {
    const Shape& of = shape(p);
    if (of.rank() < 2) return 1;
    return Rng(draw).normal(static_cast<std::uint64_t>(row)) / std::sqrt(static_cast<double>(of.size() / of[-1]));
  }

  // As above for all of a group, each by draws of its own.
  void scale(const Group& group, int first, int step, std::uint64_t draw) {
    for (const Symmetry* const s : group) scale(*s, first, step, draw), draw += draw == 0 ? 0 : 16;
  }
  void shift(const Group& group, std::uint64_t draw) {
    for (const Symmetry* const s : group) shift(*s, draw), draw += 16;
  }

  const std::vector<bool> inert;  // parameters
  int exponent = least_exponent;
  double eps = 0;             // the largest of the norms
  double eps_of_least = 0;    // the largest eps of a norm over the least variance
  double felt_eps = 0;        // bound on what eps makes of a doubled scale
  double felt_constants = 0;  // likewise of the eps of norms that are written out

 private:
  Tensor& value(int p) const { return network_.parameters[static_cast<std::size_t>(p)].parameter->value(); }

  // Looks around: the loss, its gradients, and how much an eps matters. \returns the least variance, at most 1.
  double arrive() {
    base_ = loss_here();
    take_gradients();
    const double least = least_variance([](Point&) {});
    eps_of_least = eps / least;
    felt_eps = roundings + eps_margin * eps_of_least;
    return std::min(1.0, least);
  }

  void take_gradients() {
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

  double loss_here() const {
    f64_.reset_buffers();
    return loss_(DType::f64).item();
  }

  const TravelRules& own_;
  InF64 f64_;
  const LossOf& loss_;
  const Network& network_;
  std::vector<Tensor> values_, gradients_;
  std::set<int> changed_;
  double base_ = 0;
};

Probe::Probe(Module& model, const LossOf& loss, const Network& network, std::vector<Symmetry> known,
             const TravelRules& own)
    : point_(std::make_unique<Point>(model, loss, network, known, own)),
      known_(std::move(known)),
      together_(own.empty()) {}

Probe::~Probe() = default;
int Probe::exponent() const { return point_->exponent; }
std::vector<ProbeResult> Probe::confirm_all() {
  std::vector<std::vector<std::size_t>> groups(4);
  for (std::size_t i = 0; i < known_.size(); ++i) {
    const bool scaling = known_[i].kind == Symmetry::Kind::scale, gain = scaling && point_->has_gain(known_[i]);
    groups[gain ? 0 : scaling ? 1 : known_[i].kind == Symmetry::Kind::rescale ? 2 : 3].push_back(i);
  }
  std::vector<ProbeResult> out(known_.size());
  for (const std::vector<std::size_t>& numbers : groups) {
    Group group;
    for (const std::size_t i : numbers) group.push_back(&known_[i]);
    const ProbeResult all = group.empty() || !together_ ? ProbeResult{} : confirm(group);
    for (const std::size_t i : numbers) out[i] = all.confirmed ? all : confirm(known_[i]);
  }
  return out;
}

ProbeResult Probe::confirm(const Symmetry& symmetry) { return confirm(Group{&symmetry}); }

ProbeResult Probe::confirm(const Group& group) {
  if (group[0]->kind == Symmetry::Kind::shift) return confirm_shifts(group);
  const bool scaling = group[0]->kind == Symmetry::Kind::scale;
  if (point_->exponent > greatest_exponent) {
    ProbeResult untried;
    untried.reason = text("a variance in front of a norm is so small that scalings beyond 2^", greatest_exponent,
                          " would be needed");
    return untried;
  }
  // Near the model's own numbers, in front of norms whose eps others make void.
  ProbeResult near = tried(group, scaling ? 0 : -1, true);
  if (near.confirmed || eps_is_void(group)) return near;
  // What saturates, a sigmoid say, ignores large scales too, but feels a small one more than an eps would.
  const bool as_eps =
      scaling ? falls_as_eps(group) : near.change / eps_of_halving <= point_->felt_eps + point_->felt_constants;
  if (!as_eps) return near;
  const ProbeResult far = tried(group, point_->exponent, false);
  return scaling || far.confirmed ? far : tried(group, -point_->exponent, false);
}

ProbeResult Probe::confirm_shifts(const Group& group) {
  ProbeResult result;
  for (const std::uint64_t draw : {std::uint64_t{1}, std::uint64_t{2}}) {
    const double loss = point_->loss([&](Point& point) { point.shift(group, draw); });
    result.change = std::max(result.change, change_of(loss, point_->base()));
  }
  result.exact = result.change == 0;
  result.confirmed = result.change <= roundings;
  return result;
}

// Whether no norm feels its eps while all else that scalings may change is large.
bool Probe::eps_is_void(const Group& group) {
  const auto lifted = [&](Point& point) { point.lift(known_, group); };
  return point_->felt_constants == 0 && point_->eps / point_->least_variance(lifted) < void_eps;
}

// Whether the loss changes by no more than eps makes of it when all units are doubled, and with each further doubling
// by a quarter of that: by a half at most where an eps may stand beside a root.
bool Probe::falls_as_eps(const Group& group) {
  const auto at = [&](int power) {
    return point_->loss([&](Point& point) {
      point.without_inert();
      point.scale(group, power, 0, 0);
    });
  };
  double loss = at(0), first = 0, before = 0, second_orders = second_order * point_->eps_of_least * point_->felt_eps;
  const double size = std::abs(loss);
  bool by_four = point_->felt_constants == 0;
  for (int k = 1; k <= doublings; ++k) {
    const double next = at(k), change = (next - loss) / size;
    if (k == 1) {
      first = change;
    } else if (point_->felt_constants > 0) {
      if (!(std::abs(change) <= 0.51 * std::abs(before) + roundings)) return false;
    } else {
      const double off = std::abs(change - before / 4), share = share_beside_four * std::abs(before);
      if (!(off <= std::max(share, second_orders) + roundings)) return false;
      by_four = by_four && off <= share + roundings;
      second_orders /= 16;
    }
    loss = next;
    before = change;
  }
  return std::abs(first) <= (by_four ? deep_margin : 1) * point_->felt_eps + point_->felt_constants;
}

ProbeResult Probe::tried(const Group& group, int from, bool lifted) {
  const bool scaling = group[0]->kind == Symmetry::Kind::scale;
  const int step = scaling ? detail::powers_apart : from < 0 ? 2 : 1;
  const auto drawn = [&](std::uint64_t draw) {
    return point_->loss([&](Point& point) {
      point.without_inert();
      if (lifted) point.lift(known_, group);
      point.scale(group, from, step, draw);
    });
  };
  ProbeResult result;
  const double first = drawn(0);
  for (const std::uint64_t draw : {std::uint64_t{1}, std::uint64_t{2}})
    result.change = std::max(result.change, change_of(drawn(draw), first));
  result.exact = result.change == 0;
  const double constants = lifted ? 0 : std::ldexp(point_->felt_constants, -std::abs(from));
  result.confirmed = result.exact || (!point_->rounds_alike(group) && result.change <= last_bits + constants);
  return result;
}

std::vector<std::string> Probe::missed() {
  std::vector<std::string> found;
  const Network& network = point_->network();
  point_->go_up(known_);
  // Parameters that some scaling changes by themselves, and those that a shift does.
  std::set<std::vector<int>> scaled, shifted;
  for (const Symmetry& s : known_) {
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
        point.edit({.parameter = p}, [&](double w, std::size_t channel, std::int64_t) {
          const auto at = static_cast<std::int64_t>(channel);
          return channels.empty() || std::ranges::find(channels, at) != channels.end() ? w * c : w;
        });
    });
  };
  // Each doubling divides what eps makes of the next by four; what saturates ignores large scales alone, and comes to
  // that more slowly. A unit that a large negative shift switches off ignores a larger one; with the sign turned it
  // does not.
  const auto invariant = [&](const std::vector<int>& parameters, const std::vector<std::int64_t>& channels) {
    if (point_->feels_scale(parameters, channels) || point_->idle(parameters, channels)) return false;
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
    // What has no effect at all, as behind a unit that is never on, is no symmetry of the network.
    if (point_->dead(p) ||
        (!scaled.contains({p}) && !point_->feels_scale({p}, {}) && scaled_loss({p}, {}, 2) == point_->base()))
      continue;
    const std::int64_t channels = shape.rank() == 0 ? 1 : shape[-1];
    if (scalings && !scaled.contains({p})) {
      if (invariant({p}, {})) found.push_back(text(path(p), ": the loss ignores its scale, which travel did not find"));
      const std::set<std::int64_t> some{0, channels / 2, channels - 1};
      for (const std::int64_t c : some)
        if (channels > 1 && invariant({p}, {c}))
          found.push_back(text(path(p), ": the loss ignores the scale of channel ", c, ", which travel did not find"));
    }
    const auto added = [&](std::int64_t row) { return point_->common(p, 3, row); };
    if (point_->feels_shift(p, added)) continue;
    const double moved = point_->loss([&](Point& point) {
      point.edit({.parameter = p}, [&](double w, std::size_t, std::int64_t row) { return w + added(row); });
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
