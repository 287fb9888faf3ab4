/// \file
/// Arithmetic on operands that broadcast, and sums over rows. One thread; outputs may not overlap broadcast operands.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// An operand seen as rows of numbers: element i of row r is data[r * row_stride + i * stride]. `stride` is 1, or 0
/// for one number in the place of a row; `row_stride` 0 repeats one row.
template <class T>
struct Rows {
  const T* data;       ///< First number.
  int64_t row_stride;  ///< From row to row, in numbers.
  int64_t stride;      ///< Within a row: 0 or 1.
};

/// Function pointers of the family for T = float or double. `y` is contiguous: rows x width.
template <class T>
struct Broadcast {
  void (*add)(Rows<T> a, Rows<T> b, T* y, int64_t rows, int64_t width);  ///< y = a + b
  void (*sub)(Rows<T> a, Rows<T> b, T* y, int64_t rows, int64_t width);  ///< y = a - b
  void (*mul)(Rows<T> a, Rows<T> b, T* y, int64_t rows, int64_t width);  ///< y = a b
  void (*div)(Rows<T> a, Rows<T> b, T* y, int64_t rows, int64_t width);  ///< y = a / b

  /// out[i] = sum over r of x[r * row_stride + i] for i < width: column sums, carried in double in a fixed order.
  void (*sum_rows)(const T* x, int64_t rows, int64_t row_stride, int64_t width, double* out);
};

}  // namespace ebb::kernels
