/// \file
/// Winograd transforms of filters and of their gradients. Included by kernel sources only.
#pragma once

#include "framework/kernels/rows.h"
#include "framework/kernels/winograd.h"
#include "framework/kernels/winograd_points.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

/// sum over i of factor(i) x(i), without the terms whose factor is zero.
template <int Count, class Factor, class X>
[[gnu::always_inline]] inline Lanes combine(Factor factor, X x) {
  Lanes sum(0.0f);
  bool first = true;
#pragma GCC unroll 6
  for (int i = 0; i < Count; ++i) {
    const double by = factor(i);
    if (by == 0) continue;
    const Lanes term = x(i);
    if (first) sum = by == 1 ? term : Lanes(static_cast<float>(by)) * term;
    else sum = plus(sum, by, term);
    first = false;
  }
  return sum;
}

template <class F>
static void weights(const float* w, int64_t depth, int64_t width, float* u, int64_t point) {
  const int64_t tap = depth * width;
  for (int64_t i = 0; i < tap; i += lanes<float>) {
    Lanes rows[F::size][3];
#pragma GCC unroll 3
    for (int x = 0; x < 3; ++x) {
      Lanes column[3];
#pragma GCC unroll 3
      for (int y = 0; y < 3; ++y) column[y] = Lanes::load_unaligned(w + i + (y * 3 + x) * tap);
#pragma GCC unroll 6
      for (int y = 0; y < F::size; ++y)
        rows[y][x] = combine<3>(
            [&](int k) __attribute__((always_inline)) { return F::filter[y][k]; },
            [&](int k) __attribute__((always_inline)) { return column[k]; });
    }
#pragma GCC unroll 6
    for (int y = 0; y < F::size; ++y)
#pragma GCC unroll 6
      for (int x = 0; x < F::size; ++x)
        combine<3>(
            [&](int k) __attribute__((always_inline)) { return F::filter[x][k]; },
            [&](int k) __attribute__((always_inline)) { return rows[y][k]; })
            .store_unaligned(u + i + (y * F::size + x) * point);
  }
}

template <class F>
static void finish(const float* s, int64_t point, int64_t depth, int64_t width, int64_t channels, float* dw,
                   int64_t dw_tap, int64_t dw_depth) {
  for (int64_t i = 0; i < depth; ++i, s += width, dw += dw_depth) {
    each_register<float>(channels, [&](int64_t c, int64_t count) {
      Lanes rows[3][F::size];
#pragma GCC unroll 6
      for (int x = 0; x < F::size; ++x) {
#pragma GCC unroll 3
        for (int y = 0; y < 3; ++y)
          rows[y][x] = combine<F::size>(
              [&](int k) __attribute__((always_inline)) { return F::filter[k][y]; },
              [&](int k)
                  __attribute__((always_inline)) { return Lanes::load_unaligned(s + c + (k * F::size + x) * point); });
      }
#pragma GCC unroll 3
      for (int y = 0; y < 3; ++y)
#pragma GCC unroll 3
        for (int x = 0; x < 3; ++x)
          store(dw + (y * 3 + x) * dw_tap + c,
                combine<F::size>(
                    [&](int k) __attribute__((always_inline)) { return F::filter[k][x]; },
                    [&](int k) __attribute__((always_inline)) { return rows[y][k]; }),
                count);
    });
  }
}

/// The part of the table that concerns filters.
template <class F>
static void fill_filters(Winograd& table) {
  table.weights = weights<F>;
  table.finish = finish<F>;
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
