/// \file
/// How a convolution is cut into blocks that caches hold and threads share: functions of its shape and of what the
/// kernels say of themselves, nothing else. Not part of the public interface.
#pragma once

#include "framework/compute/blocks.h"
#include "framework/compute/convolution_gather.h"
#include "framework/kernels/convolution.h"

namespace ebb::detail {

/// Of gather().
struct GatherPlan {
  std::int64_t lanes = 0;                          ///< Channels in a register.
  bool depthwise = false;                          ///< Each channel has a filter of its own.
  std::int64_t source = 0, result = 0;             ///< Channels of a packed group.
  std::int64_t packed_groups = 1;                  ///< Packed one after the other.
  std::int64_t planes = 0;                         ///< Width of the weights where positions are the lanes, else 0.
  std::int64_t panel = 0;                          ///< Result channels computed together.
  std::int64_t block = 0, blocks = 0;              ///< Source channels that are packed side by side; blocks of them.
  std::int64_t taps = 0;                           ///< Of a filter.
  std::int64_t first_row = 0, last_row = 0;        ///< Smallest and largest offset of a tap.
  std::int64_t first_column = 0, last_column = 0;  ///< Likewise.
  std::int64_t step = 1;                           ///< Inputs between neighbouring outputs of a phase.
  std::int64_t packed_columns = 0;                 ///< Of a row, for each step.
  std::int64_t together = 1;                       ///< Images that share tiles.
  std::int64_t band_rows = 1, bands = 1;  ///< Rows (positions of a phase) computed together; bands of an image.

  /// Width of the packed weights of a panel of so many channels.
  std::int64_t width(std::int64_t channels) const { return planes > 0 ? planes : channels > lanes ? 2 * lanes : lanes; }

  /// Elements between the packed weights of neighbouring steps, in the unit of ConvTap::w.
  std::int64_t weight_step() const { return planes > 0 ? planes : lanes; }

  /// Elements of a packed row of `images` images in one channel block.
  std::int64_t packed_row(std::int64_t images) const { return step * packed_columns * images * block; }
};

/// The plan of a gather of T = float or double.
template <class T>
GatherPlan plan_gather(const GatherShape& shape, const kernels::Convolution<T>& kernel);

/// Of weight_gradient().
struct WeightGradientPlan {
  ConvolutionShape shape = {};            ///< Of what is packed: without the pixels that a 1x1 filter leaves out.
  std::int64_t x_pixel = 0, x_row = 0;    ///< Elements between neighbours of that in x.
  bool depthwise = false;                 ///< Each channel has a filter of its own.
  std::int64_t groups = 1;                ///< Packed separately.
  std::int64_t source = 0, result = 0;    ///< Channels of a packed group.
  std::int64_t block = 0, blocks = 0;     ///< Source channels that are packed side by side; blocks of them.
  std::int64_t panel = 0, panels = 0;     ///< Result channels computed together; panels of them.
  std::int64_t joint_panels = 1;          ///< Panels of a slice, which share packed images.
  std::int64_t size = 0;                  ///< Numbers of the gradient.
  bool planes = false;                    ///< Few result channels: positions are the lanes.
  std::int64_t step = 1;                  ///< Of packed columns.
  std::int64_t dy_columns = 0;            ///< Of packed rows of dy's planes.
  std::int64_t columns = 0;               ///< Of packed rows, for each step.
  std::int64_t band_rows = 1, bands = 1;  ///< Output rows packed together; bands of an image.
  std::int64_t together = 1;              ///< Images summed in registers.
  std::int64_t image_blocks = 1, block_units = 1;  ///< Partial gradients; bands of images summed in each.

  /// Slices of all groups: what threads share of an image block.
  std::int64_t slices() const { return groups * ceil_div(panels, joint_panels); }
};

/// The plan of a weight gradient of T = float or double.
template <class T>
WeightGradientPlan plan_weight_gradient(const ConvolutionShape& shape, const kernels::Convolution<T>& kernel);

}  // namespace ebb::detail
