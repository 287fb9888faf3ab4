/// \file
/// Pooling of NHWC images over spatial windows.
#pragma once

#include <array>
#include <cstdint>

#include "framework/autograd/tape.h"

namespace ebb {

/// Windows of max_pool2d() and avg_pool2d(); pairs are {height, width}.
struct PoolGeometry {
  std::array<std::int64_t, 2> kernel{2, 2};   ///< Window, >= 1.
  std::array<std::int64_t, 2> stride{0, 0};   ///< Step; 0 means the window's size.
  std::array<std::int64_t, 2> padding{0, 0};  ///< On each side, at most half the window.
  bool count_padding = true;  ///< Average only: divide by the whole window, padding included (PyTorch's default).
};

/// Largest element of each window; padding never wins, NaN always does. Of equal elements, or of several NaN, the first
/// in row-major order gets the gradient. x `[n, h, w, c]` -> `[n, oh, ow, c]` with
/// oh = (h + 2 padding - kernel) / stride + 1.
/// \throws Error when a window does not fit or an option is out of range.
Var max_pool2d(const Var& x, const PoolGeometry& geometry = {});

/// Mean of each window; shapes as max_pool2d().
Var avg_pool2d(const Var& x, const PoolGeometry& geometry = {});

/// Mean over height and width: `[n, h, w, c]` -> `[n, c]`.
Var global_avg_pool2d(const Var& x);

}  // namespace ebb
