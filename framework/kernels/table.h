/// \file
/// The table of kernels: plain function pointers, one table for each instruction set. Kernels know raw pointers and
/// one thread; parallel loops and tensors are their callers' business. A new family is one member here, one line in
/// table_entries.h and one source.
#pragma once

#include "framework/kernels/activation.h"
#include "framework/kernels/broadcast.h"
#include "framework/kernels/convolution.h"
#include "framework/kernels/dropout.h"
#include "framework/kernels/elementwise.h"
#include "framework/kernels/gemm.h"
#include "framework/kernels/normalization.h"
#include "framework/kernels/pooling.h"
#include "framework/kernels/probe.h"
#include "framework/kernels/reduction.h"
#include "framework/kernels/softmax.h"
#include "framework/kernels/update.h"
#include "framework/kernels/winograd.h"

namespace ebb::kernels {

/// All families for T = float or double.
template <class T>
struct Kernels {
  Activation<T> activation;        ///< Functions of one argument and their derivatives.
  Broadcast<T> broadcast;          ///< Arithmetic on rows that repeat, and column sums.
  Elementwise<T> elementwise;      ///< Same-shape and scalar arithmetic.
  Convolution<T> convolution;      ///< Convolutions of images.
  Gemm<T> gemm;                    ///< Matrix products.
  Probe<T> probe;                  ///< The arithmetic limit, for benchmarks.
  Reduction<T> reduction;          ///< Sums, norms, extremes.
  Update<T> update;                ///< Optimizer steps.
  Dropout<T> dropout;              ///< Random zeros.
  Normalization<T> normalization;  ///< Batch, layer and group normalisation.
  Pooling<T> pooling;              ///< Windows of images.
  Softmax<T> softmax;              ///< Softmax and losses.
};

/// One instruction set.
struct Table {
  const char* name;     ///< "sse2", "avx2", "avx512", "neon" or "generic".
  Kernels<float> f32;   ///< Kernels for float.
  Kernels<double> f64;  ///< Kernels for double.
  Winograd winograd_2;  ///< F(2x2, 3x3) for float.
  Winograd winograd_4;  ///< F(4x4, 3x3) for float.
};

}  // namespace ebb::kernels
