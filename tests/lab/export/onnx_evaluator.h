// Runs an ONNX graph, in double and by plain loops: what an export says must be what the network computes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb::test {

// Numbers with a shape. Integers of a graph are small enough for double.
struct Array {
  std::vector<std::int64_t> shape;
  std::vector<double> numbers;

  std::int64_t size() const { return static_cast<std::int64_t>(numbers.size()); }
  std::int64_t dim(std::int64_t axis) const {
    return shape.at(static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis));
  }
};

Array array_of(const Tensor& tensor);

// What tests ask of a graph.
struct OnnxFacts {
  std::string producer;
  std::int64_t ir_version = 0, operator_set = 0;
  std::map<std::string, std::string> metadata;
  std::map<std::string, Array> initializers;
  std::vector<std::string> ops;                           // types of the nodes, in order
  std::map<std::string, std::vector<std::string>> ports;  // sizes of inputs and outputs, "N" for an open one
};
OnnxFacts facts_of(const std::string& bytes);

// The outputs by name. \throws std::runtime_error for what is no graph, or has an op that is not here.
std::map<std::string, Array> evaluate_onnx(const std::string& bytes, const std::string& input, const Array& value);

}  // namespace ebb::test
