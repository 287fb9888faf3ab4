#include "framework/nn/prepare.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/compute/gemm.h"
#include "framework/compute/instruction_set.h"
#include "framework/compute/prepared_convolution.h"
#include "framework/compute/relu.h"
#include "framework/nn/check.h"
#include "framework/nn/eval_mode.h"
#include "framework/nn/prepare_graph.h"
#include "framework/nn/trial_images.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using detail::PreparedConvolution;
using detail::PreparedGraph;
using detail::PreparedOp;

// A step of a prepared network: value `output` from others.
struct Step {
  std::function<Tensor(std::span<const Var>)> run = {};
  std::vector<std::int32_t> inputs = {};  // numbers of values; -1: the constant at that place
  std::vector<Var> constants = {};
  std::int32_t output = 0;
  std::vector<std::int32_t> last = {};  // values that nobody needs behind this step
  std::string text = {};
  std::int64_t bytes = 0;
};

// Values and arguments of a call, kept for the next one.
struct Workspace {
  std::vector<Var> values, arguments;
};

// Workspaces that no call uses. Taken and given back by exchanging pointers.
class Workspaces {
 public:
  Workspaces() = default;
  Workspaces(const Workspaces&) = delete;
  Workspaces& operator=(const Workspaces&) = delete;
  ~Workspaces() {
    for (std::atomic<Workspace*>& place : places_) delete place.load();
  }
  std::unique_ptr<Workspace> take() {
    for (std::atomic<Workspace*>& place : places_)
      if (Workspace* const found = place.exchange(nullptr, std::memory_order_acquire))
        return std::unique_ptr<Workspace>(found);
    return std::make_unique<Workspace>();
  }
  void give(std::unique_ptr<Workspace> used) {
    for (std::atomic<Workspace*>& place : places_) {
      Workspace* empty = nullptr;
      if (place.compare_exchange_strong(empty, used.get(), std::memory_order_release)) {
        static_cast<void>(used.release());
        return;
      }
    }
  }

 private:
  std::array<std::atomic<Workspace*>, 64> places_{};
};

}  // namespace

struct Prepared::Program {
  std::vector<Step> steps;
  std::int32_t result = 0;
  std::size_t values = 0;
  Shape image;
  DType dtype = DType::f32;
  std::string set;            // of instructions, which weights are arranged for
  Layer* ordinary = nullptr;  // runs instead of the steps
  std::string why;
  std::int64_t bytes = 0;
  mutable Workspaces workspaces;

  Tensor run(const Tensor& images) const {
    std::unique_ptr<Workspace> work = workspaces.take();
    work->values.resize(values);
    work->values[0] = Var(images);
    for (const Step& step : steps) {
      work->arguments.clear();
      for (std::size_t i = 0; i < step.inputs.size(); ++i)
        work->arguments.push_back(step.inputs[i] < 0 ? step.constants[i]
                                                     : work->values[static_cast<std::size_t>(step.inputs[i])]);
      work->values[static_cast<std::size_t>(step.output)] = Var(step.run(work->arguments));
      work->arguments.clear();
      for (const std::int32_t value : step.last) work->values[static_cast<std::size_t>(value)] = Var();
    }
    Tensor out = work->values[static_cast<std::size_t>(result)].value();
    work->values.assign(values, Var());
    workspaces.give(std::move(work));
    return out;
  }
};

namespace {

bool rectified(const PreparedOp& op) { return op.op.ends_with("_relu"); }

// The product of a linear layer whose weight is arranged once.
class PreparedLinear {
 public:
  PreparedLinear(const Tensor& weight, const Tensor& bias, bool relu)
      : in_(weight.dim(0)), out_(weight.dim(1)), relu_(relu) {
    if (bias.defined()) bias_ = bias.clone();
    dispatch("prepare", weight.dtype(), [&](auto zero) {
      using T = decltype(zero);
      packed_ = Tensor({packed_factor<T>(out_, in_)}, weight.dtype());
      pack_factor<T>(out_, in_, {weight.data<T>(), out_, 1}, packed_.mutable_data<T>());
    });
  }

  Tensor operator()(const Tensor& x) const {
    Tensor y(x.shape().with(-1, out_), x.dtype());
    dispatch("prepared linear", x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      gemm<T>(x.size() / in_, out_, in_, {x.data<T>(), in_, 1}, {}, y.mutable_data<T>(), out_,
              {.bias = bias_.defined() ? bias_.data<T>() : nullptr, .packed = packed_.data<T>()});
    });
    if (relu_) rectify(y);
    return y;
  }

  std::int64_t bytes() const {
    return static_cast<std::int64_t>(packed_.bytes().size() + (bias_.defined() ? bias_.bytes().size() : 0));
  }

 private:
  std::int64_t in_, out_;
  bool relu_;
  Tensor packed_, bias_;
};

