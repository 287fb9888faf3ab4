/// \file
/// Steps through short rows of numbers, register by register. Included by kernel sources only.
#pragma once

#include "framework/kernels/simd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

/// Loads `count` <= lanes numbers; the other lanes are `rest`.
template <class T>
inline Batch<T> load(const T* x, int64_t count, T rest = T(0)) {
  return count == lanes<T> ? Batch<T>::load_unaligned(x) : load_part(x, count, rest);
}

/// Stores the first `count` <= lanes numbers.
template <class T>
inline void store(T* y, Batch<T> value, int64_t count) {
  if (count == lanes<T>) value.store_unaligned(y);
  else store_part<T>(y, value, count);
}

/// Calls f(j, count) for the registers of n numbers; count < lanes for the tail.
template <class T, class F>
inline void each_register(int64_t n, F f) {
  int64_t j = 0;
  for (; j + lanes<T> <= n; j += lanes<T>) f(j, int64_t{lanes<T>});
  if (j < n) f(j, n - j);
}

/// The sum of the lanes in double, by halves: a shorter chain of additions than sum_lanes().
template <class T>
inline double sum_halves(Batch<T> value) {
  alignas(64) T part[lanes<T>];
  double sum[lanes<T>];
  value.store_aligned(part);
  for (int i = 0; i < lanes<T>; ++i) sum[i] = static_cast<double>(part[i]);
  for (int half = lanes<T> / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) sum[i] += sum[i + half];
  return sum[0];
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
