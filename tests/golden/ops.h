/// \file
/// The ops of Ebb by the names that stand in the golden files.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "framework/autograd/tape.h"

namespace ebb::golden {

/// What a case hands to its op.
struct Call {
  std::vector<std::string> names;         ///< Of the inputs, in order.
  std::map<std::string, Var> inputs;      ///< By name.
  std::vector<Parameter*> parameters;     ///< The inputs that have a gradient, in order.
  nlohmann::json options;                 ///< Options of the op by name.
  std::map<std::string, Tensor> results;  ///< Out: what the op gives beside y.

  const Var& at(const std::string& name) const { return inputs.at(name); }  ///< The input.
  /// The input, or an undefined one when the case has none of this name.
  Var find(const std::string& name) const {
    const auto place = inputs.find(name);
    return place == inputs.end() ? Var() : place->second;
  }
};

/// Computes y of a call.
using Op = std::function<Var(Call&)>;

/// All ops that have cases.
const std::map<std::string, Op>& ops();

}  // namespace ebb::golden
