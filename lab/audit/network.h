/// \file
/// The graph of one recorded pass, kept beyond its tape.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/autograd/tape.h"
#include "framework/nn/module.h"
#include "lab/audit/small_constant.h"

namespace ebb {

/// A value of the pass.
struct NetworkValue {
  std::string op;                         ///< "conv2d"; "parameter" and "input" for leaves.
  std::vector<OpSetting> settings = {};   ///< What the op says of itself.
  std::vector<std::int32_t> inputs = {};  ///< Numbers of values, -1 for constants.
  int parameter = -1;                     ///< Of a leaf: its number in Network::parameters.
  Shape shape = {};                       ///< Of the value.
  bool to_loss = false;                   ///< Whether the loss depends on it.
  int eps = -1;                           ///< Of a sum: which input is a constant as small as a norm's eps; or -1.
  double eps_share = 0;                   ///< Its share of the sum: see SmallConstants.
  bool scaled = false;                    ///< Of a product: by one constant number.

  /// The setting of that name, the first if there are several; `otherwise` where there is none.
  double setting(std::string_view name, double otherwise = 0) const;
};

/// Values in the order in which they were computed, and the parameters of the module.
struct Network {
  std::vector<NetworkValue> values;        ///< Inputs stand before what is made of them.
  std::vector<NamedParameter> parameters;  ///< As Module::named_parameters() lists them.
  int loss = -1;                           ///< Number of the loss.
};

/// What `tape` holds, before its backward().
/// \param parameters of the module that was recorded; leaves of others are taken for constants.
/// \param constants looked on while the pass was recorded.
/// \throws Error when `loss` is not on the tape.
Network network_of(const Tape& tape, const std::vector<NamedParameter>& parameters, const Var& loss,
                   const SmallConstants& constants);

}  // namespace ebb
