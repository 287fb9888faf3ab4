// A whole ONNX model and its bytes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lab/export/onnx_graph.h"

namespace ebb::detail {

// An input or output of the graph.
struct OnnxPort {
  std::string name;
  DType type = DType::f32;
  std::vector<std::int64_t> sizes;  // -1: the number of images, which is open
};

struct OnnxModel {
  std::string name;  // of the graph
  std::string version;
  std::vector<OnnxPort> inputs, outputs;
  const OnnxGraph* graph = nullptr;
  std::map<std::string, std::string> metadata;
};

// Operator set 17, version 8 of the intermediate representation.
std::string to_bytes(const OnnxModel& model);

}  // namespace ebb::detail
