#include "framework/nn/prepare_graph.h"

#include <map>
#include <optional>
#include <utility>

#include "framework/nn/conv_norm.h"
#include "framework/nn/eval_mode.h"

namespace ebb::detail {
namespace {

// Takes down the ops of this thread's tape.
class Recorder : public OpObserver {
 public:
  Recorder() : before_(std::exchange(op_observer, this)) {}
  ~Recorder() override { op_observer = before_; }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void begin(std::size_t node, const Tensor& images) {
    numbers_[static_cast<std::int32_t>(node)] = 0;
    graph_.ops.push_back({.op = "input", .inputs = {}, .constants = {}, .repeat = {}, .shape = images.shape()});
  }

  void forward(const char* op, std::size_t node, std::span<const Var> inputs, const Tensor& output) override {
    last_ = -1;
    PreparedOp next{.op = op, .inputs = {}, .constants = {}, .repeat = {}, .shape = output.shape()};
    bool depends = false;
    for (const Var& input : inputs) {
      const auto known = numbers_.find(tape_ == nullptr ? -1 : tape_->number(input));
      const bool varies = known != numbers_.end();
      depends = depends || varies;
      next.inputs.push_back(varies ? known->second : -1);
      next.constants.push_back(varies ? Tensor() : input.value());
    }
    if (!depends) return;
    last_ = static_cast<std::int32_t>(graph_.ops.size());
    numbers_[static_cast<std::int32_t>(node)] = last_;
    graph_.ops.push_back(std::move(next));
  }

  void repeat(const Repeat& repeat) override {
    if (last_ < 0 || repeat.condition.defined()) return;  // what it chooses by may depend on the images
    graph_.ops[static_cast<std::size_t>(last_)].repeat = repeat;
    graph_.ops[static_cast<std::size_t>(last_)].repeatable = true;
  }

  void backward(const char*, std::size_t, const Tensor&) override {}

  PreparedGraph take(const Tape& tape, const Var& result) {
    const auto known = numbers_.find(tape.number(result));
    if (known != numbers_.end()) graph_.result = known->second;
    return std::move(graph_);
  }

  void watch(const Tape& tape) { tape_ = &tape; }

 private:
  OpObserver* before_;
  const Tape* tape_ = nullptr;
  std::map<std::int32_t, std::int32_t> numbers_;  // of values on the tape that depend on the images, in the graph
  std::int32_t last_ = -1;                        // the op of the last forward(), where it depends on them
  PreparedGraph graph_;
};

}  // namespace

PreparedGraph prepared_graph(Layer& model, const Tensor& images, bool folded) {
  const EvalMode eval(model);
  std::optional<FoldedNorms> fold;
  if (folded) fold.emplace();
  Recorder recorder;
  Tape tape;
  recorder.watch(tape);
  const Var x = tape.input(images);
  recorder.begin(static_cast<std::size_t>(tape.number(x)), images);
  return recorder.take(tape, model(x));
}

}  // namespace ebb::detail
