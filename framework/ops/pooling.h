/// \file
/// Pooling of NHWC images over spatial windows.
#pragma once

#include <array>
#include <cstdint>

#include "framework/autograd/tape.h"

namespace ebb {

/// Windows of max_pool2d() and avg_pool2d(); pairs are {height, width}.
struct PoolGeometry {
  std::array<std::int64_t, 2> kernel{2, 2};    ///< Taps of the window, >= 1.
  std::array<std::int64_t, 2> stride{0, 0};    ///< Step; 0 means `kernel`.
  std::array<std::int64_t, 2> padding{0, 0};   ///< On each side, at most half of what the window spans.
  std::array<std::int64_t, 2> dilation{1, 1};  ///< Step between taps, >= 1: the window spans dilation (kernel - 1) + 1.
  bool same_padding = false;  ///< Instead of `padding`: as much as makes oh = ceil(h / stride); an odd row is below.
  bool ceil_mode = false;     ///< Also a last window that is cut off, if it begins in the image or above.
  bool count_padding = true;  ///< Average only: divide by all taps but those cut off, by default also in the padding.
};

/// Largest element of each window; padding never wins, NaN always does. Of equal elements, or of several NaN, the first
/// in row-major order gets the gradient. x `[n, h, w, c]` -> `[n, oh, ow, c]` with
/// oh = (h + 2 padding - span) / stride + 1, rounded down, or up with ceil_mode.
/// \throws Error when a window does not fit, has no tap inside the image, or an option is out of range.
Var max_pool2d(const Var& x, const PoolGeometry& geometry = {});

/// Mean of each window; shapes as max_pool2d().
Var avg_pool2d(const Var& x, const PoolGeometry& geometry = {});

/// Largest element of each of `output` windows that divide the image evenly: window i of n covers the rows from
/// floor(i h / n) to ceil((i + 1) h / n), so neighbours share a row where n does not divide h. 0 stands for the size of
/// the image: `[n, h, w, c]` -> `[n, output height, output width, c]`.
/// \throws Error when an output is negative.
Var adaptive_max_pool2d(const Var& x, std::array<std::int64_t, 2> output);

/// Mean of each of these windows.
Var adaptive_avg_pool2d(const Var& x, std::array<std::int64_t, 2> output);

/// Mean over height and width: `[n, h, w, c]` -> `[n, c]`.
Var global_avg_pool2d(const Var& x);

}  // namespace ebb
