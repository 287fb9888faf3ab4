/// \file
/// Which pixels of an image a network's answer depends on.
#pragma once

#include "framework/nn/layer.h"

namespace ebb {

/// d logit / d input: the gradient of one logit of each image with respect to the image, in eval mode. The model is as
/// before afterwards; its parameters get no gradients.
/// \param images as the model takes them, `[n, ...]` in the dtype of its parameters.
/// \param classes of which the logits are, i64 `[n]`; undefined: the class with the largest logit.
/// \returns of the shape of `images`.
/// \throws Error when the model's result is not `[n, classes]`, or a class is none of it.
Tensor input_gradient(Layer& model, const Tensor& images, const Tensor& classes = {});

/// How strongly each pixel acts on the logit: the largest absolute value over the channels of input_gradient().
/// \param images `[n, h, w, c]`. \returns `[n, h, w]` in the same dtype.
/// Source: Simonyan, Vedaldi, Zisserman 2014, "Deep Inside Convolutional Networks", section 3.1.
Tensor saliency(Layer& model, const Tensor& images, const Tensor& classes = {});

}  // namespace ebb
