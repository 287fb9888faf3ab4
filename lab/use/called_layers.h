/// \file
/// Which layers a network calls.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/nn/conv2d.h"

namespace ebb {

/// A layer that was called.
struct CalledLayer {
  std::string path;        ///< From the model: "blocks.0.conv1".
  Layer* layer = nullptr;  ///< Never null.
};

/// The layers below `model` that a pass over one image calls, in the order of their first calls, each once, callers
/// first. The pass is over zeros, in eval mode and without a tape. \param image `[h, w, c]`.
/// \throws Error when the model does not take such an image.
std::vector<CalledLayer> called_layers(Layer& model, const Shape& image);

/// The first convolution among them; null where there is none.
const CalledLayer* first_convolution(const std::vector<CalledLayer>& layers);

/// The last convolution among them; null where there is none.
const CalledLayer* last_convolution(const std::vector<CalledLayer>& layers);

/// The layer of this path.
/// \param where what gave the path, for the message. \throws Error naming what may be meant when none has it.
const CalledLayer& layer_called(const std::vector<CalledLayer>& layers, std::string_view path, std::string_view where);

}  // namespace ebb
