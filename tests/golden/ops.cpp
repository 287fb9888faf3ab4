#include "tests/golden/ops.h"

#include <array>

#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/convolution.h"
#include "framework/ops/embedding.h"
#include "framework/ops/loss.h"
#include "framework/ops/matmul.h"
#include "framework/ops/normalization.h"
#include "framework/ops/penalty.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"

namespace ebb::golden {
namespace {

double number(const Call& call, const char* name) { return call.options.at(name); }

std::array<std::int64_t, 2> pair(const Call& call, const char* name) { return call.options.at(name); }

Reduction reduction(const Call& call) {
  const std::string name = call.options.at("reduction");
  if (name == "none") return Reduction::none;
  return name == "sum" ? Reduction::sum : Reduction::mean;
}

Op unary(Var (*op)(const Var&)) {
  return [op](Call& call) { return op(call.at("x")); };
}

Op binary(Var (*op)(const Var&, const Var&)) {
  return [op](Call& call) { return op(call.at("a"), call.options.contains("twice") ? call.at("a") : call.at("b")); };
}

Op over_axes(Var (*op)(const Var&, const Axes&, KeepDims)) {
  return [op](Call& call) {
    const std::vector<int> list = call.options.at("axes");
    Axes axes;
    if (list.size() == 1) axes = {list[0]};
    if (list.size() == 2) axes = {list[0], list[1]};
    if (list.size() == 3) axes = {list[0], list[1], list[2]};
    return op(call.at("x"), axes, call.options.at("keep") ? KeepDims::yes : KeepDims::no);
  };
}

Op pool(Var (*op)(const Var&, const PoolGeometry&)) {
  return [op](Call& call) {
    PoolGeometry geometry{
        .kernel = pair(call, "kernel"), .stride = pair(call, "stride"), .padding = pair(call, "padding")};
    geometry.dilation = call.options.value("dilation", geometry.dilation);
    geometry.same_padding = call.options.value("same_padding", false);
    geometry.ceil_mode = call.options.value("ceil_mode", false);
    geometry.count_padding = call.options.value("count_padding", true);
    return op(call.at("x"), geometry);
  };
}

Var conv2d_op(Call& call) {
  return conv2d(call.at("x"), call.at("weight"), call.find("bias"),
                {.stride = pair(call, "stride"),
                 .padding = pair(call, "padding"),
                 .dilation = pair(call, "dilation"),
                 .same_padding = call.options.value("same_padding", false),
                 .groups = call.options.at("groups")});
}

Var conv_transpose2d_op(Call& call) {
  return conv_transpose2d(call.at("x"), call.at("weight"), call.find("bias"),
                          {.stride = pair(call, "stride"),
                           .padding = pair(call, "padding"),
                           .output_padding = pair(call, "output_padding"),
                           .dilation = pair(call, "dilation"),
                           .groups = call.options.at("groups")});
}

Var batch_norm_op(Call& call) {
  BatchNormState state;
  state.running_mean = call.at("running_mean").value().clone();
  state.running_variance = call.at("running_variance").value().clone();
  const bool relu_after = call.options.at("activation") == "relu";
  const Var y = batch_norm(call.at("x"), call.find("scale"), call.find("shift"), state,
                           {.training = call.options.at("training"),
                            .eps = number(call, "eps"),
                            .new_weight = number(call, "new_weight"),
                            .activation = relu_after ? Activation::relu : Activation::none});
  call.results = {{"running_mean_after", state.running_mean}, {"running_variance_after", state.running_variance}};
  return y;
}

// Training steps on the constants x0, x1, ..., then y in evaluation with the running statistics they left.
Var batch_norm_steps(Call& call) {
  const Var scale = call.at("scale");
  const Var shift = call.at("shift");
  BatchNormState state;
  state.running_mean = Tensor::zeros(scale.shape(), scale.dtype());
  state.running_variance = Tensor::full(scale.shape(), 1.0, scale.dtype());
  BatchNormOptions options{.eps = number(call, "eps"), .new_weight = number(call, "new_weight")};
  const int steps = call.options.at("steps");
  for (int step = 0; step < steps; ++step) {
    if (call.options.at("cumulative")) options.new_weight = 1.0 / (step + 1);
    batch_norm(call.at(text("x", step)).detach(), scale.detach(), shift.detach(), state, options);
  }
  options.training = false;
  const Var y = batch_norm(call.at("x"), scale, shift, state, options);
  call.results = {{"running_mean_after", state.running_mean}, {"running_variance_after", state.running_variance}};
  return y;
}

Var transpose_op(Call& call) {
  if (!call.options.contains("order")) return transpose(call.at("x"));
  const std::vector<int> o = call.options.at("order");
  if (o.size() == 2) return transpose(call.at("x"), {o[0], o[1]});
  if (o.size() == 3) return transpose(call.at("x"), {o[0], o[1], o[2]});
  if (o.size() == 4) return transpose(call.at("x"), {o[0], o[1], o[2], o[3]});
  return transpose(call.at("x"), {o.at(0), o.at(1), o.at(2), o.at(3), o.at(4)});
}

Var concat_op(Call& call) {
  std::vector<Var> parts;
  for (const std::string& name : call.names) parts.push_back(call.at(name));
  return concat(parts, call.options.at("axis").get<int>());
}

Var pad_op(Call& call) {
  const std::vector<std::array<std::int64_t, 2>> amounts = call.options.at("amounts");
  return pad(call.at("x"), amounts, number(call, "value"));
}

std::map<std::string, Op> table() {
  std::map<std::string, Op> t;
  t["add"] = binary(add);
  t["sub"] = binary(sub);
  t["mul"] = binary(mul);
  t["div"] = binary(div);
  t["add_relu"] = binary(add_relu);
  t["add_scalar"] = [](Call& c) { return c.at("x") + number(c, "b"); };
  t["mul_scalar"] = [](Call& c) { return c.at("x") * number(c, "b"); };
  t["rsub_scalar"] = [](Call& c) { return number(c, "b") - c.at("x"); };
  t["rdiv_scalar"] = [](Call& c) { return number(c, "b") / c.at("x"); };
  t["neg"] = unary(neg);
  t["exp"] = unary(exp);
  t["log"] = unary(log);
  t["sqrt"] = unary(sqrt);
  t["square"] = unary(square);
  t["abs"] = unary(abs);
  t["pow"] = [](Call& c) { return pow(c.at("x"), number(c, "exponent")); };
  t["clamp"] = [](Call& c) { return clamp(c.at("x"), number(c, "low"), number(c, "high")); };
  t["where"] = [](Call& c) { return where(c.at("condition").value(), c.at("a"), c.at("b")); };
  t["l1_penalty"] = [](Call& c) { return l1_penalty(c.parameters, number(c, "lambda")); };
  t["l2_penalty"] = [](Call& c) { return l2_penalty(c.parameters, number(c, "lambda")); };

  t["relu"] = unary(relu);
  t["relu6"] = unary(relu6);
  t["leaky_relu"] = [](Call& c) { return leaky_relu(c.at("x"), number(c, "slope")); };
  t["elu"] = [](Call& c) { return elu(c.at("x"), number(c, "alpha")); };
  t["gelu"] = [](Call& c) { return gelu(c.at("x"), c.options.at("form") == "tanh" ? Gelu::tanh : Gelu::exact); };
  t["silu"] = unary(silu);
  t["softplus"] = unary(softplus);
  t["sigmoid"] = unary(sigmoid);
  t["tanh"] = unary(tanh);

  t["matmul"] = binary(matmul);
  t["linear"] = [](Call& c) { return linear(c.at("x"), c.at("weight"), c.find("bias")); };
  t["conv2d"] = conv2d_op;
  t["conv_transpose2d"] = conv_transpose2d_op;
  t["max_pool2d"] = pool(max_pool2d);
  t["avg_pool2d"] = pool(avg_pool2d);
  t["adaptive_max_pool2d"] = [](Call& c) { return adaptive_max_pool2d(c.at("x"), pair(c, "output")); };
  t["adaptive_avg_pool2d"] = [](Call& c) { return adaptive_avg_pool2d(c.at("x"), pair(c, "output")); };
  t["global_avg_pool2d"] = unary(global_avg_pool2d);

  t["batch_norm"] = batch_norm_op;
  t["batch_norm_steps"] = batch_norm_steps;
  t["layer_norm"] = [](Call& c) { return layer_norm(c.at("x"), c.find("scale"), c.find("shift"), number(c, "eps")); };
  t["group_norm"] = [](Call& c) {
    const std::int64_t groups = c.options.at("groups");
    return group_norm(c.at("x"), c.find("scale"), c.find("shift"), groups, number(c, "eps"));
  };

  t["softmax"] = [](Call& c) { return softmax(c.at("x"), c.options.value("axis", -1)); };
  t["log_softmax"] = [](Call& c) { return log_softmax(c.at("x"), c.options.value("axis", -1)); };
  t["softmax_cross_entropy"] = [](Call& c) {
    CrossEntropyOptions options{.label_smoothing = number(c, "label_smoothing"), .reduction = reduction(c)};
    if (c.options.contains("ignore_index")) options.ignore_index = c.options.at("ignore_index").get<std::int64_t>();
    options.class_weights = c.find("class_weights").value();
    return softmax_cross_entropy(c.at("logits"), c.at("targets").value(), options);
  };
  t["mse_loss"] = [](Call& c) { return mse_loss(c.at("prediction"), c.at("target"), reduction(c)); };
  t["binary_cross_entropy_with_logits"] = [](Call& c) {
    return binary_cross_entropy_with_logits(c.at("logits"), c.at("targets").value(),
                                            {.reduction = reduction(c), .pos_weight = c.find("pos_weight").value()});
  };

  t["sum"] = over_axes(sum);
  t["mean"] = over_axes(mean);
  t["max"] = over_axes(max);
  t["logsumexp"] = over_axes(logsumexp);

  t["reshape"] = [](Call& c) {
    const std::vector<std::int64_t> dims = c.options.at("shape");
    return reshape(c.at("x"), Shape(std::span<const std::int64_t>(dims)));
  };
  t["flatten"] = [](Call& c) { return flatten(c.at("x"), c.options.at("first").get<int>()); };
  t["transpose"] = transpose_op;
  t["slice"] = [](Call& c) {
    const std::int64_t begin = c.options.at("begin");
    const std::int64_t end = c.options.at("end");
    return slice(c.at("x"), c.options.at("axis").get<int>(), begin, end, c.options.at("step").get<std::int64_t>());
  };
  t["concat"] = concat_op;
  t["pad"] = pad_op;
  t["embedding"] = [](Call& c) { return embedding(c.at("table"), c.at("indices").value()); };
  return t;
}

}  // namespace

const std::map<std::string, Op>& ops() {
  static const std::map<std::string, Op> all = table();
  return all;
}

}  // namespace ebb::golden
