/// \file
/// A training between Ebb and PyTorch: weights, and the state of the optimizer.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "framework/io/atomic_file.h"
#include "framework/nn/module.h"
#include "optim/optimizer.h"

namespace ebb {

/// torch_state(), and the state of an optimizer under the names that PyTorch's has for it behind the parameter's own,
/// in PyTorch's layouts: `conv1.weight.momentum_buffer` of SGD; `.exp_avg`, `.exp_avg_sq` and with amsgrad
/// `.max_exp_avg_sq` of Adam, AdamW, NAdam (`.mu_product` as well) and RAdam; `.square_avg`, `.grad_avg`,
/// `.momentum_buffer` of RMSprop; `.sum` of Adagrad; `.square_avg`, `.acc_delta` of Adadelta. Each parameter that was
/// updated has its number of updates as `.step`, f64. Settings, schedules and groups are not in it.
/// \param saved what Optimizer::save_state() gives.
/// \throws Error for other optimizers, and as torch_state().
State torch_training(Module& model, const OptimizerState& saved);

/// Writes torch_training() by save_torch().
/// \throws Error as both do.
void export_torch_training(Module& model, const OptimizerState& saved, const std::filesystem::path& file,
                           const std::map<std::string, std::string>& metadata = {},
                           Existing existing = Existing::replace);

/// Takes over what torch_training() gives, or what PyTorch's state dicts hold under these names. The optimizer must be
/// the one that it was saved of, with settings of one's own. Without `.step`, which PyTorch's SGD does not count,
/// numbers of updates stay, and are 1 at least. The optimizer's own count of steps, by which schedules go, becomes the
/// largest of them. What weights decay towards, where that is their start, stays the optimizer's own.
/// \param where the name for messages.
/// \throws Error when a name is missing, too many, or does not fit; model and optimizer are then unchanged.
void import_torch_training(Module& model, Optimizer& optimizer, const State& state, std::string_view where);

/// As above, from a file.
void import_torch_training(Module& model, Optimizer& optimizer, const std::filesystem::path& file);

/// What of a state import_torch() takes: all but an optimizer's.
State without_optimizer(Module& model, const State& state);

}  // namespace ebb
