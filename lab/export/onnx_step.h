// One op of a recorded pass on its way into the graph.
#pragma once

#include <string>
#include <vector>

#include "lab/export/onnx_graph.h"
#include "lab/export/recorded_pass.h"

namespace ebb::detail {

class OnnxStep {
 public:
  OnnxStep(OnnxGraph& to, const RecordedOp& from, std::vector<OnnxValue> given)
      : graph(to), op(from), inputs(std::move(given)) {}

  OnnxGraph& graph;
  const RecordedOp& op;
  std::vector<OnnxValue> inputs;

  // How all inputs can lie so that elementwise ops see the same elements together, without moving most of them.
  Lies common() const;
  // The image of what is flattened among the inputs.
  Shape flattened_image() const;

  // The name of input i where it lies so; empty where the op has none. See OnnxGraph::as().
  std::string in(std::size_t i, Lies lies);
  // Likewise for constants that broadcast against a whole input.
  std::string broadcast(std::size_t i, Lies lies);

  std::string node(const std::string& type, const std::vector<std::string>& names,
                   const std::vector<OnnxAttribute>& attributes = {}) {
    return graph.node(type, names, attributes);
  }

  // The op's value under this name.
  OnnxValue result(std::string name, Lies lies, const Shape& image = {}) const {
    const bool moves = lies != Lies::channels_first || op.shape.rank() > 2;
    return {std::move(name), {}, op.shape, op.other, moves ? lies : Lies::plain, image};
  }

  [[noreturn]] void refuse(const std::string& got, const std::string& wanted, const std::string& remedy = {}) const;
};

// How an op of the library is written; null for those that have no row.
using OnnxWrite = OnnxValue (*)(OnnxStep& step);

// Rows of the library's ops, by family.
struct OnnxRow {
  const char* op;
  OnnxWrite write;
};
std::vector<OnnxOp> onnx_elementwise_ops();
std::vector<OnnxRow> onnx_image_rows();
std::vector<OnnxRow> onnx_shape_rows();

// Writes the step by the row of its op, `own` ones first.
// \throws Error naming op, layer and where to register when there is none.
OnnxValue write_onnx(OnnxStep& step, const std::vector<OnnxOp>& own);

}  // namespace ebb::detail
