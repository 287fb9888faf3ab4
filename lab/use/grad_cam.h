/// \file
/// Which regions of an image speak for a class.
#pragma once

#include <string>

#include "framework/nn/layer.h"

namespace ebb {

/// What grad_cam() looks at.
struct GradCamOptions {
  std::string layer = {};  ///< Path of a layer that gives maps, `[n, h, w, c]`; empty: the last convolution called.
  Tensor classes = {};     ///< Of which the logits are, i64 `[n]`; undefined: the class with the largest logit.
};

/// relu(sum_k a_k A_k): the maps A_k of a layer, each weighed by a_k, the mean over its pixels of the gradient of the
/// logit with respect to it. In eval mode; the model is as before afterwards.
/// \param images `[n, h, w, c]` in the dtype of the model's parameters.
/// \returns `[n, h', w']` in the size of the layer's maps, in that dtype; computed in double.
/// \throws Error naming what may be meant for a layer that is not called, and when it does not give maps.
/// Source: Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2.
Tensor grad_cam(Layer& model, const Tensor& images, const GradCamOptions& options = {});

}  // namespace ebb
