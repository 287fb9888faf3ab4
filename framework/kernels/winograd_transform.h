/// \file
/// Two-dimensional Winograd transforms of registers: lines down, then across. Included by kernel sources only.
#pragma once

#include "framework/kernels/winograd_points.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

/// The transform of x(0), x(1), ... : store(point, value). Line is Input or Gradient of an F with Size points.
template <class Line, int Size, class X, class Store>
[[gnu::always_inline]] inline void spread_line(X x, Store store) {
  each_group<Size>([&](auto group) __attribute__((always_inline)) {
    constexpr int first = Groups<Size>::first(group.value);
    Lanes to[2];
    Line::template group<group.value>(x, to);
    store(first, to[0]);
    if constexpr (Groups<Size>::points(group.value) == 2) store(first + 1, to[1]);
  });
}

/// The two-dimensional transform of load(y, x): store(y, x, value).
template <class Line, int Size, class Load, class Store>
[[gnu::always_inline]] inline void spread(Load load, Store store) {
  each_group<Size>([&](auto group) __attribute__((always_inline)) {
    constexpr int first = Groups<Size>::first(group.value);
    constexpr bool pair = Groups<Size>::points(group.value) == 2;
    Lanes rows[2][Line::numbers];
#pragma GCC unroll 6
    for (int x = 0; x < Line::numbers; ++x) {
      Lanes to[2];
      Line::template group<group.value>(
          [&](int y) __attribute__((always_inline)) { return load(y, x); }, to);
      rows[0][x] = to[0];
      if constexpr (pair) rows[1][x] = to[1];
    }
    const auto across = [&](const Lanes* row, int y) __attribute__((always_inline)) {
      spread_line<Line, Size>(
          [&](int x) __attribute__((always_inline)) { return row[x]; }, [&](int x, Lanes value) __attribute__((
                                                                            always_inline)) { store(y, x, value); });
    };
    across(rows[0], first);
    if constexpr (pair) across(rows[1], first + 1);
  });
}

/// The two-dimensional transform of the points load(y, x) to the outputs of a tile: store(y, x, value).
template <class F, class Load, class Store>
[[gnu::always_inline]] inline void collect(Load load, Store store) {
  Lanes rows[F::outputs][F::size];
#pragma GCC unroll 6
  for (int x = 0; x < F::size; ++x) {
    Lanes to[F::outputs];
    F::output(
        [&](int y) __attribute__((always_inline)) { return load(y, x); }, to);
#pragma GCC unroll 4
    for (int y = 0; y < F::outputs; ++y) rows[y][x] = to[y];
  }
#pragma GCC unroll 4
  for (int y = 0; y < F::outputs; ++y) {
    Lanes to[F::outputs];
    F::output(
        [&](int x) __attribute__((always_inline)) { return rows[y][x]; }, to);
#pragma GCC unroll 4
    for (int x = 0; x < F::outputs; ++x) store(y, x, to[x]);
  }
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
