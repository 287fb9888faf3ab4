/// \file
/// The transforms of F(2, 3) and F(4, 3) on registers whose lanes are channels. Included by kernel sources
/// only.
///
/// The method multiplies polynomials by their values at points: 0, p, -p (, q, -q) and infinity. The rows for a pair
/// +-p share an even and an odd part, and nothing else is shared, so points are worked off in these groups: 0, {p, -p},
/// (, {q, -q}), infinity. One group's temporaries fit into the registers.
///
/// F4 has p = 5/8 and q = 3/2. Errors grow with the condition of the transforms: these points give about half the error
/// of the usual 1 and 2 at the same cost.
#pragma once

#include "framework/kernels/simd.h"
#include "framework/kernels/tile_rows.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

/// A register.
using Lanes = Batch<float>;

/// s x + y and y - s x.
[[gnu::always_inline]] inline Lanes plus(Lanes y, double s, Lanes x) {
  return s == 1 ? y + x : xsimd::fma(Lanes(static_cast<float>(s)), x, y);
}
[[gnu::always_inline]] inline Lanes minus(Lanes y, double s, Lanes x) {
  return s == 1 ? y - x : xsimd::fnma(Lanes(static_cast<float>(s)), x, y);
}

/// Point groups of a transform of so many points: the first point of group g, and its number of points.
template <int Size>
struct Groups {
  static constexpr int count = Size / 2 + 1;
  static constexpr int first(int g) { return g == 0 ? 0 : 2 * g - 1; }
  static constexpr int points(int g) { return g == 0 || g == count - 1 ? 1 : 2; }
};

/// F(2, 3): points 0, 1, -1, infinity.
struct F2 {
  static constexpr int outputs = 2, size = 4;

  /// G.
  static constexpr double filter[size][3] = {{-1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

  /// The rows of B^T that belong to group g, applied to x(0) .. x(3).
  struct Input {
    static constexpr int numbers = size;
    template <int G, class X>
    [[gnu::always_inline]] static void group(X x, Lanes* to) {
      if constexpr (G == 0) {
        to[0] = x(2) - x(0);
      } else if constexpr (G == 1) {
        const Lanes even = x(2);
        const Lanes odd = x(1);
        to[0] = even + odd;
        to[1] = even - odd;
      } else {
        to[0] = x(3) - x(1);
      }
    }
  };

  /// The rows of A that belong to group g, applied to y(0), y(1).
  struct Gradient {
    static constexpr int numbers = outputs;
    template <int G, class Y>
    [[gnu::always_inline]] static void group(Y y, Lanes* to) {
      if constexpr (G == 0) {
        to[0] = y(0);
      } else if constexpr (G == 1) {
        to[0] = y(0) + y(1);
        to[1] = y(0) - y(1);
      } else {
        to[0] = y(1);
      }
    }
  };

  /// A^T applied to m(0) .. m(3).
  template <class M>
  [[gnu::always_inline]] static void output(M m, Lanes* y) {
    y[0] = m(0) + (m(1) + m(2));
    y[1] = (m(1) - m(2)) + m(3);
  }
};

/// F(4, 3): points 0, p, -p, q, -q, infinity.
struct F4 {
  static constexpr int outputs = 4, size = 6;
  static constexpr double p = 0.625, q = 1.5, p2 = p * p, q2 = q * q;

  /// G: powers of the point over the product of its distances to the other points.
  static constexpr double at_p = 1 / (2 * p2 * (p2 - q2)), at_q = 1 / (2 * q2 * (q2 - p2));
  static constexpr double filter[size][3] = {{1 / (p2 * q2), 0, 0},       {at_p, at_p* p, at_p* p2},
                                             {at_p, at_p * -p, at_p* p2}, {at_q, at_q* q, at_q* q2},
                                             {at_q, at_q * -q, at_q* q2}, {0, 0, 1}};

  /// As F2's.
  struct Input {
    static constexpr int numbers = size;
    template <int G, class X>
    [[gnu::always_inline]] static void group(X x, Lanes* to) {
      if constexpr (G == 0 || G == 3) {
        constexpr int at = G == 0 ? 0 : 1;
        to[0] = plus(minus(x(at + 4), p2 + q2, x(at + 2)), p2 * q2, x(at));
      } else {
        constexpr double here = G == 1 ? p : q;
        constexpr double other = G == 1 ? q2 : p2;
        const Lanes even = minus(x(4), other, x(2));
        const Lanes odd = minus(x(3), other, x(1));
        to[0] = plus(even, here, odd);
        to[1] = minus(even, here, odd);
      }
    }
  };

  /// As F2's.
  struct Gradient {
    static constexpr int numbers = outputs;
    template <int G, class Y>
    [[gnu::always_inline]] static void group(Y y, Lanes* to) {
      if constexpr (G == 0) {
        to[0] = y(0);
      } else if constexpr (G == 3) {
        to[0] = y(3);
      } else {
        constexpr double here = G == 1 ? p : q;
        const Lanes even = plus(y(0), here * here, y(2));
        const Lanes odd = plus(y(1), here * here, y(3));
        to[0] = plus(even, here, odd);
        to[1] = minus(even, here, odd);
      }
    }
  };

  /// As F2's.
  template <class M>
  [[gnu::always_inline]] static void output(M m, Lanes* y) {
    const Lanes even_p = m(1) + m(2);
    const Lanes odd_p = m(1) - m(2);
    const Lanes even_q = m(3) + m(4);
    const Lanes odd_q = m(3) - m(4);
    y[0] = m(0) + (even_p + even_q);
    y[1] = plus(Lanes(static_cast<float>(p)) * odd_p, q, odd_q);
    y[2] = plus(Lanes(static_cast<float>(p2)) * even_p, q2, even_q);
    y[3] = plus(plus(m(5), p2 * p, odd_p), q2 * q, odd_q);
  }
};

/// Calls f(Int<0>{}), f(Int<1>{}), ... for the point groups of a transform.
template <int Size, class Function>
[[gnu::always_inline]] inline void each_group(Function f) {
  f(Int<0>{});
  f(Int<1>{});
  f(Int<2>{});
  if constexpr (Size == 6) f(Int<3>{});
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
