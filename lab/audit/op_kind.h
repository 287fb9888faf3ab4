/// \file
/// What travel knows of the library's ops.
#pragma once

#include <string_view>

#include "lab/audit/network.h"

namespace ebb::detail {

/// Families of ops that changes of scale and shifts pass alike.
enum class OpKind : std::uint8_t {
  leaf,         ///< "parameter", "input".
  linear,       ///< A linear map of its first input by its second, and a bias.
  norm,         ///< Batch, layer and group norm: input, scale, shift.
  sum,          ///< add, sub, where.
  product,      ///< mul; div has a power of -1.
  power,        ///< square, sqrt, pow.
  homogeneous,  ///< f(c x) = c f(x), channel by channel.
  pooling,      ///< As homogeneous; shifts pass.
  reduction,    ///< sum, mean and max over axes.
  layout,       ///< reshape, flatten, transpose, slice, concat, pad.
  embedding,    ///< Rows of a table.
  softmax,      ///< Ignores what all numbers of the last axis have in common.
  other,        ///< Nothing passes.
};

/// The family of an op.
OpKind kind_of(std::string_view op);

/// True when the op ends in a ReLU that its name tells of.
bool rectifies(std::string_view op);

/// The exponent of a power: of x^e.
double exponent_of(const NetworkValue& value);

}  // namespace ebb::detail
