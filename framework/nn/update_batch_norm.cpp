#include "framework/nn/update_batch_norm.h"

#include <array>
#include <deque>
#include <optional>

#include "framework/autograd/tape.h"
#include "framework/compute/basic.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/eval_mode.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// A norm whose running statistics begin anew. What it had comes back unless it saw a batch and accept() was called.
class Anew {
 public:
  explicit Anew(BatchNorm& norm)
      : norm_(&norm),
        cumulative_(norm.options().cumulative),
        buffers_{&*norm.running_mean, &*norm.running_variance, &*norm.batches} {
    for (std::size_t i = 0; i < kept_.size(); ++i) kept_[i] = buffers_[i]->value().clone();
    norm.reset_running();
    norm.set_cumulative(true);
  }
  Anew(const Anew&) = delete;
  Anew& operator=(const Anew&) = delete;
  ~Anew() {
    norm_->set_cumulative(cumulative_);
    if (accepted_ && saw_batches()) return;
    for (std::size_t i = 0; i < kept_.size(); ++i) copy_into(buffers_[i]->value(), kept_[i]);
  }

  bool saw_batches() const { return norm_->batches->value().item() > 0; }
  void accept() { accepted_ = true; }

 private:
  BatchNorm* norm_;
  bool cumulative_;
  std::array<Buffer*, 3> buffers_;
  std::array<Tensor, 3> kept_;
  bool accepted_ = false;
};

}  // namespace

void update_batch_norm(Module& model, const std::function<void()>& pass) {
  const Tape::Pause pause;
  std::optional<TrainMode> mode;
  if (!model.training()) mode.emplace(model);
  std::deque<Anew> norms;
  for (const NamedModule& m : model.named_modules()) {
    auto* const norm = dynamic_cast<BatchNorm*>(m.module);
    if (norm != nullptr && norm->options().track && norm->training()) norms.emplace_back(*norm);
  }
  pass();
  bool any = false;
  for (const Anew& norm : norms) any = any || norm.saw_batches();
  if (!any)
    fail("update_batch_norm", text("a pass that called none of ", norms.size(), " batch norms"), "a batch or more",
         "call the model in the pass");
  for (Anew& norm : norms) norm.accept();
}

}  // namespace ebb
