#include "lab/use/saliency.h"

#include <cmath>

#include "framework/tensor/error.h"
#include "lab/use/looking_pass.h"

namespace ebb {

Tensor input_gradient(Layer& model, const Tensor& images, const Tensor& classes) {
  LookingPass pass(model, images);
  pass.backward(classes);
  return pass.input_gradient();
}

Tensor saliency(Layer& model, const Tensor& images, const Tensor& classes) {
  require_defined("saliency", "images", images);
  if (images.rank() != 4) fail("saliency", text("images ", images.shape()), "[n, h, w, c]");
  const Tensor gradient = input_gradient(model, images, classes);
  Tensor out({images.dim(0), images.dim(1), images.dim(2)}, images.dtype());
  const std::int64_t channels = images.dim(3);
  dispatch("saliency", images.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* from = gradient.data<T>();
    for (T& pixel : out.mutable_span<T>()) {
      pixel = T(0);
      for (std::int64_t c = 0; c < channels; ++c) {
        const T strength = std::abs(*from++);
        if (strength > pixel || std::isnan(strength)) pixel = strength;
      }
    }
  });
  return out;
}

}  // namespace ebb
