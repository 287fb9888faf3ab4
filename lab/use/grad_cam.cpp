#include "lab/use/grad_cam.h"

#include <algorithm>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/use/looking_pass.h"

namespace ebb {

Tensor grad_cam(Layer& model, const Tensor& images, const GradCamOptions& options) {
  require_defined("grad_cam", "images", images);
  const std::vector<CalledLayer> layers = called_layers(model, images.shape().without(0));
  const CalledLayer* const wanted =
      options.layer.empty() ? last_convolution(layers) : &layer_called(layers, options.layer, "layer");
  if (wanted == nullptr) fail("grad_cam", "a network without a convolution", "the path of a layer that gives maps");
  LookingPass pass(model, images, wanted->layer);
  if (pass.result().rank() != 4 || pass.result().dim(0) != images.dim(0))
    fail("grad_cam", text("layer ", wanted->path, ", which gives ", pass.result().shape()),
         text("maps [", images.dim(0), ", h, w, c]"), "choose a layer in front of those that flatten and pool");
  pass.backward(options.classes);
  const Tensor maps = cast(pass.result(), DType::f64), gradient = cast(pass.result_gradient(), DType::f64);
  const std::int64_t pixels = maps.dim(1) * maps.dim(2), channels = maps.dim(3);
  Tensor out = Tensor::zeros({maps.dim(0), maps.dim(1), maps.dim(2)}, DType::f64);
  for (std::int64_t n = 0; n < maps.dim(0); ++n) {
    const double* const a = maps.data<double>() + n * pixels * channels;
    const double* const g = gradient.data<double>() + n * pixels * channels;
    double* const to = out.mutable_data<double>() + n * pixels;
    for (std::int64_t c = 0; c < channels; ++c) {
      double weight = 0;
      for (std::int64_t p = 0; p < pixels; ++p) weight += g[p * channels + c];
      weight /= static_cast<double>(pixels);
      for (std::int64_t p = 0; p < pixels; ++p) to[p] += weight * a[p * channels + c];
    }
    std::transform(to, to + pixels, to, [](double v) { return std::max(v, 0.0); });
  }
  return cast(out, images.dtype());
}

}  // namespace ebb
