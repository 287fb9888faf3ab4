/// \file
/// The forward pass and the input gradient of a convolution as one computation: every output pixel gathers the input
/// pixels that its filter taps meet. Not part of the public interface.
#pragma once

#include "framework/compute/blocks.h"
#include "framework/compute/convolution.h"

namespace ebb::detail {

/// One axis of a gather. Outputs come in `phases` interleaved sets; neighbours of a set are `step` inputs apart.
/// Forward: one set, a stride apart. Input gradient: `stride` sets, one apart, so that no zeros are multiplied.
struct GatherAxis {
  std::int64_t kernel, stride, padding, dilation;
  std::int64_t source, result;  ///< Length of input and output.
  bool transposed;              ///< Input gradient.

  std::int64_t step() const { return transposed ? 1 : stride; }
  std::int64_t phases() const { return transposed ? stride : 1; }

  /// Outputs in a phase: phase, phase + phases(), ...
  std::int64_t positions(std::int64_t phase) const { return phase >= result ? 0 : ceil_div(result - phase, phases()); }

  /// True when tap k contributes to a phase; then its input of position q is q * step() + offset.
  bool meets(std::int64_t k, std::int64_t phase, std::int64_t& offset) const {
    const std::int64_t at = transposed ? phase + padding - k * dilation : k * dilation - padding;
    if (transposed && at % stride != 0) return false;
    offset = transposed ? at / stride : at;
    return true;
  }
};

/// Sizes of a gather.
struct GatherShape {
  std::int64_t images, groups;
  std::int64_t source_channels, result_channels;  ///< Of all groups.
  GatherAxis axis[2];                             ///< Rows, columns.
};

/// y = gather of x with the weights, plus bias. Element (tap, c, k) of the weights for source channel c of a group and
/// result channel k of it is w[tap * w_tap + group * w_group + c * w_source + k * w_result].
template <class T>
struct Gather : GatherShape {
  const T* x;
  const T* w;
  const T* bias;  ///< Or null.
  T* y;
  std::int64_t w_tap, w_group, w_source, w_result;
  double* stats;    ///< Count, mean and M2 of y's channels, or null.
  bool relu;        ///< Then y = max(y, 0). Forward only.
  const T* packed;  ///< What pack_gather_weights() made of w, or null. Not for depthwise ones, which read w.
};

/// Computes it. Uses all scratch slots.
template <class T>
void gather(const Gather<T>& args);

/// Numbers of the weights as gather() reads them; 0 where it reads w itself. The same for any number of images.
template <class T>
std::int64_t packed_gather_weights(const Gather<T>& args);

/// Writes so many numbers.
template <class T>
void pack_gather_weights(const Gather<T>& args, T* out);

}  // namespace ebb::detail
