/// \file
/// Batches of one sample, which end a training after an epoch when nobody looks for them before.
#pragma once

#include "data/loader.h"
#include "framework/nn/layer.h"

namespace ebb {

/// Gives `model` one sample of zeros where the last batch of an epoch of `train` or `evaluated` has only one: in
/// training each module in the mode that it is in, for the evaluation in eval mode. A batch norm in training takes no
/// single value for each channel. Buffers are as before afterwards. \throws Error that names the way out when the model
/// does not take it. \param shards that each batch in training is cut into and that are computed each by itself: one
/// of them may have a single sample, too.
void require_last_batches(Layer& model, const Loader& train, const Loader& evaluated, int shards = 1);

}  // namespace ebb
