// What one recorded pass of a network ran, as prepare() takes it apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/autograd/repeat.h"
#include "framework/nn/layer.h"

namespace ebb::detail {

// A value that depends on the images.
struct PreparedOp {
  std::string op;                    // "conv2d"; "input" for the images
  std::vector<std::int32_t> inputs;  // numbers of values that depend on the images; -1 for constants
  std::vector<Tensor> constants;     // at the places of those; undefined where the op had none
  Repeat repeat;
  bool repeatable = false;
  Shape shape;
};

// In the order in which they were computed.
struct PreparedGraph {
  std::vector<PreparedOp> ops;
  int result = -1;  // number of the network's result; -1 when it does not depend on the images
};

// Records one pass of the model, in eval mode.
// \param folded as it runs where nothing is recorded: norms are folded by the layers themselves.
PreparedGraph prepared_graph(Layer& model, const Tensor& images, bool folded);

}  // namespace ebb::detail
