/// \file
/// update_batch_norm(): running statistics of weights that no batch has trained.
#pragma once

#include <functional>

#include "framework/nn/module.h"

namespace ebb {

/// Computes the running statistics of all batch norms in `model` anew, as the means over the batches that `pass` calls
/// it with, each batch with the same weight. For weights that were averaged (Swa), imported or edited:
///
/// <!-- code: tests/docs/header_examples_test.cpp update_batch_norm -->
/// ```cpp
/// update_batch_norm(model, [&] {
///   for (const Batch& batch : loader.epoch(0)) model(batch.images);
/// });
/// ```
///
/// Nothing records meanwhile. A model in eval mode is in training mode for the pass, so dropout is active, as in
/// PyTorch's `torch.optim.swa_utils.update_bn`. In a model in training mode the modes stay: a norm that was put into
/// eval mode by hand keeps its statistics. So do norms that the pass does not reach. \throws Error when the pass calls
/// no batch norm that learns; what `pass` throws. The statistics are then as before.
void update_batch_norm(Module& model, const std::function<void()>& pass);

}  // namespace ebb
