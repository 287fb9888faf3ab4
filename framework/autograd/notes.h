/// \file
/// What an op notes about its result for the op behind it.
#pragma once

#include <cstdint>

#include "framework/tensor/tensor.h"

namespace ebb {

/// How to make a value again from what is kept anyway, instead of keeping it as well.
struct Recompute {
  /// The value, from the two tensors below.
  using Make = Tensor(const Tensor& from, const Tensor& terms);
  Make* make = nullptr;       ///< Gives the same bits each time; null: there is no way.
  Tensor from;                ///< What the op that made the value keeps for itself.
  Tensor terms;               ///< Something small.
  std::uint64_t version = 0;  ///< Of the value when it was made: edited values cannot be made again.
};

/// What one op tells the next about a value, beside the value itself. It stands in a block of its own, which the copies
/// of a Var share: most values have none. It belongs to the value and not to a tape, since statistics are handed on
/// where nothing records, too.
struct Notes {
  Tensor channel_stats;  ///< See Var::channel_stats().
  Recompute recompute;   ///< See Var::recompute().
};

}  // namespace ebb
