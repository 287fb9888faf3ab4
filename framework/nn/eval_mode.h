/// \file
/// EvalMode: a model in eval mode for a while.
#pragma once

#include <vector>

#include "framework/nn/module.h"

namespace ebb {

/// Eval mode for all modules of a model while it lives, also when an error ends that. Then each module has the mode
/// that it had: one that was put into eval mode by hand, such as a norm that is frozen, stays there.
class EvalMode {
 public:
  explicit EvalMode(Module& model);  ///< The model must outlive it, and may get no new modules meanwhile.
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  std::vector<Module*> trained_;  // those that were in training mode
};

}  // namespace ebb