// Makes steps of a graph.
class Builder {
 public:
  Builder(const PreparedGraph& graph, const PrepareOptions& options)
      : graph_(graph), options_(options), uses_(graph.ops.size(), 0) {
    for (const PreparedOp& op : graph.ops)
      for (const std::int32_t input : op.inputs)
        if (input >= 0) ++uses_[static_cast<std::size_t>(input)];
    if (graph.result >= 0) ++uses_[static_cast<std::size_t>(graph.result)];
  }

  std::vector<Step> steps() {
    for (std::size_t i = 1; i < graph_.ops.size(); ++i) {
      if (needed(static_cast<std::int32_t>(i)) && !joined_[i]) add(i);
    }
    release();
    return std::move(steps_);
  }

 private:
  const PreparedOp& at(std::size_t i) const { return graph_.ops[i]; }
  bool needed(std::int32_t i) const { return uses_[static_cast<std::size_t>(i)] > 0; }

  // The op that alone uses value i, as its first input; 0 when there is none.
  std::size_t only_user(std::size_t i) const {
    if (uses_[i] != 1) return 0;
    for (std::size_t k = i + 1; k < graph_.ops.size(); ++k)
      if (!at(k).inputs.empty() && at(k).inputs[0] == static_cast<std::int32_t>(i)) return k;
    return 0;
  }

  void add(std::size_t i) {
    const PreparedOp& op = at(i);
    const bool constant_weights =
        op.inputs.size() >= 2 && op.inputs[0] >= 0 && op.inputs[1] < 0 && (op.inputs.size() < 3 || op.inputs[2] < 0);
    if (constant_weights && (op.repeat.convolution || op.op == "linear")) return add_weighted(i);
    Step step{.inputs = op.inputs, .output = static_cast<std::int32_t>(i), .text = op.op};
    for (const Tensor& constant : op.constants) {
      step.constants.emplace_back(constant.defined() ? Var(constant.clone()) : Var());
      if (constant.defined()) step.bytes += static_cast<std::int64_t>(constant.bytes().size());
    }
    step.run = [again = op.repeat.again](std::span<const Var> in) { return again(in).value(); };
    steps_.push_back(std::move(step));
  }

  // A convolution or linear layer with the norm and the ReLU behind it.
  void add_weighted(std::size_t i) {
    const PreparedOp& op = at(i);
    const Tensor& weight = op.constants[1];
    const DType dtype = weight.dtype();
    Tensor filters = cast(weight, DType::f64).clone();  // casting to its own type shares the numbers
    const std::int64_t out = weight.dim(-1);
    Tensor offsets = Tensor::zeros({out}, DType::f64);
    if (op.constants.size() > 2 && op.constants[2].defined()) offsets = cast(op.constants[2], DType::f64).clone();
    std::size_t end = i;
    bool relu = rectified(op);
    std::string text = op.op;
    const auto join = [&](std::size_t next) {
      joined_[next] = true;
      end = next;
      text += " + " + at(next).op;
    };
    for (std::size_t next = only_user(i); next != 0 && !relu && !options_.same_bits; next = only_user(end)) {
      const PreparedOp& behind = at(next);
      if (behind.repeat.channel_map.defined() && behind.shape[-1] == out) {
        const double* const map = behind.repeat.channel_map.data<double>();
        double* const w = filters.mutable_data<double>();
        for (std::int64_t k = 0; k < filters.size(); ++k) w[k] *= map[k % out];
        double* const b = offsets.mutable_data<double>();
        for (std::int64_t c = 0; c < out; ++c) b[c] = b[c] * map[c] + map[out + c];
        relu = rectified(behind);
      } else if (behind.op == "relu") {
        relu = true;
      } else {
        break;
      }
      join(next);
    }
    Step step{.inputs = {op.inputs[0]}, .constants = {Var()}, .output = static_cast<std::int32_t>(end)};
    // Where nothing was folded, they are what they were: without a bias nothing is added, not even a zero.
    const bool as_given = options_.same_bits;
    const Tensor w = as_given ? weight : cast(filters, dtype);
    const Tensor b = !as_given ? cast(offsets, dtype) : op.constants.size() > 2 ? op.constants[2] : Tensor();
    if (op.repeat.convolution) {
      ConvolutionShape layer = *op.repeat.convolution;
      layer.images = options_.batch;
      auto made = std::make_shared<const PreparedConvolution>(w, b, layer, relu, options_.same_bits);
      text += ebb::text(": ", layer.in, " -> ", layer.out, ", ", layer.kernel[0], "x", layer.kernel[1], ", ",
                        made->method());
      step.bytes = made->bytes();
      step.run = [made](std::span<const Var> in) { return (*made)(in[0].value()); };
    } else {
      auto made = std::make_shared<const PreparedLinear>(w, b, relu);
      text += ebb::text(": ", weight.dim(0), " -> ", out);
      step.bytes = made->bytes();
      step.run = [made](std::span<const Var> in) { return (*made)(in[0].value()); };
    }
    step.text = text;
    steps_.push_back(std::move(step));
  }

