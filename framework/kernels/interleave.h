/// \file
/// Rows turned into columns in registers. Included by kernel sources only.
#pragma once

#include "framework/kernels/simd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

// xsimd 8.1 mixes the lanes of 512-bit registers in quarters only; the compiler's own shuffle knows every width.
template <class T, int... I>
static inline void riffle(Batch<T>& a, Batch<T>& b, std::integer_sequence<int, I...>) {
  constexpr int half = lanes<T> / 2;
  const auto first = __builtin_shufflevector(a.data, b.data, (I / 2 + I % 2 * lanes<T>)...);
  const auto second = __builtin_shufflevector(a.data, b.data, (half + I / 2 + I % 2 * lanes<T>)...);
  a = Batch<T>(first);
  b = Batch<T>(second);
}

/// Interleaves N = 2, 4 or 8 registers: afterwards they hold rows[0][0], rows[1][0], ... rows[N - 1][0], rows[0][1],
/// ... Each round deals the two halves of the sequence out in turn, which moves the bits of every index up by one
/// place.
template <int N, class T>
static inline void interleave(Batch<T> (&rows)[N]) {
#pragma GCC unroll 3
  for (int round = 1; round < N; round *= 2) {
    Batch<T> next[N];
#pragma GCC unroll 4
    for (int i = 0; i < N / 2; ++i) {
      next[2 * i] = rows[i];
      next[2 * i + 1] = rows[i + N / 2];
      riffle<T>(next[2 * i], next[2 * i + 1], std::make_integer_sequence<int, lanes<T>>());
    }
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) rows[i] = next[i];
  }
}

// The lower or the upper halves of a and b.
template <class T, int... I>
static inline Batch<T> halves(Batch<T> a, Batch<T> b, bool upper, std::integer_sequence<int, I...>) {
  constexpr int half = lanes<T> / 2;
  if (upper) return Batch<T>(__builtin_shufflevector(a.data, b.data, (half + I % half + I / half * lanes<T>)...));
  return Batch<T>(__builtin_shufflevector(a.data, b.data, (I % half + I / half * lanes<T>)...));
}

/// to[c * step + i] = from[i * pitch + c] for i < lanes and c < count: as many rows as a register has lanes, read
/// whole registers at a time from every half register on.
template <class T>
static inline void square_to_columns(const T* from, int64_t pitch, int64_t count, T* to, int64_t step) {
  constexpr int half = lanes<T> / 2;
  constexpr auto every = std::make_integer_sequence<int, lanes<T>>();
  for (int64_t c = 0; c < count; c += half, from += half, to += half * step) {
    // A register holds half of row m and half of row m + half: interleaved, half of the columns stand in each register.
    Batch<T> rows[half];
#pragma GCC unroll 8
    for (int m = 0; m < half; ++m)
      rows[m] = halves<T>(Batch<T>::load_unaligned(from + m * pitch),
                          Batch<T>::load_unaligned(from + (m + half) * pitch), false, every);
    if constexpr (half > 1) interleave(rows);
#pragma GCC unroll 8
    for (int i = 0; i < half; ++i) {
      if (c + i >= count) break;
      const Batch<T> column = half == 1 ? rows[0] : halves<T>(rows[i / 2], rows[i / 2 + half / 2], i % 2 == 1, every);
      column.store_unaligned(to + i * step);
    }
  }
}

/// to[i * step + m] = from[m][i] for m < N and i < count. `readable` >= count: how many numbers of each row may be
/// read.
template <int N, class T>
static void rows_to_columns(const T* const* from, int64_t count, int64_t readable, T* to, int64_t step) {
  int64_t i = 0;
  for (; i < count && i + lanes<T> <= readable; i += lanes<T>) {
    Batch<T> rows[N];
#pragma GCC unroll 8
    for (int m = 0; m < N; ++m) rows[m] = Batch<T>::load_unaligned(from[m] + i);
    interleave(rows);
    if (step == N && i + lanes<T> <= count) {
#pragma GCC unroll 8
      for (int m = 0; m < N; ++m) rows[m].store_unaligned(to + i * N + m * lanes<T>);
      continue;
    }
    alignas(64) T part[N * lanes<T>];
#pragma GCC unroll 8
    for (int m = 0; m < N; ++m) rows[m].store_aligned(part + m * lanes<T>);
    const int64_t left = count - i < lanes<T> ? count - i : lanes<T>;
    for (int64_t j = 0; j < left; ++j) __builtin_memcpy(to + (i + j) * step, part + j * N, N * sizeof(T));
  }
  for (; i < count; ++i)
    for (int m = 0; m < N; ++m) to[i * step + m] = from[m][i];
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
