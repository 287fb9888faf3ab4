#include "lab/training/train_trace.h"

#include <atomic>
#include <utility>

#include "framework/tensor/error.h"
#include "lab/training/trainer.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t most_traced_steps = 1000;

const std::string no_layer;

const char* phase_name(TrainPhase phase) {
  switch (phase) {
    case TrainPhase::loader: return "loader";
    case TrainPhase::forward: return "forward";
    case TrainPhase::backward: return "backward";
    case TrainPhase::optimizer: return "optimizer";
    case TrainPhase::observers: return "observers";
    case TrainPhase::evaluation: return "evaluation";
    case TrainPhase::checkpoint: return "checkpoint";
    case TrainPhase::none: break;
  }
  return "";
}

// Of steps that are not recorded in full these are all the same.
bool always_recorded(TrainPhase phase) { return phase == TrainPhase::evaluation || phase == TrainPhase::checkpoint; }

std::int64_t bytes_of(const Tensor& tensor) { return static_cast<std::int64_t>(tensor.bytes().size()); }

}  // namespace

// Batches as they are made, in whatever thread, as long as steps are recorded. Loader and epochs keep it alive.
class TrainTrace::Batches : public BatchObserver {
 public:
  explicit Batches(std::shared_ptr<TraceEvents> events) : events_(std::move(events)) {}
  void made(std::int64_t position, const Batch& batch, Clock::time_point begin, Clock::time_point end) override {
    if (!on) return;
    events_->begin(text("batch ", position), {.category = "loader", .bytes = bytes_of(batch.images)}, begin, "loader");
    events_->end(end);
  }
  std::atomic<bool> on{true};

 private:
  std::shared_ptr<TraceEvents> events_;
};

TrainTrace::TrainTrace(Module& model, Loader& train, std::int64_t steps)
    : events_(std::make_shared<TraceEvents>()),
      batches_(std::make_shared<Batches>(events_)),
      steps_left_(steps),
      mark_(Clock::now()) {
  if (steps < 1 || steps > most_traced_steps) fail("trace", text(steps, " steps"), text("1 to ", most_traced_steps));
  for (const NamedModule& m : model.named_modules()) paths_.emplace(m.module, m.path);
  train.watch(batches_);
}

TrainTrace::~TrainTrace() { batches_->on = false; }

void TrainTrace::open_step(std::int64_t number, TraceEvents::Time now) {
  step_open_ = true;
  events_->begin(text("step ", number), {.category = "step"}, now);
  ops_.emplace(detail::op_observer, static_cast<detail::OpObserver*>(this));
  places_.emplace(detail::place_observer, static_cast<detail::PlaceObserver*>(this));
}

void TrainTrace::close_step(TraceEvents::Time now) {
  if (!std::exchange(step_open_, false)) return;
  ops_.reset();
  places_.reset();
  events_->end(now);
  if (--steps_left_ == 0) batches_->on = false;
}

void TrainTrace::on_phase(const Trainer& trainer, TrainPhase phase) {
  end_backward_op();
  const auto now = Clock::now();
  if (std::exchange(phase_open_, false)) events_->end(now);
  mark_ = now;
  if (phase == TrainPhase::forward) layer_of_node_.clear();
  if (phase == TrainPhase::none || phase == TrainPhase::evaluation) close_step(now);
  if (phase == TrainPhase::none) return;
  if (phase == TrainPhase::loader && !step_open_ && steps_left_ > 0) open_step(trainer.batches_done() + 1, now);
  if (!step_open_ && !always_recorded(phase)) return;
  events_->begin(phase_name(phase), {.category = "phase"}, now);
  phase_open_ = true;
}

void TrainTrace::enter(const Module& module) {
  const auto known = paths_.find(&module);
  open_layers_.push_back(known == paths_.end() ? &no_layer : &known->second);
  mark_ = Clock::now();
  events_->begin(open_layers_.back()->empty() ? module.type() : *open_layers_.back(), {.category = "layer"}, mark_);
}

void TrainTrace::leave(const Module&) noexcept {
  open_layers_.pop_back();
  mark_ = Clock::now();
  events_->end(mark_);
}

void TrainTrace::forward(const char* op, std::size_t node, std::span<const Var>, const Tensor& output) {
  const std::string* const layer = open_layers_.empty() ? &no_layer : open_layers_.back();
  layer_of_node_[node] = layer;
  events_->begin(op, {.category = "forward", .layer = *layer, .bytes = bytes_of(output)}, mark_);
  mark_ = Clock::now();
  events_->end(mark_);
}

void TrainTrace::backward(const char* op, std::size_t node, const Tensor& gradient) {
  if (backward_op_ && backward_op_->node == node) {
    backward_op_->bytes += bytes_of(gradient);
    return;
  }
  end_backward_op();
  const auto begin = std::exchange(mark_, Clock::now());
  backward_op_ = BackwardOp{op, node, bytes_of(gradient), begin, mark_};
}

void TrainTrace::end_backward_op() {
  if (!backward_op_) return;
  const BackwardOp& done = *backward_op_;
  const auto known = layer_of_node_.find(done.node);
  events_->begin(
      done.op,
      {.category = "backward", .layer = known == layer_of_node_.end() ? no_layer : *known->second, .bytes = done.bytes},
      done.begin);
  events_->end(done.end);
  backward_op_.reset();
}

}  // namespace ebb
