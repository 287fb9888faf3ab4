/// \file
/// The kernel of dropout. One thread.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// Numbers decided together; callers split work at multiples of it.
constexpr int64_t dropout_group = 64;

/// Function pointers of the family for T = float or double.
template <class T>
struct Dropout {
  /// y[i] = 0 where word(first + i) < threshold, else factor x[i], for n numbers; first is a multiple of
  /// dropout_group. word(i) is word (i / 16) % 4 of Philox4x32-10 with this key at counter (i / 64) 16 + i % 16: each
  /// call of Philox decides four numbers, sixteen apart so that registers need no shuffling.
  void (*apply)(uint64_t key, uint64_t first, uint32_t threshold, T factor, const T* x, T* y, int64_t n);
};

}  // namespace ebb::kernels
