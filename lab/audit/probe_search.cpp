// What a probe finds by itself.
#include "framework/tensor/error.h"
#include "lab/audit/op_kind.h"
#include "lab/audit/probe_point.h"

namespace ebb {
namespace {

using detail::change_of, detail::greatest_exponent, detail::roundings;

// What eps makes of a doubling falls by four with each, but for so much: a variance may lie below eps.
constexpr double fades_at_first = 4;

}  // namespace

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
      if (!(change <= std::max(std::min(felt, fades), roundings))) return false;
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
