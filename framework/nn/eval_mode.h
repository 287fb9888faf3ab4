/// \file
/// EvalMode and TrainMode: a model in one mode for a while.
#pragma once

#include <vector>

#include "framework/nn/module.h"

namespace ebb {

/// One mode for all modules of a model while it lives, also when an error ends that. Then each module has the mode that
/// it had: one that was put into another by hand, such as a norm that is frozen, returns there.
class ModeScope {
 public:
  ModeScope(Module& model, bool training);  ///< The model must outlive it, and may get no new modules meanwhile.
  ~ModeScope();
  ModeScope(const ModeScope&) = delete;
  ModeScope& operator=(const ModeScope&) = delete;

 private:
  bool training_;
  std::vector<Module*> changed_;
};

/// Eval mode.
class EvalMode : public ModeScope {
 public:
  explicit EvalMode(Module& model) : ModeScope(model, false) {}  ///< See ModeScope.
};

/// Training mode.
class TrainMode : public ModeScope {
 public:
  explicit TrainMode(Module& model) : ModeScope(model, true) {}  ///< See ModeScope.
};

}  // namespace ebb
