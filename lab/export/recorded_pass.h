// What one forward pass of a network ran, with the layer of each op, for other people's formats.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/autograd/graph.h"
#include "framework/nn/layer.h"

namespace ebb::detail {

// A value that depends on the images.
struct RecordedOp {
  std::string op;                         // "conv2d"; "input" for the images.
  std::string layer;                      // Path of the innermost layer that was called; empty for the model itself.
  std::vector<OpSetting> settings;        // What the op says of itself.
  std::vector<std::int32_t> inputs;       // Numbers of values that depend on the images; -1 for constants.
  std::vector<Tensor> constants;          // At the places of those; undefined where the op had none.
  std::array<Tensor, 2> statistics = {};  // Of a norm with constant ones: mean and variance.
  Tensor condition = {};                  // Of where().
  Shape shape;                            // Of the value,
  Shape other;                            // and as another number of images makes it; the same where that is fixed.

  // Whether the size along an axis is that of the batch.
  bool varies(int axis) const { return shape[axis] != other[axis]; }
  // All settings of a name, or none.
  std::vector<std::int64_t> numbers(std::string_view name) const;
  double setting(std::string_view name, double otherwise) const;
  // For messages: `op "conv2d" in layer1.0.conv1`.
  std::string where() const;
};

// In the order in which they were computed; number 0 are the images.
struct RecordedPass {
  std::vector<RecordedOp> ops;
  std::int32_t result = 0;
};

// Records the model in eval mode several times, with images of all kinds, which shows what depends on them.
// \param batch their number in all passes; 0: 2 images and once 3, so that shapes tell which axis is the batch.
// \throws Error naming op and layer when constants or steps differ between them, and when the result does not depend on
// the images.
RecordedPass recorded_pass(Layer& model, const Shape& image, std::int64_t batch);

}  // namespace ebb::detail
