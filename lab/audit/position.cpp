#include "lab/audit/position.h"

#include <algorithm>
#include <array>

#include "lab/audit/op_kind.h"

namespace ebb {
namespace {

using detail::kind_of;
using detail::OpKind;

// The graph in the direction of the pass.
class Readers {
 public:
  explicit Readers(const Network& network)
      : network_(network), readers_(network.values.size()), reaches_addition_(network.values.size(), false) {
    for (std::size_t i = 0; i < network.values.size(); ++i)
      if (network.values[i].to_loss)
        for (const std::int32_t input : network.values[i].inputs)
          if (input >= 0) readers_[static_cast<std::size_t>(input)].push_back(i);
    // From the loss back: each value is looked at once, however many paths lead on from it.
    for (std::size_t i = network.values.size(); i-- > 0;)
      reaches_addition_[i] = std::ranges::any_of(readers_[i], [&](std::size_t reader) { return leads_on(reader); });
  }

  const std::vector<std::size_t>& of(std::size_t value) const { return readers_[value]; }

  // True when value number i, made by a norm, reaches an addition of two computed values before a linear map or a norm.
  bool reaches_addition(std::size_t i) const { return reaches_addition_[i]; }

 private:
  // Whether what value number `reader` reads is added there, or behind it.
  bool leads_on(std::size_t reader) const {
    const NetworkValue& value = network_.values[reader];
    const OpKind kind = kind_of(value.op);
    if (kind == OpKind::sum) {
      const auto computed = std::ranges::count_if(value.inputs, [&](std::int32_t input) {
        return input >= 0 && kind_of(network_.values[static_cast<std::size_t>(input)].op) != OpKind::leaf;
      });
      if (computed >= 2) return true;
    }
    return kind != OpKind::linear && kind != OpKind::norm && reaches_addition_[reader];
  }

  const Network& network_;
  std::vector<std::vector<std::size_t>> readers_;
  std::vector<bool> reaches_addition_;
};

// Marks the parameters of the last linear maps in front of the loss.
void mark_heads(const Network& network, std::size_t i, std::vector<bool>& seen, std::vector<Position>& out) {
  if (seen[i]) return;
  seen[i] = true;
  const NetworkValue& value = network.values[i];
  const OpKind kind = kind_of(value.op);
  if (value.op.ends_with("_penalty")) return;
  const bool last = kind == OpKind::linear && !detail::rectifies(value.op);
  const auto passes = [](OpKind k) {
    return k == OpKind::sum || k == OpKind::product || k == OpKind::reduction || k == OpKind::layout ||
           k == OpKind::softmax || k == OpKind::other;
  };
  if (!last && !passes(kind)) return;
  for (std::size_t k = 0; k < value.inputs.size(); ++k) {
    if (value.inputs[k] < 0) continue;
    const auto from = static_cast<std::size_t>(value.inputs[k]);
    const int parameter = network.values[from].parameter;
    if (parameter >= 0 && (!last || k > 0)) out[static_cast<std::size_t>(parameter)] = Position::head;
    else if (!last) mark_heads(network, from, seen, out);
  }
}

}  // namespace

const char* name(Position position) {
  static constexpr std::array names{"plain",         "feeds_norm", "cancelled", "joint_gain",
                                    "residual_gain", "head",       "tied",      "unused"};
  return names[static_cast<std::size_t>(position)];
}

std::vector<Position> positions_of(const Network& network, const std::vector<Symmetry>& symmetries) {
  std::vector<Position> out(network.parameters.size(), Position::unused);
  std::vector<int> uses(network.parameters.size(), 0);
  const Readers readers(network);
  for (std::size_t i = 0; i < network.values.size(); ++i) {
    const NetworkValue& value = network.values[i];
    if (value.parameter < 0 || !value.to_loss) continue;
    uses[static_cast<std::size_t>(value.parameter)] += static_cast<int>(readers.of(i).size());
    out[static_cast<std::size_t>(value.parameter)] = Position::plain;
  }
  for (std::size_t p = 0; p < out.size(); ++p)
    if (uses[p] > 1) out[p] = Position::tied;
  std::vector<Position> heads(out.size(), Position::plain);
  std::vector<bool> seen(network.values.size(), false);
  mark_heads(network, static_cast<std::size_t>(network.loss), seen, heads);
  for (std::size_t p = 0; p < out.size(); ++p)
    if (heads[p] == Position::head && out[p] == Position::plain) out[p] = Position::head;
  const auto is_norm = [&](const Symmetry::Part& part) {
    const Role role = network.parameters[static_cast<std::size_t>(part.parameter)].parameter->role();
    return role == Role::norm_scale || role == Role::norm_shift;
  };
  for (const Symmetry& s : symmetries) {
    if (s.kind == Symmetry::Kind::rescale) continue;
    const bool norms = std::ranges::all_of(s.parts, is_norm);
    for (const Symmetry::Part& part : s.parts) {
      const Parameter& parameter = *network.parameters[static_cast<std::size_t>(part.parameter)].parameter;
      Position& position = out[static_cast<std::size_t>(part.parameter)];
      if (s.kind == Symmetry::Kind::scale) position = norms ? Position::joint_gain : Position::feeds_norm;
      else if (parameter.shape().rank() < 2 && s.granularity() == "channel") position = Position::cancelled;
    }
  }
  for (std::size_t i = 0; i < network.values.size(); ++i) {
    const NetworkValue& value = network.values[i];
    if (!value.to_loss || kind_of(value.op) != OpKind::norm || !readers.reaches_addition(i)) continue;
    for (const std::size_t k : {std::size_t{1}, std::size_t{2}}) {
      if (k >= value.inputs.size() || value.inputs[k] < 0) continue;
      const int p = network.values[static_cast<std::size_t>(value.inputs[k])].parameter;
      if (p >= 0 && out[static_cast<std::size_t>(p)] != Position::cancelled)
        out[static_cast<std::size_t>(p)] = Position::residual_gain;
    }
  }
  return out;
}

}  // namespace ebb
