#include "lab/audit/felt_norms.h"

#include <algorithm>
#include <set>

#include "framework/tensor/text.h"
#include "lab/audit/op_kind.h"

namespace ebb {
namespace {

using detail::kind_of;
using detail::OpKind;

// Weights from which value number i is made, back to the first linear map on each way.
void weights_before(const Network& network, std::size_t i, std::set<std::size_t>& seen, std::set<int>& weights) {
  std::vector<std::size_t> open{i};
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    if (!seen.insert(at).second) continue;
    const NetworkValue& value = network.values[at];
    if (value.parameter >= 0) {
      const Role role = network.parameters[static_cast<std::size_t>(value.parameter)].parameter->role();
      if (role == Role::weight) weights.insert(value.parameter);
    }
    if (kind_of(value.op) == OpKind::norm) continue;
    for (std::size_t k = kind_of(value.op) == OpKind::linear ? 1 : 0; k < value.inputs.size(); ++k)
      if (value.inputs[k] >= 0) open.push_back(static_cast<std::size_t>(value.inputs[k]));
  }
}

}  // namespace

std::vector<std::string> felt_norms(const Network& network, const std::vector<Position>& places) {
  std::vector<std::string> out;
  for (std::size_t p = 0; p < network.parameters.size(); ++p) {
    if (network.parameters[p].parameter->role() != Role::norm_scale) continue;
    std::set<std::size_t> seen;
    std::set<int> weights;
    for (std::size_t i = 0; i < network.values.size(); ++i) {
      const NetworkValue& value = network.values[i];
      const bool reads = std::ranges::any_of(value.inputs, [&](std::int32_t from) {
        return from >= 0 && network.values[static_cast<std::size_t>(from)].parameter == static_cast<int>(p);
      });
      if (value.to_loss && reads && kind_of(value.op) != OpKind::norm) weights_before(network, i, seen, weights);
    }
    const auto is_plain = [&](int w) { return places[static_cast<std::size_t>(w)] == Position::plain; };
    if (weights.empty() || !std::ranges::all_of(weights, is_plain)) continue;
    out.push_back(text(network.parameters[p].path, " is the scale of a norm, but the loss feels the scale of ",
                       network.parameters[static_cast<std::size_t>(*weights.begin())].path,
                       weights.size() > 1 ? " and of all other weights" : "",
                       " in front of it: a constant in the norm is too large for an eps, or an op in it is not known"));
  }
  return out;
}

}  // namespace ebb
