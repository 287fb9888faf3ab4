#include "lab/training/sharded_batch.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include "framework/compute/basic.h"
#include "framework/compute/kept_weights.h"
#include "framework/compute/moments.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/shard_pass.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"
#include "lab/training/confusion.h"

namespace ebb {
namespace {

// Whatever a rank without samples computes counts nowhere: it takes part in exchanges and counts calls. Two samples, so
// that a batch norm has statistics.
constexpr std::int64_t stand_in = 2;

// Numbers of add_up() in front of those of the gradients.
constexpr std::size_t before_gradients = 3;

// Of arrays [3][channels].
void merge_arrays(double* left, const double* right, std::int64_t width) { merge_moments(left, right, width / 3); }

Tensor rows(const Tensor& all, std::int64_t first, std::int64_t count) {
  return count == all.dim(0) ? all : slice(all, 0, first, first + count).value();
}

Tensor nothing_like(const Tensor& whole) { return Tensor::zeros(whole.shape().with(0, stand_in), whole.dtype()); }

void copy_where_other(Tensor& to, const Tensor& from) {
  const auto a = std::as_const(to).bytes(), b = from.bytes();
  if (!a.empty() && std::memcmp(a.data(), b.data(), a.size()) != 0) copy_into(to, from);
}

}  // namespace

std::vector<Tensor> filters_of(const std::vector<Parameter*>& parameters) {
  std::vector<Tensor> out;
  for (const Parameter* const p : parameters)
    if (p->value().rank() == 4) out.push_back(p->value());
  return out;
}

// One shard, and what its pass has left in the model while others computed.
struct ShardedBatch::Part {
  int shard = 0;
  std::int64_t first = 0, samples = 0;  // in the batch
  std::int64_t row = 0;                 // of the first one among the rank's samples
  double loss = 0;
  std::int64_t hits = 0;
  std::vector<Tensor> gradients;  // of active_
  std::vector<bool> has;          // which of them there were
  std::vector<Tensor> buffers;
  std::vector<std::pair<BatchNorm*, Tensor>> moments;
  std::string found;            // what is not finite,
  std::int64_t found_when = 0;  // and how many results came before it
  Tree* tree = nullptr;         // what it brings along to an exchange
  std::span<double> numbers;
};

class ShardedBatch::Pass : public ShardPass {
 public:
  Pass(ShardedBatch& owner, std::size_t number)
      : ShardPass(owner.parts_[number]->first,
                  owner.parts_[number]->samples > 0 ? owner.parts_[number]->samples : stand_in, owner.shards_.samples,
                  owner.together_),
        owner_(owner),
        number_(number) {}
  void merge_moments(std::span<double> moments) override { owner_.exchange(number_, owner_.moments_, moments); }
  void sum(std::span<double> numbers) override { owner_.exchange(number_, owner_.sums_, numbers); }

 private:
  ShardedBatch& owner_;
  std::size_t number_;
};

// What an accumulated update has gathered so far: taken away, and put back when the batch is computed.
class ShardedBatch::Gathered {
 public:
  explicit Gathered(const std::vector<Parameter*>& parameters) : parameters_(parameters) {
    for (Parameter* const p : parameters_) {
      kept_.push_back(p->grad());
      p->zero_grad();
    }
  }
  ~Gathered() {
    for (std::size_t i = 0; i < kept_.size(); ++i) put_back(i);
  }
  Gathered(const Gathered&) = delete;
  Gathered& operator=(const Gathered&) = delete;

 private:
  void put_back(std::size_t i) {
    Parameter& p = *parameters_[i];
    Tensor added = p.grad();
    p.zero_grad();
    if (kept_[i].defined()) p.accumulate(std::move(kept_[i]));
    if (added.defined()) p.accumulate(std::move(added));
  }

