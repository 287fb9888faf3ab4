/// \file
/// Elementwise functions written as lambdas, for ops that need no kernel of their own.
#pragma once

#include <utility>

#include "framework/compute/blocks.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// y[i] = f(x[i]) as a new tensor of the same shape; f takes a float or a double. Parallel.
template <class F>
Tensor map(const Tensor& x, F f) {
  Tensor y(x.shape(), x.dtype());
  dispatch("map", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(x.size(), elementwise_block / 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] = static_cast<T>(f(from[i]));
    });
  });
  return y;
}

/// y[i] = f(a[i], b[i]) for equal shapes and dtypes.
/// \throws Error when they differ.
template <class F>
Tensor map(const Tensor& a, const Tensor& b, F f) {
  require_same_shape("map", a, b);
  require_same_dtype("map", a, b);
  Tensor y(a.shape(), a.dtype());
  dispatch("map", a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const p = a.data<T>();
    const T* const q = b.data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(a.size(), elementwise_block / 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) to[i] = static_cast<T>(f(p[i], q[i]));
    });
  });
  return y;
}

}  // namespace ebb
