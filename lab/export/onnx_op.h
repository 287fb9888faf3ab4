/// \file
/// How an op is written as nodes of an ONNX graph: for ops of one's own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb {

namespace detail {
class OnnxStep;
}

/// An attribute of a node: `{"alpha", 0.01}`, `{"axis", 1}`, `{"pads", std::vector<std::int64_t>{0, 1}}`.
/// Floating-point numbers are written as float.
struct OnnxAttribute {
  std::string name;  ///< As ONNX's page of the op has it.
  std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>> value;  ///< Its kind is the attribute's.
};

/// How the inputs of an op lie in the graph, whose images are `[n, c, h, w]`.
enum class OnnxLayout : std::uint8_t {
  ebb,             ///< As Ebb has them: images are `[n, h, w, c]`. They are transposed where they lie otherwise.
  channels_first,  ///< `[n, c, h, w]`: the last axis stands behind the first.
  any,             ///< All inputs and the output lie alike, it does not matter how: elementwise ops.
};

/// A call of an op in the pass that is written, for OnnxOp::write.
class OnnxCall {
 public:
  OnnxCall(detail::OnnxStep& step, OnnxLayout layout) : step_(step), layout_(layout) {}  ///< By the exporter.

  /// Number of inputs, as the op's record() got them.
  std::size_t inputs() const;

  /// The name of input `i` in the graph; empty where it is undefined. Constants and parameters become initializers.
  std::string input(std::size_t i);

  /// The setting that the op recorded beside its name; `otherwise` where there is none. See OpSetting.
  double setting(std::string_view name, double otherwise = 0) const;

  /// A constant: a number of rank 0,
  std::string constant(double value);

  /// or a tensor: floating-point numbers as float, i64 as it is.
  std::string constant(const Tensor& numbers);

  /// Adds a node of the default operator set, version 17. \returns the name of its only output.
  std::string node(const std::string& type, const std::vector<std::string>& inputs,
                   const std::vector<OnnxAttribute>& attributes = {});

 private:
  detail::OnnxStep& step_;
  OnnxLayout layout_;
};

/// An op of one's own in an ONNX graph.
struct OnnxOp {
  std::string op = {};                  ///< As record() names it: "mish".
  OnnxLayout layout = OnnxLayout::ebb;  ///< What `write` gets and gives.
  /// Adds the nodes. \returns the name of the result, of the shape that Ebb's op gives.
  std::function<std::string(OnnxCall& call)> write = {};
};

}  // namespace ebb
