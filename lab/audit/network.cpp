#include "lab/audit/network.h"

#include <algorithm>
#include <map>

#include "framework/tensor/error.h"

namespace ebb {

double NetworkValue::setting(std::string_view name, double otherwise) const {
  const auto found = std::ranges::find(settings, name, &OpSetting::name);
  return found == settings.end() ? otherwise : found->value;
}

Network network_of(const Tape& tape, const std::vector<NamedParameter>& parameters, const Var& loss,
                   const SmallConstants& constants) {
  Network network;
  network.parameters = parameters;
  network.loss = tape.number(loss);
  if (network.loss < 0)
    fail("audit", "a loss that depends on no parameter", "one that was computed from the model while the tape records",
         "check that not every parameter is frozen");
  std::map<const Parameter*, int> numbers;
  for (std::size_t i = 0; i < parameters.size(); ++i) numbers.emplace(parameters[i].parameter, static_cast<int>(i));
  for (std::size_t i = 0; i < tape.size(); ++i) {
    const TapeNode node = tape.node(i);
    NetworkValue& value = network.values.emplace_back();
    value.op = node.op;
    value.settings.assign(node.settings.begin(), node.settings.end());
    value.inputs.assign(node.inputs.begin(), node.inputs.end());
    value.shape = node.shape;
    const auto known = numbers.find(node.parameter);
    if (node.parameter != nullptr && known != numbers.end()) value.parameter = known->second;
    for (std::size_t k = 0; k < value.inputs.size(); ++k) {
      const double share = value.inputs[k] < 0 ? constants.share(i, k) : 1;
      if (value.inputs[k] < 0 && constants.scales(i, k)) value.scaled = true;
      if (share <= most_eps_share) value.eps = static_cast<int>(k), value.eps_share = share;
    }
  }
  network.values[static_cast<std::size_t>(network.loss)].to_loss = true;
  for (std::size_t i = network.values.size(); i-- > 0;)
    if (network.values[i].to_loss)
      for (const std::int32_t input : network.values[i].inputs)
        if (input >= 0) network.values[static_cast<std::size_t>(input)].to_loss = true;
  return network;
}

}  // namespace ebb
