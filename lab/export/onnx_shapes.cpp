// Ops that move numbers, and reductions: axes are counted as the value lies.
#include <algorithm>
#include <limits>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/export/onnx_step.h"

namespace ebb::detail {
namespace {

using Sizes = std::vector<std::int64_t>;

// Images stay as they lie; what is flattened becomes plain.
Lies images_or_plain(const OnnxStep& s) {
  const Lies lies = s.common();
  return lies == Lies::flattened ? Lies::plain : lies;
}

std::int64_t axis_in(Lies lies, std::int64_t axis, int rank) {
  return lies == Lies::channels_first ? channels_first_axis(static_cast<int>(axis), rank) : axis;
}

// The batch in front stays, and all other axes become one.
bool flattens(const OnnxStep& s) {
  const Shape &from = s.inputs[0].shape, &to = s.op.shape;
  return from.rank() > 2 && to.rank() == 2 && from[0] == to[0] && s.inputs[0].other[0] == s.op.other[0];
}

OnnxValue reshape(OnnxStep& s) {
  const OnnxValue& x = s.inputs[0];
  if (flattens(s)) {
    // As PyTorch's flatten: channels, then rows and columns. What lies behind it follows.
    const bool image = x.shape.rank() == 4 && x.lies == Lies::channels_first;
    const bool moved = image && x.shape[3] > 1 && x.shape[1] * x.shape[2] > 1;
    const std::string y = s.node("Flatten", {s.in(0, image ? Lies::channels_first : Lies::plain)}, {{"axis", 1}});
    if (!moved) return s.result(y, Lies::plain);
    return s.result(y, Lies::flattened, {x.shape[1], x.shape[2], x.shape[3]});
  }
  // Channels alone, as of a squeezed image, lie either way.
  const Shape& to = s.op.shape;
  const bool channels = to.rank() == 4 && to[1] * to[2] == 1;
  const Lies lies = channels ? Lies::channels_first : Lies::plain;
  const Sizes sizes = reshape_sizes("export: " + s.op.where(), x.shape, x.other, channels ? channels_first(to) : to,
                                    channels ? channels_first(s.op.other) : s.op.other);
  return s.result(s.node("Reshape", {s.in(0, Lies::plain), s.graph.initializer(sizes)}), lies);
}

OnnxValue transpose(OnnxStep& s) {
  return s.result(s.node("Transpose", {s.in(0, Lies::plain)}, {{"perm", s.op.numbers("axis")}}), Lies::plain);
}

OnnxValue slice(OnnxStep& s) {
  const Lies lies = images_or_plain(s);
  const auto axis = static_cast<int>(s.op.setting("axis", 0));
  const auto begin = static_cast<std::int64_t>(s.op.setting("begin", 0));
  const auto step = static_cast<std::int64_t>(s.op.setting("step", 1));
  const std::int64_t count = s.op.shape[axis];
  // Along the batch, where its size is open, to the end.
  const std::int64_t end = s.op.varies(axis) ? std::numeric_limits<std::int64_t>::max()
                                             : begin + std::max<std::int64_t>(0, count - 1) * step + (count > 0);
  const auto constant = [&](std::int64_t number) { return s.graph.initializer(Sizes{number}); };
  const std::string y = s.node("Slice", {s.in(0, lies), constant(begin), constant(end),
                                         constant(axis_in(lies, axis, s.op.shape.rank())), constant(step)});
  return s.result(y, lies);
}

OnnxValue concat(OnnxStep& s) {
  const Lies lies = images_or_plain(s);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < s.inputs.size(); ++i) names.push_back(s.in(i, lies));
  const auto axis = static_cast<std::int64_t>(s.op.setting("axis", 0));
  return s.result(s.node("Concat", names, {{"axis", axis_in(lies, axis, s.op.shape.rank())}}), lies);
}

OnnxValue pad(OnnxStep& s) {
  const Lies lies = images_or_plain(s);
  const int rank = s.op.shape.rank();
  const Sizes before = s.op.numbers("before");
  Sizes pads(2 * static_cast<std::size_t>(rank));
  for (int axis = 0; axis < rank; ++axis) {
    const auto at = static_cast<std::size_t>(axis_in(lies, axis, rank));
    const std::int64_t begin = before[static_cast<std::size_t>(axis)];
    pads[at] = begin;
    pads[at + static_cast<std::size_t>(rank)] = s.op.shape[axis] - s.inputs[0].shape[axis] - begin;
  }
  const std::string value = s.graph.number(s.op.setting("value", 0));
  return s.result(s.node("Pad", {s.in(0, lies), s.graph.initializer(pads), value}), lies);
}

// Reduces the op's axes where they lie.
OnnxValue reduced(OnnxStep& s, const char* type) {
  const OnnxValue& x = s.inputs[0];
  const int rank = x.shape.rank();
  const auto mask = static_cast<unsigned>(s.op.setting("axes", 0));
  const bool keeps = s.op.shape.rank() == rank;
  const auto taken = [&](int axis) { return (mask >> static_cast<unsigned>(axis) & 1U) != 0; };
  // Without the axes, what is left of an image is in Ebb's order when its channels or all its pixels are gone.
  bool pixels = true;
  for (int axis = 1; axis + 1 < rank; ++axis) pixels = pixels && taken(axis);
  Lies lies = images_or_plain(s);
  if (!keeps && rank > 0 && !taken(rank - 1) && !pixels) lies = Lies::plain;
  Sizes axes;
  for (int axis = 0; axis < rank; ++axis)
    if (taken(axis)) axes.push_back(axis_in(lies, axis, rank));
  std::ranges::sort(axes);
  const std::string in = s.in(0, lies);
  const Lies out = keeps ? lies : Lies::plain;
  if (axes.empty()) return s.result(s.node("Identity", {in}), out);
  // Of these only the sum takes its axes as an input in this version of ONNX.
  if (std::string_view(type) == "ReduceSum")
    return s.result(s.node(type, {in, s.graph.initializer(axes)}, {{"keepdims", keeps ? 1 : 0}}), out);
  return s.result(s.node(type, {in}, {{"axes", axes}, {"keepdims", keeps ? 1 : 0}}), out);
}

OnnxValue along_axis(OnnxStep& s, const char* type) {
  const Lies lies = images_or_plain(s);
  const auto axis = static_cast<std::int64_t>(s.op.setting("axis", 0));
  return s.result(s.node(type, {s.in(0, lies)}, {{"axis", axis_in(lies, axis, s.op.shape.rank())}}), lies);
}

// Both values and what chooses between them lie alike.
OnnxValue where(OnnxStep& s) {
  constexpr std::int64_t to_bool = 9;
  const Tensor& condition = s.op.condition;
  s.inputs.push_back({.constant = cast(condition, DType::f32), .shape = condition.shape(), .other = condition.shape()});
  const Lies lies = s.common();
  const std::string chosen = s.node("Cast", {s.broadcast(2, lies)}, {{"to", to_bool}});
  return s.result(s.node("Where", {chosen, s.broadcast(0, lies), s.broadcast(1, lies)}), lies, s.flattened_image());
}

}  // namespace

std::vector<OnnxRow> onnx_shape_rows() {
  return {
      {"reshape", reshape},
      {"flatten", reshape},
      {"transpose", transpose},
      {"slice", slice},
      {"concat", concat},
      {"pad", pad},
      {"where", where},
      {"sum", [](OnnxStep& s) { return reduced(s, "ReduceSum"); }},
      {"mean", [](OnnxStep& s) { return reduced(s, "ReduceMean"); }},
      {"max", [](OnnxStep& s) { return reduced(s, "ReduceMax"); }},
      {"logsumexp", [](OnnxStep& s) { return reduced(s, "ReduceLogSumExp"); }},
      {"softmax", [](OnnxStep& s) { return along_axis(s, "Softmax"); }},
      {"log_softmax", [](OnnxStep& s) { return along_axis(s, "LogSoftmax"); }},
  };
}

}  // namespace ebb::detail
