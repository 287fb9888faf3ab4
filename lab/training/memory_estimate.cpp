#include "lab/training/memory_estimate.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <optional>
#include <vector>

#include "framework/nn/eval_mode.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"
#include "framework/tensor/memory_limits.h"

namespace ebb {
namespace {

constexpr std::int64_t largest_rehearsal = 128, few = 16;
constexpr std::int64_t plenty = 4;  // times what is needed
// The blocks of the pool do not grow evenly with the batch; and what stands beside it: heap, stacks, tables of names.
constexpr double margin = 1.05;
constexpr double beside_pool = 4 << 20;

// Of a copy of its state, which is not made: there may be no memory for it.
std::int64_t state_bytes(Layer& model) {
  std::size_t bytes = 0;
  for (const NamedParameter& p : model.named_parameters()) bytes += p.parameter->value().bytes().size();
  for (const NamedBuffer& b : model.named_buffers()) bytes += b.buffer->value().bytes().size();
  return static_cast<std::int64_t>(bytes);
}

// Puts back what a rehearsal moves, also when it runs out of memory.
class AsBefore {
 public:
  explicit AsBefore(Layer& model) : model_(model), buffers_(model) { buffers_.take(); }
  ~AsBefore() {
    model_.zero_grad();
    buffers_.restore();
    memory::release_kept();
  }
  AsBefore(const AsBefore&) = delete;
  AsBefore& operator=(const AsBefore&) = delete;

 private:
  Layer& model_;
  BufferSnapshot buffers_;
};

class Rehearsal {
 public:
  Rehearsal(Layer& model, const Optimizer& optimizer, const TrainerOptions& options, const Loader& train)
      : model_(model), options_(options), train_(train) {
    const std::int64_t weights = std::max<std::int64_t>(1, state_bytes(model));
    const auto copies = [&](std::int64_t bytes) { return (bytes + weights - 1) / weights; };
    const std::int64_t state = copies(optimizer.state_bytes()), best = options.keep_best ? 1 : 0;
    const std::int64_t copied =
        1 + state + (options.ema ? 1 : 0) + (options.swa_from > 0 ? 1 : 0) + (options.lookahead ? 1 : 0);
    const std::int64_t snapshot = options.non_finite == OnNonFinite::rollback ? copied + best : 0;
    kept_ = state + best + snapshot;
    // What is written shares the best weights and the snapshot; what is read back has copies of its own.
    checkpoint_ = 2 * copied + best + snapshot;
  }

  // What the pool takes from the system while a training with batches of `batch` goes through all that it does.
  double operator()(std::int64_t batch) const {
    const AsBefore as_before(model_);
    memory::release_kept();
    memory::reset_peak();
    const auto held = [] { return memory::pooled() ? memory::stats().system_bytes : memory::stats().peak_bytes; };
    const auto before = held();
    start_thread();
    // One batch at hand, some ahead, and one that is being made.
    std::vector<Tensor> images, labels;
    for (std::int64_t i = 0; i < train_.options().prefetch + 2; ++i) {
      images.push_back(Tensor::zeros(train_.dataset().sample_shape().insert(0, batch)));
      labels.push_back(shares() ? Tensor::zeros({batch, train_.dataset().classes()})
                                : Tensor::zeros({batch}, DType::i64));
    }
    std::vector<State> kept;
    for (int step = 0; step < 2; ++step) {
      {
        Tape tape;
        tape.backward(softmax_cross_entropy(model_(images[0]), labels[0]));
      }
      // The optimizer makes its state in the first step, of blocks that the next one would have liked to have.
      while (static_cast<std::int64_t>(kept.size()) < kept_) kept.push_back(model_.state());
      model_.zero_grad();
      evaluate(images[0]);
      std::vector<State> checkpoint;
      while (static_cast<std::int64_t>(checkpoint.size()) < checkpoint_) checkpoint.push_back(model_.state());
    }
    return static_cast<double>(held() - before);
  }

 private:
  bool shares() const {
    const Augmentation& augment = train_.options().augment;
    return augment.mixup > 0 || augment.cutmix > 0;
  }

  // The thread that makes batches ahead keeps its part of the address space when it ends.
  void start_thread() const {
    const Epoch epoch = train_.with_batch(1).epoch(0);
    const auto walk = epoch.begin();
  }

