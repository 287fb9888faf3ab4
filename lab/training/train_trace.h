/// \file
/// What a training spends its time on, step by step and op by op.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/loader.h"
#include "framework/autograd/observing.h"
#include "framework/nn/layer.h"
#include "lab/training/trace_events.h"
#include "lab/training/train_observer.h"

namespace ebb {

/// An observer of a trainer that records its first steps in full: phases, layers, ops forward and backward with layer
/// and bytes, and the batches that the loader makes; and evaluations and checkpoints to the end. It lives in the thread
/// that trains, changes no bit of the training, and once the steps are over it costs as good as nothing.
///
/// An op's time is that from the end of the op or the beginning of the layer before it to its own end: recording it
/// costs no second look at the clock, and the times of ops add up to the step's.
class TrainTrace : public TrainObserver, detail::OpObserver, detail::PlaceObserver {
 public:
  /// \param model of the trainer. \param train its loader: the batches of epochs that begin from now on are recorded.
  /// \param steps that are recorded in full, 1 to 1000.
  TrainTrace(Module& model, Loader& train, std::int64_t steps = 20);
  ~TrainTrace() override;

  /// What was recorded so far; see TraceEvents::json().
  std::string json() const { return events_->json(); }

  void on_phase(const Trainer& trainer, TrainPhase phase) override;  ///< By the trainer.

 private:
  class Batches;
  void enter(const Module& module) override;
  void leave(const Module& module) noexcept override;
  void forward(const char* op, std::size_t node, std::span<const Var> inputs, const Tensor& output) override;
  void backward(const char* op, std::size_t node, const Tensor& gradient) override;
  void open_step(std::int64_t number, TraceEvents::Time now);
  void close_step(TraceEvents::Time now);
  void end_backward_op();

  // The rule that ran last, which hands on a gradient for each input.
  struct BackwardOp {
    std::string op;
    std::size_t node;
    std::int64_t bytes;
    TraceEvents::Time begin, end;
  };

  std::shared_ptr<TraceEvents> events_;
  std::shared_ptr<Batches> batches_;
  std::int64_t steps_left_;
  std::unordered_map<const Module*, std::string> paths_;
  std::vector<const std::string*> open_layers_;
  std::unordered_map<std::size_t, const std::string*> layer_of_node_;
  std::optional<BackwardOp> backward_op_;
  bool phase_open_ = false, step_open_ = false;
  TraceEvents::Time mark_;  // the end of what was recorded last
  std::optional<detail::Observing<detail::OpObserver>> ops_;
  std::optional<detail::Observing<detail::PlaceObserver>> places_;
};

}  // namespace ebb
