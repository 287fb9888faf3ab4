/// \file
/// The complete state of a training, as data.
#pragma once

#include <map>
#include <string>

#include "framework/nn/module.h"

namespace ebb {

/// Everything that a training needs to go on bit for bit: tensors by "model/PATH", "optimizer/PATH/WHAT", "ema/PATH",
/// "swa/PATH", "lookahead/PATH", "best/PATH", "observer/NAME/...", and text by "trainer" (counters, curve),
/// "optimizer/..." (name, step, groups) and the keys of to_metadata(PixelStatistics).
struct TrainState {
  State tensors;                                ///< Copies; the bytes of a checkpoint.
  std::map<std::string, std::string> metadata;  ///< The rest.
};

/// What stands under a prefix, without it: part_of(state, "model/").
TrainState part_of(const TrainState& state, const std::string& prefix);

/// How strictly a state is taken over.
struct StateOptions {
  /// Accepts EMA or lookahead where the state has none, which then begin with its weights, and the other way round.
  bool other_averages = false;
};

}  // namespace ebb