  void evaluate(const Tensor& images) const {
    const Tape::Pause pause;
    const EvalMode mode(model_);
    Tensor view;
    if (options_.evaluation.flip || options_.evaluation.translate > 0) view = images.clone();
    model_(view.defined() ? view : images);
  }

  Layer& model_;
  const TrainerOptions& options_;
  const Loader& train_;
  std::int64_t kept_ = 0;        // copies as large as the weights that come up in the course of the training
  std::int64_t checkpoint_ = 0;  // and while a checkpoint is saved
};

// By batches of `large` and a part of that.
MemoryEstimate estimate(const Rehearsal& rehearse, std::int64_t large) {
  const double need = rehearse(large);
  // Far enough apart that the unevenness of the pool's blocks does not matter much for the line.
  const std::int64_t small = large / 4;
  if (small == 0) return {.batch = large, .need = need, .for_image = need / static_cast<double>(large)};
  const double more = std::max(0.0, need - rehearse(small));
  return {.batch = large, .need = need, .for_image = more / static_cast<double>(large - small)};
}

// Calls `rehearse`; nothing when there is no memory for it.
template <class Rehearse>
auto unless_out_of_memory(const Rehearse& rehearse) -> std::optional<decltype(rehearse())> {
  try {
    return rehearse();
  } catch (const Error& error) {
    if (!out_of_memory(error)) throw;
  } catch (const std::bad_alloc&) {
  }
  return std::nullopt;
}

}  // namespace

std::int64_t MemoryEstimate::total(std::int64_t images) const {
  return std::llround(margin * (need + for_image * static_cast<double>(images - batch)) + beside_pool);
}

MemoryEstimate estimate_memory(Layer& model, const Optimizer& optimizer, const TrainerOptions& options,
                               const Loader& train, std::int64_t batch) {
  if (batch < 1) fail("memory", text("batches of ", batch), "at least 1");
  const memory::Guard guard;  // a rehearsal that does not fit is to end with an error, not with the process
  const Rehearsal rehearse(model, optimizer, options, train);
  std::optional<MemoryEstimate> line;
  for (std::int64_t large = std::min(batch, largest_rehearsal); large > 0 && !line; large /= 2)
    line = unless_out_of_memory([&] { return estimate(rehearse, large); });
  if (!line) fail("memory", "no memory for a step with one image", "a training that fits", "use a smaller model");
  MemoryEstimate out{.batch = batch, .need = line->need, .for_image = line->for_image};
  if (line->batch == batch) return out;
  out.need += line->for_image * static_cast<double>(batch - line->batch);
  const std::int64_t available = available_memory();
  if (out.total() > available) return out;
  out.need = unless_out_of_memory([&] { return rehearse(batch); }).value_or(static_cast<double>(available));
  return out;
}

std::int64_t largest_batch(const MemoryEstimate& estimate, std::int64_t available) {
  if (estimate.for_image <= 0) return 0;
  const double left = static_cast<double>(available - estimate.total(0));
  return left < 0 ? 0 : static_cast<std::int64_t>(left / (margin * estimate.for_image));
}

void require_memory(Layer& model, const Optimizer& optimizer, const TrainerOptions& options, const Loader& train) {
  const auto estimate_for = [&](std::int64_t batch) {
    return estimate_memory(model, optimizer, options, train, batch);
  };
  const std::int64_t images = std::min(train.options().batch, train.dataset().size());
  // Whole batches of a large model take seconds. Few images will do where there is far more than enough.
  if (images > few && plenty * estimate_for(few).total(images) <= available_memory()) return;
  const MemoryEstimate wanted = estimate_for(images);
  const std::int64_t available = available_memory();  // now that the threads have their workspace
  if (wanted.total() <= available) return;
  // The batch that is named here will be accepted: it was rehearsed too, with some room for what differs then.
  const std::int64_t room = available - available / 50;
  std::int64_t batch = std::min(largest_batch(wanted, room), wanted.batch - 1);
  while (batch > 0 && estimate_for(batch).total() > room) batch -= (batch + 9) / 10;
  fail("memory",
       text("a need of about ", bytes_text(wanted.total()), " for batches of ", wanted.batch, ", with ",
            bytes_text(available), " available"),
       "a training that fits",
       batch > 0 ? text("the largest batch that fits is ", batch, ": --batch ", batch)
                 : std::string("use a smaller model"));
}

}  // namespace ebb