  const std::vector<Parameter*>& parameters_;
  std::vector<Tensor> kept_;
};

ShardedBatch::ShardedBatch(Layer& model, const TrainerOptions& options, parallel::Communicator& ranks)
    : model_(model),
      options_(options),
      ranks_(ranks),
      together_(options.batch_norm_over == BatchNormOver::batch),
      overlaps_(options.overlap && !together_ && ranks.size() > 1 && ranks.takes_turns()),
      parameters_(model.parameters()),
      gradients_(ranks),
      moments_(merge_arrays) {
  for (const NamedBuffer& b : model.named_buffers()) {
    if (dynamic_cast<const BatchNorm*>(b.module) != nullptr) continue;
    buffers_.push_back(&b.buffer->value());
    broadcasts_ = broadcasts_ || is_float(b.buffer->value().dtype());
  }
}

ShardedBatch::~ShardedBatch() = default;

Loader ShardedBatch::own_part(const Loader& train) const {
  const auto [begin, end] = parallel::shards_of(ranks_.rank(), ranks_.size(), options_.shards);
  return train.part(begin, end, options_.shards);
}

void ShardedBatch::cut(std::int64_t samples) {
  shards_ = {options_.shards, samples};
  parts_.clear();
  bad_ = false;
  active_.clear();
  for (Parameter* const p : parameters_)
    if (!p->frozen()) active_.push_back(p);
  const auto [begin, end] = parallel::shards_of(ranks_.rank(), ranks_.size(), shards_.count);
  for (int s = begin; s < end; ++s) {
    if (shards_.empty(s)) continue;
    parts_.push_back(std::make_unique<Part>());
    parts_.back()->shard = s;
    parts_.back()->first = shards_.begin(s);
    parts_.back()->samples = shards_.size(s);
    parts_.back()->row = shards_.begin(s) - shards_.begin(begin);
  }
  if (parts_.empty()) parts_.push_back(std::make_unique<Part>());
  buffers_before_.clear();
  for (const Tensor* const b : buffers_) buffers_before_.push_back(b->clone());
  for (const auto& part : parts_) {
    part->gradients.resize(active_.size());
    for (const Tensor& b : buffers_before_) part->buffers.push_back(b.clone());
  }
}

void ShardedBatch::enter(Part& part) {
  for (std::size_t i = 0; i < active_.size(); ++i)
    if (part.gradients[i].defined()) active_[i]->accumulate(std::move(part.gradients[i]));
  for (std::size_t i = 0; i < buffers_.size(); ++i) copy_where_other(*buffers_[i], part.buffers[i]);
}

void ShardedBatch::leave(Part& part) {
  for (std::size_t i = 0; i < active_.size(); ++i) {
    part.gradients[i] = active_[i]->grad();
    active_[i]->zero_grad();
  }
  for (std::size_t i = 0; i < buffers_.size(); ++i) copy_where_other(part.buffers[i], *buffers_[i]);
}

// Each part by itself, done with at once; or all together, done with at the end.
void ShardedBatch::go_through(const std::function<void(std::size_t)>& pass, const std::function<void(Part&)>& done) {
  if (together_) {
    lockstep_.run(
        parts_.size(), pass, [this](std::size_t i) { enter(*parts_[i]); },
        [this](std::size_t i) { leave(*parts_[i]); });
    for (const auto& part : parts_) done(*part);
    return;
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    enter(*parts_[i]);
    pass(i);
    leave(*parts_[i]);
    done(*parts_[i]);
  }
}

// Ranks without samples give nothing and get what all get.
void ShardedBatch::exchange(std::size_t number, Tree& tree, std::span<double> numbers) {
  parts_[number]->tree = &tree;
  parts_[number]->numbers = numbers;
  lockstep_.meet(number, [&] {
    for (const auto& part : parts_)
      if (part->tree != &tree || part->numbers.size() != numbers.size())
        fail("shards", text("exchanges of ", part->numbers.size(), " and of ", numbers.size(), " numbers at a time"),
             "shards of a batch that compute alike", "a layer may not choose what it does by the samples it sees");
    tree.begin(shards_, ranks_, static_cast<std::int64_t>(numbers.size()));
    for (const auto& part : parts_)
      if (part->samples > 0) tree.add(part->shard, part->numbers);
    const std::span<const double> all = finish(tree);
    for (const auto& part : parts_) std::ranges::copy(all, part->numbers.begin());
  });
}

std::span<double> ShardedBatch::finish(Tree& tree) {
  const auto begun = std::chrono::steady_clock::now();
  const std::span<double> sums = tree.finish();
  if (ranks_.size() > 1) exchanging_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return sums;
}

ExchangeTimes ShardedBatch::times() const {
  ExchangeTimes out = gradients_.times();
  out.exposed += exchanging_;
  return out;
}

void ShardedBatch::compute(std::size_t number, const Batch& batch, const std::function<void(TrainPhase)>& tell) {
  Part& part = *parts_[number];
  const bool counts = part.samples > 0;
  const Tensor images = counts ? rows(batch.images, part.row, part.samples) : nothing_like(batch.images);
  const Tensor labels = counts ? rows(batch.labels, part.row, part.samples) : nothing_like(batch.labels);
  const bool tells = number == 0 || !together_;  // those who look on are in the trainer's thread
  if (tells) tell(TrainPhase::forward);
  Pass pass(*this, number);
  Tape tape;
  const Var logits = model_(images);
  const Var loss =
      softmax_cross_entropy(logits, labels, {.label_smoothing = options_.label_smoothing, .reduction = Reduction::sum});
  part.loss = loss.item();
  Confusion seen(logits.dim(1));
  seen.add(logits.value(), class_labels(labels));
  part.hits = std::llround(seen.accuracy() * static_cast<double>(seen.total()));
  double known = part.loss;  // of this part, or of all where those must all go back or none
  if (together_) pass.sum(std::span(&known, 1));
  bad_ = bad_ || ((counts || together_) && !std::isfinite(known));
  if (tells) tell(TrainPhase::backward);
  if (!bad_ && (counts || together_)) {
    const Tensor seed = Tensor::full(loss.shape(), 1 / static_cast<double>(shards_.samples), loss.dtype());
    std::function<void(Parameter&)> complete;
    if (overlaps_ && number + 1 == parts_.size()) {
      gradients_.begin_last(part.shard);
      complete = [this](const Parameter& p) { gradients_.complete(p); };
    }
    tape.backward(loss, seed, complete);
  }
  part.moments = pass.kept_moments();
}

// Without a finite loss there is no gradient: the sum, of which nobody takes anything, is made all the same, so that
// ranks that have computed theirs before do not wait for it.
void ShardedBatch::add_gradient(Part& part) {
  part.has.assign(active_.size(), false);
  for (std::size_t i = 0; i < active_.size(); ++i) {
    const Tensor& gradient = part.gradients[i];
    part.has[i] = gradient.defined();
  }
  if (part.samples > 0) gradients_.add(part.shard, part.gradients);
  part.gradients.assign(active_.size(), Tensor());
}

// Loss, right answers, wishes to stop, and for each parameter how many shards have a gradient of it.
std::vector<double> ShardedBatch::add_up(bool stop) {
  std::vector<double> own(before_gradients + active_.size());
  sums_.begin(shards_, ranks_, static_cast<std::int64_t>(own.size()));
  for (const auto& part : parts_) {
    if (part->samples == 0) continue;
    own[0] = part->loss;
    own[1] = static_cast<double>(part->hits);
    own[2] = stop ? 1 : 0;
    std::ranges::copy(part->has, own.begin() + before_gradients);
    sums_.add(part->shard, own);
  }
  const std::span<const double> all = finish(sums_);
  return {all.begin(), all.end()};
}

BatchSums ShardedBatch::run(const Batch& batch, std::int64_t samples, bool stop,
                            const std::function<void(TrainPhase)>& tell) {
  cut(samples);
  const Gathered gathered(active_);
  const detail::KeptWeights kept(parts_.size() > 1 ? filters_of(parameters_) : std::vector<Tensor>());
  gradients_.begin(shards_, active_);
  try {
    go_through([&](std::size_t i) { compute(i, batch, tell); }, [this](Part& part) { add_gradient(part); });
    gradients_.finish();
  } catch (...) {
    gradients_.abandon();
    for (Parameter* const p : active_) p->zero_grad();
    restore_buffers();
    throw;
  }
  const std::vector<double> all = add_up(stop);
  const BatchSums out{all[0] / static_cast<double>(shards_.samples), std::llround(all[1]), shards_.samples, all[2] > 0};
  end_buffers();
  if (!std::isfinite(out.loss)) return out;
  for (std::size_t i = 0; i < active_.size(); ++i)
    if (all[before_gradients + i] > 0) active_[i]->accumulate(gradients_.sum(i));
  take_moments();
  return out;
}

// Running statistics learn of the whole batch, once.
void ShardedBatch::take_moments() {
  const auto& first = parts_.front()->moments;
  if (together_) {  // they are those of the batch
    for (const auto& [norm, moments] : first) norm->take_batch(moments);
    return;
  }
  std::int64_t channels = 0;
  for (const auto& [norm, moments] : first) channels += moments.dim(1);
  if (channels == 0) return;
  moments_.begin(shards_, ranks_, 3 * channels);
  std::vector<double> own(static_cast<std::size_t>(3 * channels));
  for (const auto& part : parts_) {
    if (part->samples == 0) continue;
    const bool alike = std::ranges::equal(part->moments, first, [](const auto& a, const auto& b) {
      return a.first == b.first && a.second.shape() == b.second.shape();
    });
    if (!alike) fail("shards", "shards that called other batch norms", "shards of a batch that compute alike");
    std::int64_t at = 0;
    for (const auto& [norm, moments] : part->moments) {
      for (std::int64_t row = 0; row < 3; ++row)
        std::copy_n(moments.data<double>() + row * moments.dim(1), moments.dim(1), own.data() + row * channels + at);
      at += moments.dim(1);
    }
    moments_.add(part->shard, own);
  }
  const std::span<const double> all = finish(moments_);
  std::int64_t at = 0;
  for (const auto& [norm, moments] : first) {
    Tensor merged(moments.shape(), DType::f64);
    for (std::int64_t row = 0; row < 3; ++row)
      std::copy_n(all.data() + row * channels + at, moments.dim(1),
                  merged.mutable_data<double>() + row * moments.dim(1));
    norm->take_batch(merged);
    at += moments.dim(1);
  }
}

// What layers keep is what the last shard left, counters that all have advanced alike among it.
void ShardedBatch::end_buffers() {
  for (std::size_t i = 0; i < buffers_.size(); ++i) copy_where_other(*buffers_[i], parts_.back()->buffers[i]);
  if (!broadcasts_ || ranks_.size() == 1) return;
  int last = shards_.count - 1, owner = 0;
  while (shards_.empty(last)) --last;
  while (parallel::shards_of(owner, ranks_.size(), shards_.count).end <= last) ++owner;
  for (Tensor* const b : buffers_) ranks_.broadcast(b->mutable_bytes(), owner);
}

void ShardedBatch::restore_buffers() {
  for (std::size_t i = 0; i < buffers_.size(); ++i) copy_where_other(*buffers_[i], buffers_before_[i]);
}

std::string ShardedBatch::find_non_finite(const Batch& batch, std::int64_t samples) {
  for (const std::string& one : ranks_.gather_texts(all_finite(batch.images) ? "" : "the input images"))
    if (!one.empty()) return one;
  cut(samples);
  bad_ = true;  // no gradient is taken
  const Gathered gathered(active_);
  const double share = 1 / static_cast<double>(shards_.samples);
  go_through(
      [&](std::size_t i) {
        Part& part = *parts_[i];
        const bool counts = part.samples > 0;
        const Tensor images = counts ? rows(batch.images, part.row, part.samples) : nothing_like(batch.images);
        const Tensor labels = counts ? rows(batch.labels, part.row, part.samples) : nothing_like(batch.labels);
        Pass pass(*this, i);
        part.found = ebb::find_non_finite(
            model_, images,
            [&] {
              return softmax_cross_entropy(model_(images), labels,
                                           {.label_smoothing = options_.label_smoothing, .reduction = Reduction::sum}) *
                     share;
            },
            [&](bool finite) {
              double others = finite ? 0 : 1;
              if (together_) pass.sum(std::span(&others, 1));
              return others == 0;
            },
            &part.found_when);
      },
      [](Part& part) { part.gradients.clear(); });
  restore_buffers();
  // Statistics of the batch carry it into all shards: the one that had it first is meant.
  const Part* first = nullptr;
  for (const auto& part : parts_)
    if (part->samples > 0 && !part->found.empty() && (first == nullptr || part->found_when < first->found_when))
      first = part.get();
  const auto named = [&](const Part& part) {
    return text(part.found_when, ' ', part.found, " (of shard ", part.shard, " of ", shards_.count,
                ranks_.size() > 1 ? text(", rank ", ranks_.rank()) : std::string(), ')');
  };
  std::string out;
  std::int64_t earliest = 0;
  for (const std::string& one : ranks_.gather_texts(first == nullptr ? std::string() : named(*first))) {
    if (one.empty()) continue;
    const std::int64_t when = std::stoll(one);
    if (!out.empty() && when >= earliest) continue;
    earliest = when;
    out = one.substr(one.find(' ') + 1);
  }
  return out;
}

}  // namespace ebb
