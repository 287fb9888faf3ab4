/// \file
/// The table of kernels: plain function pointers, one table for each instruction set. Kernels know raw pointers and
/// one thread; parallel loops and tensors are their callers' business. A new family is one member here, one line in
/// fill.h and one source.
#pragma once

#include "framework/kernels/elementwise.h"
#include "framework/kernels/reduction.h"

namespace ebb::kernels {

/// All families for T = float or double.
template <class T>
struct Kernels {
  Elementwise<T> elementwise;  ///< Same-shape and scalar arithmetic.
  Reduction<T> reduction;      ///< Sums, norms, extremes.
};

/// One instruction set.
struct Table {
  const char* name;     ///< "sse2", "avx2", "avx512" or "generic".
  Kernels<float> f32;   ///< Kernels for float.
  Kernels<double> f64;  ///< Kernels for double.
};

}  // namespace ebb::kernels
