/// \file
/// What a layer of a network gives for images.
#pragma once

#include <string>

#include "framework/nn/layer.h"

namespace ebb {

/// The result of a layer in eval mode, of its last call where it is called several times.
/// \param images as the model takes them, `[n, h, w, c]` in the dtype of its parameters.
/// \param layer its path; empty: the first convolution.
/// \throws Error naming what may be meant when the network does not call such a layer.
Tensor feature_maps(Layer& model, const Tensor& images, const std::string& layer = {});

}  // namespace ebb
