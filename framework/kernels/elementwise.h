/// \file
/// Elementwise kernels over contiguous arrays of n numbers. One thread; outputs may equal inputs.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// Function pointers of the family for T = float or double.
template <class T>
struct Elementwise {
  void (*fill)(T value, T* y, int64_t n);                ///< y = value
  void (*add)(const T* a, const T* b, T* y, int64_t n);  ///< y = a + b
  void (*sub)(const T* a, const T* b, T* y, int64_t n);  ///< y = a - b
  void (*mul)(const T* a, const T* b, T* y, int64_t n);  ///< y = a * b
  void (*div)(const T* a, const T* b, T* y, int64_t n);  ///< y = a / b
  void (*scale)(T alpha, const T* x, T* y, int64_t n);   ///< y = alpha x
  void (*shift)(T alpha, const T* x, T* y, int64_t n);   ///< y = x + alpha
  void (*axpy)(T alpha, const T* x, T* y, int64_t n);    ///< y = y + alpha x
  void (*lerp)(T share, const T* x, T* y, int64_t n);    ///< y = y + share (x - y), y itself where they are equal

  void (*add_relu)(const T* a, const T* b, T* y, int64_t n);                          ///< y = max(a + b, 0)
  void (*select)(const uint8_t* condition, const T* a, const T* b, T* y, int64_t n);  ///< y = condition ? a : b
};

}  // namespace ebb::kernels
