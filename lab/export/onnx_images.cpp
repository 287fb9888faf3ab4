// Linear maps, norms and pooling: their parameters lie in ONNX as in PyTorch.
#include <algorithm>

#include "framework/compute/strided.h"
#include "framework/tensor/error.h"
#include "lab/export/onnx_step.h"

namespace ebb::detail {
namespace {

using Sizes = std::vector<std::int64_t>;

Sizes joined(Sizes a, const Sizes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// [in, out] as [out, in], with the inputs in the order in which a flattened image lies.
Tensor linear_weight(const Tensor& weight, const Shape& image) {
  const std::int64_t in = weight.dim(0), out = weight.dim(1);
  if (image.rank() == 0) return permute(weight, {1, 0});
  return permute(weight.reshape({image[0] * image[1], image[2], out}), {2, 1, 0}).reshape({out, in});
}

OnnxValue linear(OnnxStep& s) {
  const OnnxValue &x = s.inputs[0], &w = s.inputs[1];
  const bool biased = s.inputs.size() > 2 && s.inputs[2].defined();
  if (x.in_graph() && x.shape.rank() == 2 && w.constant.defined()) {
    const Shape image = x.lies == Lies::flattened ? x.image : Shape();
    const std::string weight = s.graph.initializer(linear_weight(w.constant, image), w.constant);
    std::vector<std::string> names{s.in(0, x.lies), weight};
    if (biased) names.push_back(s.in(2, Lies::plain));
    return s.result(s.node("Gemm", names, {{"transB", 1}}), Lies::plain);
  }
  std::string y = s.node("MatMul", {s.in(0, Lies::plain), s.in(1, Lies::plain)});
  if (biased) y = s.node("Add", {y, s.in(2, Lies::plain)});
  return s.result(y, Lies::plain);
}

OnnxValue matmul(OnnxStep& s) {
  return s.result(s.node("MatMul", {s.in(0, Lies::plain), s.in(1, Lies::plain)}), Lies::plain);
}

// A filter [kh, kw, in, out] in the order that ONNX's op has.
std::string filter(OnnxStep& s, const std::array<int, Shape::max_rank>& order) {
  const OnnxValue& w = s.inputs[1];
  if (w.constant.defined()) return s.graph.initializer(permute(w.constant, order), w.constant);
  return s.node("Transpose", {s.in(1, Lies::plain)}, {{"perm", Sizes(order.begin(), order.begin() + 4)}});
}

OnnxValue conv2d(OnnxStep& s) {
  const Shape& kernel = s.inputs[1].shape;
  std::vector<std::string> names{s.in(0, Lies::channels_first), filter(s, {3, 2, 0, 1})};
  if (s.inputs.size() > 2 && s.inputs[2].defined()) names.push_back(s.in(2, Lies::plain));
  std::string y = s.node("Conv", names,
                         {{"kernel_shape", Sizes{kernel[0], kernel[1]}},
                          {"strides", s.op.numbers("stride")},
                          {"pads", joined(s.op.numbers("before"), s.op.numbers("behind"))},
                          {"dilations", s.op.numbers("dilation")},
                          {"group", s.op.numbers("groups").front()}});
  if (s.op.op == "conv2d_relu") y = s.node("Relu", {y});
  return s.result(y, Lies::channels_first);
}

OnnxValue conv_transpose2d(OnnxStep& s) {
  const Shape& kernel = s.inputs[1].shape;
  std::vector<std::string> names{s.in(0, Lies::channels_first), filter(s, {2, 3, 0, 1})};
  if (s.inputs.size() > 2 && s.inputs[2].defined()) names.push_back(s.in(2, Lies::plain));
  const Sizes padding = s.op.numbers("padding");
  return s.result(s.node("ConvTranspose", names,
                         {{"kernel_shape", Sizes{kernel[0], kernel[1]}},
                          {"strides", s.op.numbers("stride")},
                          {"pads", joined(padding, padding)},
                          {"output_padding", s.op.numbers("output_padding")},
                          {"dilations", s.op.numbers("dilation")},
                          {"group", s.op.numbers("groups").front()}}),
                  Lies::channels_first);
}

// Scale or shift of a norm: [channels] as x lies, or ones or zeros.
std::string norm_term(OnnxStep& s, std::size_t i, Lies lies, double missing) {
  if (s.inputs.size() > i && s.inputs[i].defined())
    return s.in(i, lies == Lies::flattened ? Lies::flattened : Lies::plain);
  return s.graph.initializer(Tensor::full({s.op.shape[-1]}, missing));
}

OnnxValue batch_norm(OnnxStep& s) {
  if (s.op.setting("training", 0) != 0)
    s.refuse("a norm with the statistics of its batch", "one with running statistics",
             "let it track them, so that eval() uses them");
  const OnnxValue& x = s.inputs[0];
  const Lies lies = x.shape.rank() > 2 ? Lies::channels_first : x.lies;
  std::vector<std::string> names{s.in(0, lies), norm_term(s, 1, lies, 1), norm_term(s, 2, lies, 0)};
  for (const Tensor& statistic : s.op.statistics)
    names.push_back(
        s.graph.initializer(lies == Lies::flattened ? flattened(statistic, x.image) : statistic, statistic));
  std::string y = s.node("BatchNormalization", names, {{"epsilon", s.op.setting("eps", 0)}});
  if (s.op.op == "batch_norm_relu") y = s.node("Relu", {y});
  return s.result(y, lies, x.image);
}

OnnxValue layer_norm(OnnxStep& s) {
  const OnnxValue& x = s.inputs[0];
  const Lies lies = x.lies == Lies::flattened ? Lies::flattened : Lies::plain;
  return s.result(s.node("LayerNormalization", {s.in(0, lies), norm_term(s, 1, lies, 1), norm_term(s, 2, lies, 0)},
                         {{"axis", -1}, {"epsilon", s.op.setting("eps", 0)}}),
                  lies, x.image);
}

// Each group of channels as one channel of an instance norm, then scale and shift.
OnnxValue group_norm(OnnxStep& s) {
  const OnnxValue& x = s.inputs[0];
  const Lies lies = x.shape.rank() > 2 ? Lies::channels_first : Lies::plain;
  const std::int64_t groups = s.op.numbers("groups").front();
  const std::string rows = s.node("Reshape", {s.in(0, lies), s.graph.initializer(Sizes{0, groups, -1})});
  const std::string one = s.graph.initializer(Tensor::full({groups}, 1));
  const std::string zero = s.graph.initializer(Tensor::zeros({groups}));
  std::string y = s.node("InstanceNormalization", {rows, one, zero}, {{"epsilon", s.op.setting("eps", 0)}});
  const Shape shape = channels_first(x.shape);
  Sizes back(shape.dims().begin(), shape.dims().end());
  back[0] = 0;
  y = s.node("Reshape", {y, s.graph.initializer(back)});
  if (s.inputs.size() > 1 && s.inputs[1].defined()) y = s.node("Mul", {y, s.broadcast(1, lies)});
  if (s.inputs.size() > 2 && s.inputs[2].defined()) y = s.node("Add", {y, s.broadcast(2, lies)});
  return s.result(y, lies);
}

// Windows of a pooling along one axis.
struct Windows {
  std::int64_t kernel, stride, dilation, before, padding_behind, needed_behind;
};

Windows windows_of(const OnnxStep& s, std::size_t axis) {
  const auto of = [&](const char* name) { return s.op.numbers(name)[axis]; };
  Windows w{of("kernel"), of("stride"), of("dilation"), of("before"), of("behind"), 0};
  const int at = static_cast<int>(axis) + 1;
  const std::int64_t end = (s.op.shape[at] - 1) * w.stride + w.dilation * (w.kernel - 1) + 1 - w.before;
  w.needed_behind = std::max<std::int64_t>(0, end - s.inputs[0].shape[at]);
  return w;
}

// Windows that share pixels where they do not divide the image evenly: along one axis after the other, window by
// window.
std::string adaptive(OnnxStep& s, const char* reduce) {
  std::string y = s.in(0, Lies::channels_first);
  for (int axis = 1; axis <= 2; ++axis) {
    const std::int64_t from = s.inputs[0].shape[axis], to = s.op.shape[axis], place = axis + 1;
    std::vector<std::string> parts;
    for (std::int64_t i = 0; i < to; ++i) {
      const Sizes begin{i * from / to}, end{((i + 1) * from + to - 1) / to};
      const std::string part =
          s.node("Slice", {y, s.graph.initializer(begin), s.graph.initializer(end), s.graph.initializer(Sizes{place})});
      parts.push_back(s.node(reduce, {part}, {{"axes", Sizes{place}}, {"keepdims", 1}}));
    }
    y = s.node("Concat", parts, {{"axis", place}});
  }
  return y;
}

OnnxValue max_pool(OnnxStep& s) {
  if (s.op.setting("adaptive", 0) != 0) return s.result(adaptive(s, "ReduceMax"), Lies::channels_first);
  const Windows h = windows_of(s, 0), w = windows_of(s, 1);
  return s.result(s.node("MaxPool", {s.in(0, Lies::channels_first)},
                         {{"kernel_shape", Sizes{h.kernel, w.kernel}},
                          {"strides", Sizes{h.stride, w.stride}},
                          {"pads", Sizes{h.before, w.before, h.needed_behind, w.needed_behind}},
                          {"dilations", Sizes{h.dilation, w.dilation}}}),
                  Lies::channels_first);
}

// What lies in the padding counts where the op says so, what a window has behind it never does. Where both occur, the
// padding becomes part of the image.
OnnxValue average_pool(OnnxStep& s) {
  if (s.op.setting("adaptive", 0) != 0) return s.result(adaptive(s, "ReduceMean"), Lies::channels_first);
  const Windows h = windows_of(s, 0), w = windows_of(s, 1);
  if (h.dilation != 1 || w.dilation != 1)
    s.refuse("windows with gaps (dilation)", "windows without, which is all that this version of ONNX has",
             "write it as a convolution");
  bool counted = s.op.setting("count_padding", 1) != 0;
  const bool cut_off = h.needed_behind > h.padding_behind || w.needed_behind > w.padding_behind;
  std::string x = s.in(0, Lies::channels_first);
  Sizes pads{h.before, w.before, h.needed_behind, w.needed_behind};
  if (counted && cut_off) {
    const Sizes added{0, 0, h.before, w.before, 0, 0, h.padding_behind, w.padding_behind};
    x = s.node("Pad", {x, s.graph.initializer(added)});
    pads = {0, 0, std::max<std::int64_t>(0, h.needed_behind - h.padding_behind),
            std::max<std::int64_t>(0, w.needed_behind - w.padding_behind)};
    counted = false;
  }
  return s.result(s.node("AveragePool", {x},
                         {{"kernel_shape", Sizes{h.kernel, w.kernel}},
                          {"strides", Sizes{h.stride, w.stride}},
                          {"pads", pads},
                          {"count_include_pad", counted ? 1 : 0}}),
                  Lies::channels_first);
}

OnnxValue global_average(OnnxStep& s) {
  const std::string y = s.node("GlobalAveragePool", {s.in(0, Lies::channels_first)});
  return s.result(s.node("Flatten", {y}, {{"axis", 1}}), Lies::plain);
}

}  // namespace

std::vector<OnnxRow> onnx_image_rows() {
  return {
      {"linear", linear},
      {"matmul", matmul},
      {"conv2d", conv2d},
      {"conv2d_relu", conv2d},
      {"conv_transpose2d", conv_transpose2d},
      {"batch_norm", batch_norm},
      {"batch_norm_relu", batch_norm},
      {"layer_norm", layer_norm},
      {"group_norm", group_norm},
      {"max_pool2d", max_pool},
      {"adaptive_max_pool2d", max_pool},
      {"avg_pool2d", average_pool},
      {"adaptive_avg_pool2d", average_pool},
      {"global_avg_pool2d", global_average},
  };
}

}  // namespace ebb::detail
