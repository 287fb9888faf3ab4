#include "lab/training/memory_estimate.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <new>
#include <optional>
#include <sstream>
#include <vector>

#include "framework/compute/kept_weights.h"
#include "framework/nn/eval_mode.h"
#include "framework/ops/loss.h"
#include "framework/parallel/shards.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"
#include "framework/tensor/memory_limits.h"
#include "lab/training/sharded_batch.h"

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
  Rehearsal(Layer& model, const Optimizer& optimizer, const TrainerOptions& options, const Loader& train,
            const parallel::Communicator& ranks)
      : model_(model), options_(options), train_(train) {
    const auto [begin, end] = parallel::shards_of(ranks.rank(), ranks.size(), options.shards);
    own_ = end - begin;
    together_ = options.batch_norm_over == BatchNormOver::batch;
    // Sums of gradients over shards: subtrees that are complete, the numbers sent and received, and the sum.
    if (options.shards > 1) sums_ = std::bit_width(static_cast<unsigned>(own_)) + (ranks.size() > 1 ? 3 : 1);
    if (options.shards > 1 && together_) sums_ += own_;  // a gradient for each
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
    const std::int64_t shard = (batch + options_.shards - 1) / options_.shards;
    const std::int64_t part = options_.shards > 1 ? shard * own_ : batch;
    // A norm wants two values of a channel, which a part of so small a batch need not have.
    const std::int64_t pass = options_.shards > 1 ? std::max<std::int64_t>(2, together_ ? part : shard) : part;
    std::vector<Tensor> images, labels;
    for (std::int64_t i = 0; i < train_.options().prefetch + 2; ++i) {
      images.push_back(images_of(part));
      labels.push_back(labels_of(part));
    }
    const Tensor taken = pass == part ? images[0] : images_of(pass), taken_labels = labels_of(pass);
    std::vector<State> sums;
    while (static_cast<std::int64_t>(sums.size()) < sums_) sums.push_back(model_.state());
    std::vector<State> kept;
    for (int step = 0; step < 2; ++step) {
      {
        const detail::KeptWeights kept_weights(pass < part ? filters_of(model_.parameters()) : std::vector<Tensor>());
        Tape tape;
        tape.backward(softmax_cross_entropy(model_(taken), taken_labels));
      }
      // The optimizer makes its state in the first step, of blocks that the next one would have liked to have.
      while (static_cast<std::int64_t>(kept.size()) < kept_) kept.push_back(model_.state());
      model_.zero_grad();
      evaluate(part < batch ? images_of(batch) : images[0]);
      std::vector<State> checkpoint;
      while (static_cast<std::int64_t>(checkpoint.size()) < checkpoint_) checkpoint.push_back(model_.state());
    }
    return static_cast<double>(held() - before);
  }

 private:
  Tensor images_of(std::int64_t count) const { return Tensor::zeros(train_.dataset().sample_shape().insert(0, count)); }

  Tensor labels_of(std::int64_t count) const {
    return shares() ? Tensor::zeros({count, train_.dataset().classes()}) : Tensor::zeros({count}, DType::i64);
  }

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
  std::int64_t own_ = 1;         // shards of this rank
  bool together_ = false;        // whether these compute at the same time
  std::int64_t sums_ = 0;        // copies as large as the weights for the sums of gradients
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
                               const Loader& train, std::int64_t batch, const parallel::Communicator& ranks) {
  if (batch < 1) fail("memory", text("batches of ", batch), "at least 1");
  const memory::Guard guard;  // a rehearsal that does not fit is to end with an error, not with the process
  const Rehearsal rehearse(model, optimizer, options, train, ranks);
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

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0' ? name.data() : "?";
}

// Of this rank, where so many ranks share its machine.
RankMemory memory_of(const std::function<MemoryEstimate(std::int64_t)>& estimate_for, std::int64_t images,
                     int sharing) {
  RankMemory out{.host = host_name()};
  // Whole batches of a large model take seconds. Few images will do where there is far more than enough.
  if (images > few) {
    out.need = estimate_for(few).total(images);
    out.available = available_memory();
    if (plenty * sharing * out.need <= out.available) return out;
  }
  const MemoryEstimate wanted = estimate_for(images);
  out.need = wanted.total();
  out.available = available_memory();  // now that the threads have their workspace
  const std::int64_t own = out.available / sharing;
  if (out.need <= own) return out;
  // The batch that is named here will be accepted: it was rehearsed too, with some room for what differs then.
  const std::int64_t room = own - own / 50;
  out.batch = std::min(largest_batch(wanted, room), wanted.batch - 1);
  while (out.batch > 0 && estimate_for(out.batch).total() > room) out.batch -= (out.batch + 9) / 10;
  return out;
}

}  // namespace

void require_memory(const std::vector<RankMemory>& ranks, std::int64_t batch) {
  struct Machine {
    std::int64_t need = 0, available = INT64_MAX;
    int ranks = 0;
  };
  std::map<std::string, Machine> machines;
  std::int64_t fits = INT64_MAX;
  for (const RankMemory& rank : ranks) {
    Machine& machine = machines[rank.host];
    machine.need += rank.need;
    machine.available = std::min(machine.available, rank.available);
    ++machine.ranks;
    if (rank.batch > 0) fits = std::min(fits, rank.batch);
  }
  for (const auto& [host, machine] : machines) {
    if (machine.need <= machine.available) continue;
    const std::string of = ranks.size() > 1 ? text(" of ", machine.ranks, " ranks on ", host) : std::string();
    fail("memory",
         text("a need", of, " of about ", bytes_text(machine.need), " for batches of ", batch, ", with ",
              bytes_text(machine.available), " available"),
         "a training that fits",
         fits < INT64_MAX ? text("the largest batch that fits is ", fits, ": --batch ", fits)
                          : std::string("use a smaller model"));
  }
}

void require_memory(Layer& model, const Optimizer& optimizer, const TrainerOptions& options, const Loader& train,
                    parallel::Communicator& ranks) {
  const std::int64_t images = std::min(train.options().batch, train.dataset().size());
  const auto estimate_for = [&](std::int64_t batch) {
    return estimate_memory(model, optimizer, options, train, batch, ranks);
  };
  const std::vector<std::string> hosts = ranks.gather_texts(host_name());
  const auto sharing = static_cast<int>(std::ranges::count(hosts, host_name()));
  std::vector<RankMemory> all;
  // A rank for which even one image is too much says so itself.
  const RankMemory own = memory_of(estimate_for, images, sharing);
  for (const std::string& line :
       ranks.gather_texts(text(own.need, ' ', own.available, ' ', own.batch, ' ', own.host))) {
    RankMemory& rank = all.emplace_back();
    std::istringstream(line) >> rank.need >> rank.available >> rank.batch >> rank.host;
  }
  require_memory(all, images);
}

}  // namespace ebb
