/// \file
/// Kernels of softmax and of the losses, over rows of contiguous numbers. One thread; sums in double.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// Function pointers of the family for T = float or double. log p = (x - max) - log_sum is a row's log_softmax: large
/// numbers are subtracted from each other first.
template <class T>
struct Softmax {
  /// The largest number of each row, and the logarithm of the sum of e^(x - max).
  void (*statistics)(const T* x, int64_t rows, int64_t n, double* max, double* log_sum);

  /// y = factor softmax(x) + offset.
  void (*softmax)(const T* x, T* y, int64_t rows, int64_t n, const double* max, const double* log_sum, T factor,
                  T offset);

  /// y = log_softmax(x)
  void (*log_softmax)(const T* x, T* y, int64_t rows, int64_t n, const double* max, const double* log_sum);

  /// dx = y (dy - sum of y dy over the row), y = softmax(x).
  void (*softmax_backward)(const T* y, const T* dy, T* dx, int64_t rows, int64_t n);

  /// dx = dy - e^y sum of dy over the row, y = log_softmax(x).
  void (*log_softmax_backward)(const T* y, const T* dy, T* dx, int64_t rows, int64_t n);

  /// Sum over one row of target log p, where a target of 0 counts as 0 whatever log p is; target null means all 1.
  /// `weight` receives the sum of the targets.
  double (*cross_entropy)(const T* x, const T* target, int64_t n, double max, double log_sum, double* weight);

  /// y += factor target
  void (*add_target)(const T* target, T factor, T* y, int64_t n);

  /// Sum of (a - b)^2.
  double (*squared_error)(const T* a, const T* b, int64_t n);

  /// y = factor (a - b)
  void (*difference)(const T* a, const T* b, T factor, T* y, int64_t n);

  /// Sum of the cross-entropies of sigmoid(x) and t: max(x, 0) - x t + log(1 + e^-|x|).
  double (*binary_cross_entropy)(const T* x, const T* t, int64_t n);

  /// y = factor (sigmoid(x) - t)
  void (*binary_cross_entropy_backward)(const T* x, const T* t, T factor, T* y, int64_t n);

  /// y = w t log(1 + e^-x) + (1 - t) log(1 + e^x), one loss for each number, where a factor of 0 makes its term 0.
  void (*binary_cross_entropy_each)(const T* x, const T* t, const T* w, T* y, int64_t n);

  /// dx = dy times the derivative of that by x: (1 - t) sigmoid(x) - w t sigmoid(-x).
  void (*binary_cross_entropy_each_backward)(const T* x, const T* t, const T* w, const T* dy, T* dx, int64_t n);
};

}  // namespace ebb::kernels
