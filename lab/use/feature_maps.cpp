#include "lab/use/feature_maps.h"

#include "framework/tensor/error.h"
#include "lab/use/looking_pass.h"

namespace ebb {

Tensor feature_maps(Layer& model, const Tensor& images, const std::string& layer) {
  require_defined("feature_maps", "images", images);
  const std::vector<CalledLayer> layers = called_layers(model, images.shape().without(0));
  const CalledLayer* const wanted = layer.empty() ? first_convolution(layers) : &layer_called(layers, layer, "layer");
  if (wanted == nullptr)
    fail("feature_maps", "a network without a convolution", "the path of a layer", "name one of its layers");
  return LookingPass(model, images, wanted->layer).result();
}

}  // namespace ebb