  // Says behind which step a value may go.
  void release() {
    std::vector<bool> wanted(graph_.ops.size(), false);
    wanted[static_cast<std::size_t>(graph_.result)] = true;
    for (std::size_t k = steps_.size(); k-- > 0;)
      for (const std::int32_t input : steps_[k].inputs) {
        if (input < 0 || wanted[static_cast<std::size_t>(input)]) continue;
        wanted[static_cast<std::size_t>(input)] = true;
        steps_[k].last.push_back(input);
      }
  }

  const PreparedGraph& graph_;
  const PrepareOptions& options_;
  std::vector<int> uses_;
  std::vector<bool> joined_ = std::vector<bool>(graph_.ops.size(), false);
  std::vector<Step> steps_;
};

// An image of each kind.
Tensor one_of_each(const Shape& image, DType dtype) {
  Tensor out(image.insert(0, static_cast<std::int64_t>(detail::image_kinds.size())), dtype);
  const auto into = out.mutable_bytes();
  const std::size_t size = into.size() / detail::image_kinds.size();
  for (std::size_t i = 0; i < detail::image_kinds.size(); ++i)
    std::ranges::copy(detail::trial_images(image, 1, dtype, Rng(i), detail::image_kinds.at(i)).bytes(),
                      into.subspan(i * size, size).begin());
  return out;
}

Tensor ordinary(Layer& model, const Tensor& images) {
  const Tape::Pause pause;
  return model(Var(images)).value();
}

// Each row for itself: results of some kinds of images are much larger than those of others.
bool alike(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  const Tensor x = cast(a, DType::f64), y = cast(b, DType::f64);
  const std::int64_t row = x.rank() == 0 ? 1 : x.size() / std::max<std::int64_t>(1, x.dim(0));
  for (std::int64_t first = 0; first < x.size(); first += row) {
    double worst = 0, size = 0;
    for (std::int64_t i = first; i < first + row; ++i) {
      worst = std::max(worst, std::abs(x.data<double>()[i] - y.data<double>()[i]));
      size = std::max(size, std::abs(y.data<double>()[i]));
    }
    if (worst > 1e-3 * size) return false;
  }
  return true;
}

}  // namespace

Prepared::Prepared(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

Tensor Prepared::operator()(const Tensor& images) const {
  const Program& p = *program_;
  require_defined("prepared network", "images", images);
  if (images.rank() != p.image.rank() + 1 || !(images.shape().without(0) == p.image) || images.dtype() != p.dtype)
    fail("prepared network", text(images.shape(), ' ', images.dtype()),
         text("images of shape ", p.image, ' ', p.dtype, " behind the batch"), "prepare() the model for these");
  if (p.ordinary != nullptr) return ordinary(*p.ordinary, images);
  if (p.set != instruction_set())
    fail("prepared network", text("the instruction set ", instruction_set()),
         text(p.set, ", for which it was prepared"));
  return p.run(images);
}

std::int64_t Prepared::bytes() const { return program_->bytes; }

std::string Prepared::describe() const {
  if (program_->ordinary != nullptr) return "ordinary forward: " + program_->why;
  std::string out;
  for (const Step& step : program_->steps) out += step.text + '\n';
  return out;
}

Prepared prepare(Layer& model, const Shape& image, const PrepareOptions& options) {
  require_at_least("prepare", "batch", options.batch, 1);
  const auto parameters = model.parameters();
  auto program = std::make_shared<Prepared::Program>();
  program->image = image;
  program->dtype = parameters.empty() ? DType::f32 : parameters.front()->value().dtype();
  program->set = instruction_set();
  const EvalMode eval(model);
  const auto refuse = [&](const std::string& why) {
    program->ordinary = &model;
    program->why = why;
    for (const Parameter* p : parameters) program->bytes += static_cast<std::int64_t>(p->value().bytes().size());
    return Prepared(program);
  };
  {
    const PreparedGraph graph =
        detail::prepared_graph(model, detail::trial_images(image, 1, program->dtype, Rng(1)), options.same_bits);
    if (graph.result < 0) return refuse("the result does not depend on the images");
    for (std::size_t i = 1; i < graph.ops.size(); ++i)
      if (!graph.ops[i].repeatable) return refuse(text(graph.ops[i].op, " does not say how it is repeated"));
    program->values = graph.ops.size();
    program->result = graph.result;
    program->steps = Builder(graph, options).steps();
  }
  for (const Step& step : program->steps) program->bytes += step.bytes;
  // Another number of other images tells whether what was recorded depends on them.
  const Tensor images = one_of_each(image, program->dtype);
  try {
    const Tensor got = program->run(images), wanted = ordinary(model, images);
    if (!alike(got, wanted)) return refuse("its steps depend on the images, or on their number");
    if (options.same_bits && !std::ranges::equal(got.bytes(), wanted.bytes())) return refuse("its bits are others");
  } catch (const Error& error) {
    return refuse(text("its steps do not take another batch: ", error.what()));
  }
  return Prepared(program);
}

}  // namespace ebb
