#include "lab/export/recorded_pass.h"

#include <algorithm>
#include <map>
#include <utility>

#include "framework/autograd/repeat.h"
#include "framework/compute/basic.h"
#include "framework/nn/eval_mode.h"
#include "framework/nn/trial_images.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"

namespace ebb::detail {
namespace {

// Takes down the ops of this thread's tape, and in which layer they ran.
class PassRecorder : public OpObserver, public CallObserver {
 public:
  explicit PassRecorder(Layer& model)
      : ops_before_(std::exchange(op_observer, this)), calls_before_(std::exchange(call_observer, this)) {
    for (const NamedModule& m : model.named_modules()) paths_.emplace(m.module, m.path);
  }
  ~PassRecorder() override {
    op_observer = ops_before_;
    call_observer = calls_before_;
  }
  PassRecorder(const PassRecorder&) = delete;
  PassRecorder& operator=(const PassRecorder&) = delete;

  void enter(Layer& layer, const Var&) override {
    const auto known = paths_.find(&layer);
    layers_.push_back(known == paths_.end() ? "" : known->second);
  }
  void leave(Layer&, const Var&, const Var&) override { layers_.pop_back(); }

  void begin(const Tape& tape, const Var& images) {
    tape_ = &tape;
    numbers_[tape.number(images)] = 0;
    RecordedOp& op = pass_.ops.emplace_back();
    op.op = "input";
    op.shape = images.shape();
  }

  void forward(const char* name, std::size_t node, std::span<const Var> inputs, const Tensor& output) override {
    last_ = nullptr;
    if (tape_ == nullptr || node >= tape_->size()) return;
    RecordedOp op;
    for (const Var& input : inputs) {
      const auto known = numbers_.find(tape_->number(input));
      const bool varies = known != numbers_.end();
      op.inputs.push_back(varies ? known->second : -1);
      op.constants.push_back(varies ? Tensor() : input.value());
    }
    if (std::ranges::all_of(op.inputs, [](std::int32_t i) { return i < 0; })) return;
    const TapeNode recorded = tape_->node(node);
    op.op = name;
    op.layer = layers_.empty() ? "" : layers_.back();
    op.settings.assign(recorded.settings.begin(), recorded.settings.end());
    op.shape = output.shape();
    numbers_[static_cast<std::int32_t>(node)] = static_cast<std::int32_t>(pass_.ops.size());
    last_ = &pass_.ops.emplace_back(std::move(op));
  }

  void repeat(const Repeat& repeat) override {
    if (last_ == nullptr) return;
    last_->statistics = repeat.statistics;
    last_->condition = repeat.condition;
  }

  void backward(const char*, std::size_t, const Tensor&) override {}

  RecordedPass take(const Var& result) {
    const auto known = numbers_.find(tape_->number(result));
    if (known == numbers_.end())
      fail("export", "a result that does not depend on the images by ops alone", "one that ops made of them",
           "compute it from the layer's input, without detach() and value()");
    pass_.result = known->second;
    return std::move(pass_);
  }

 private:
  OpObserver* ops_before_;
  CallObserver* calls_before_;
  const Tape* tape_ = nullptr;
  std::map<const Module*, std::string> paths_;
  std::vector<std::string> layers_;               // that are being called
  std::map<std::int32_t, std::int32_t> numbers_;  // of values on the tape, in the pass
  RecordedOp* last_ = nullptr;                    // of the last forward()
  RecordedPass pass_;
};

RecordedPass one_pass(Layer& model, const Tensor& images) {
  PassRecorder recorder(model);
  Tape tape;
  const Var x = tape.input(images);
  recorder.begin(tape, x);
  return recorder.take(model(x));
}

bool same_numbers(const Tensor& a, const Tensor& b) {
  if (a.defined() != b.defined()) return false;
  return !a.defined() || (a.shape() == b.shape() && a.dtype() == b.dtype() && std::ranges::equal(a.bytes(), b.bytes()));
}

bool same_settings(const RecordedOp& a, const RecordedOp& b) {
  return std::ranges::equal(a.settings, b.settings, [](const OpSetting& s, const OpSetting& t) {
    return std::string_view(s.name) == t.name && s.value == t.value;
  });
}

// \throws Error naming the first op that is not the same in both.
void require_same(const RecordedPass& pass, const RecordedPass& again, const char* remedy) {
  if (pass.ops.size() != again.ops.size() || pass.result != again.result)
    fail("export", text(pass.ops.size(), " ops for some images and ", again.ops.size(), " for others"),
         "the same steps for all images", remedy);
  for (std::size_t i = 0; i < pass.ops.size(); ++i) {
    const RecordedOp &op = pass.ops[i], &b = again.ops[i];
    if (op.op != b.op || op.inputs != b.inputs || !same_settings(op, b) || op.shape.rank() != b.shape.rank())
      fail(op.where(), text("another step for other images: \"", b.op, "\", or its settings"),
           "the same steps for all images", remedy);
    if (!std::ranges::equal(op.constants, b.constants, same_numbers))
      fail(op.where(), "an input that no op made and that differs between images", "constants and parameters", remedy);
    if (!same_numbers(op.condition, b.condition))
      fail(op.where(), "a condition that differs between images", "one that is the same for all",
           "choose between values that depend on the images by ops, as by relu() or clamp()");
  }
}

}  // namespace

std::vector<std::int64_t> RecordedOp::numbers(std::string_view name) const {
  std::vector<std::int64_t> out;
  for (const OpSetting& s : settings)
    if (s.name == name) out.push_back(static_cast<std::int64_t>(s.value));
  return out;
}

double RecordedOp::setting(std::string_view name, double otherwise) const {
  const auto found = std::ranges::find(settings, name, &OpSetting::name);
  return found == settings.end() ? otherwise : found->value;
}

std::string RecordedOp::where() const {
  return layer.empty() ? text("op \"", op, "\" of the model") : text("op \"", op, "\" in layer ", layer);
}

RecordedPass recorded_pass(Layer& model, const Shape& image, std::int64_t batch) {
  for (const NamedParameter& p : model.named_parameters())
    if (p.parameter->value().dtype() != DType::f32)
      fail("export", text("the parameter ", p.path, " in ", p.parameter->value().dtype()), "a model in f32",
           "convert it before: model.to(DType::f32)");
  const memory::Guard guard;  // the number of images is somebody else's choice
  const EvalMode eval(model);
  const auto images = [&](std::int64_t count, std::uint64_t seed, const ImageKind& kind) {
    return trial_images(image, count, DType::f32, Rng(seed), kind);
  };
  const std::int64_t count = batch == 0 ? 2 : batch;
  RecordedPass pass = one_pass(model, images(count, 1, image_kinds[0]));
  const char* const remedy = batch == 0 ? "let ops do the same for any number of images, or fix it: --batch 1"
                                        : "compute everything that depends on the images with ops";
  const RecordedPass again = one_pass(model, images(batch == 0 ? 3 : batch, 2, image_kinds[0]));
  require_same(pass, again, remedy);
  for (std::size_t i = 0; i < pass.ops.size(); ++i) pass.ops[i].other = again.ops[i].shape;
  for (std::size_t kind = 1; kind < image_kinds.size(); ++kind)
    require_same(pass, one_pass(model, images(count, 2 + kind, image_kinds.at(kind))), remedy);
  return pass;
}

}  // namespace ebb::detail
