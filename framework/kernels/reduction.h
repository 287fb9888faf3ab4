/// \file
/// Reductions over contiguous arrays. One thread; sums are carried in double in a fixed order.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// Function pointers of the family for T = float or double.
template <class T>
struct Reduction {
  double (*sum)(const T* x, int64_t n);              ///< Sum of x.
  double (*sum_squares)(const T* x, int64_t n);      ///< Sum of x^2.
  double (*sum_abs)(const T* x, int64_t n);          ///< Sum of |x|.
  double (*dot)(const T* a, const T* b, int64_t n);  ///< Sum of a b.
  T (*max_abs)(const T* x, int64_t n);               ///< Largest |x|, 0 for n = 0; NaN when any is NaN.

  int64_t (*argmax)(const T* x, int64_t n);           ///< Position of the first largest number or NaN; n > 0.
  double (*sum_exp)(T shift, const T* x, int64_t n);  ///< Sum of e^(x - shift).
};

}  // namespace ebb::kernels
