#include "framework/nn/eval_mode.h"

namespace ebb {

ModeScope::ModeScope(Module& model, bool training) : training_(training) {
  for (const NamedModule& m : model.named_modules()) {
    if (m.module->training() == training) continue;
    m.module->set_training(training);
    changed_.push_back(m.module);
  }
}

ModeScope::~ModeScope() {
  for (Module* const module : changed_) module->set_training(!training_);
}

}  // namespace ebb
