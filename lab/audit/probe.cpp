#include "lab/audit/probe.h"

#include <algorithm>
#include <cmath>

#include "framework/tensor/error.h"
#include "lab/audit/probe_point.h"

namespace ebb {
namespace {

using detail::change_of, detail::greatest_exponent, detail::roundings, detail::void_eps;

// Of ops that round a scaled number otherwise. What is no invariance differs by 2^-34 or more.
constexpr double last_bits = 0x1p-46;
// Halving a scale moves an invariant loss by four times what doubling it does; the next doubling by a quarter, but for
// terms of second order.
constexpr double eps_of_halving = 4, second_order = 16;
// Deep networks amplify both. What falls by four with each of so many doublings, but for this share, may be so many
// times as large: of 110 layers a share of 0.09 and 3.2 times were seen.
constexpr int doublings = 6;
constexpr double share_beside_four = 0.125, deep_margin = 16;

}  // namespace

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

}  // namespace ebb
