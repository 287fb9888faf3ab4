#include <algorithm>
#include <array>
#include <map>

#include "framework/tensor/error.h"
#include "lab/export/onnx_step.h"

namespace ebb::detail {
namespace {

OnnxValue write_by(const OnnxOp& op, OnnxStep& step) {
  const Lies lies = op.layout == OnnxLayout::any   ? step.common()
                    : op.layout == OnnxLayout::ebb ? Lies::plain
                                                   : Lies::channels_first;
  OnnxCall call(step, op.layout);
  std::string name = op.write(call);
  const bool made = std::ranges::any_of(step.graph.nodes, [&](const OnnxNode& n) { return n.output == name; });
  if (!made) step.refuse("a row that gave no node's output", "the name that OnnxCall::node() returned");
  return step.result(std::move(name), lies, step.flattened_image());
}

const OnnxOp* row_of(const std::vector<OnnxOp>& rows, const std::string& op) {
  const auto found = std::ranges::find(rows, op, &OnnxOp::op);
  return found == rows.end() ? nullptr : &*found;
}

constexpr std::array<std::string_view, 3> losses{"mse_loss", "softmax_cross_entropy",
                                                 "binary_cross_entropy_with_logits"};

}  // namespace

OnnxValue write_onnx(OnnxStep& step, const std::vector<OnnxOp>& own) {
  static const std::vector<OnnxOp> elementwise = onnx_elementwise_ops();
  static const std::map<std::string, OnnxWrite> rows = [] {
    std::map<std::string, OnnxWrite> out;
    for (const auto& family : {onnx_image_rows(), onnx_shape_rows()})
      for (const OnnxRow& row : family) out.emplace(row.op, row.write);
    return out;
  }();
  step.graph.enter(step.op.layer, step.op.op);
  if (const OnnxOp* const op = row_of(own, step.op.op)) return write_by(*op, step);
  if (const OnnxOp* const op = row_of(elementwise, step.op.op)) return write_by(*op, step);
  if (const auto row = rows.find(step.op.op); row != rows.end()) return row->second(step);
  if (std::ranges::find(losses, step.op.op) != losses.end())
    step.refuse("a loss", "a network that gives logits",
                "compute the loss outside of forward(): a graph has no labels to compare with");
  step.refuse(
      "an op that has no row in the table of ONNX exports", "one of the library's, or one that is registered",
      text("add an OnnxOp{.op = \"", step.op.op, "\", ...} to Extensions::onnx of ebb_main(), or to OnnxOptions::ops"));
}

}  // namespace ebb::detail
