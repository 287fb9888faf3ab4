/// \file
/// The choice of normalisation that convolutional networks offer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace ebb {

class Layer;

/// What normalises behind (or in front of) a convolution.
enum class Norm : std::uint8_t {
  batch,  ///< Each channel over the batch (Ioffe, Szegedy 2015).
  layer,  ///< All channels and pixels of an image (Ba, Kiros, Hinton 2016): group with one group.
  group,  ///< Groups of channels of an image (Wu, He 2018).
  none,   ///< Nothing; convolutions have a bias, and each residual branch ends in a convolution that starts at zero
          ///< (Zhang, Dauphin, Ma 2019, "Fixup"), so that deep networks begin as shallow ones.
};

/// "batch", "layer", "group" or "none".
const char* name(Norm norm);

/// A kind of normalisation with its setting.
struct NormOptions {
  Norm kind = Norm::batch;  ///< Which.
  std::int64_t groups = 8;  ///< Of Norm::group; divides every width of the network.
  /// In place of `kind`: makes a layer that normalises `[n, h, w, channels]`.
  std::function<std::unique_ptr<Layer>(std::int64_t channels)> own = {};

  bool is(Norm norm) const { return !own && kind == norm; }  ///< Whether it is this one of ours.
};

}  // namespace ebb
