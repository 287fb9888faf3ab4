#include "framework/nn/eval_mode.h"

namespace ebb {

EvalMode::EvalMode(Module& model) {
  for (const NamedModule& m : model.named_modules()) {
    if (!m.module->training()) continue;
    m.module->set_training(false);
    trained_.push_back(m.module);
  }
}

EvalMode::~EvalMode() {
  for (Module* const module : trained_) module->set_training(true);
}

}  // namespace ebb
