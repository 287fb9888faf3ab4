/// \file
/// What the losses share. Not part of the public interface.
#pragma once

#include <cmath>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/ops/loss.h"
#include "framework/ops/reduction.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb::detail {

/// \throws Error unless a and b are equal in shape and floating-point type, and have elements.
inline void require_pair(const char* op, const Tensor& a, const Tensor& b) {
  require_defined(op, "input", a);
  require_defined(op, "target", b);
  if (!is_float(a.dtype())) fail(op, text("an input of type ", a.dtype()), "f32 or f64", "convert it with cast()");
  require_same_shape(op, a, b);
  require_same_dtype(op, a, b);
  if (a.size() == 0) fail(op, text("an input of shape ", a.shape()), "at least one element");
}

/// The losses of single samples or elements, combined.
inline Var reduced(const Var& each, Reduction reduction) {
  if (reduction == Reduction::none) return each;
  return reduction == Reduction::mean ? mean(each) : sum(each);
}

/// What the sum of all losses is multiplied by.
inline double weight_of(Reduction reduction, const Tensor& x) {
  return reduction == Reduction::mean ? 1 / static_cast<double>(x.size()) : 1.0;
}

/// \throws Error unless all `weights` are finite and >= 0.
inline void require_weights(const char* op, const char* name, const Tensor& weights) {
  dispatch(op, weights.dtype(), [&](auto zero) {
    for (const auto w : weights.span<decltype(zero)>())
      if (!(std::isfinite(w) && w >= 0)) fail(op, text(name, " with ", w), "finite numbers >= 0");
  });
}

/// Sum of kernel(a, b, n) over blocks.
template <class T, class Kernel>
double summed(const Tensor& a, const Tensor& b, std::int64_t block, Kernel kernel) {
  const T* const p = a.data<T>();
  const T* const q = b.data<T>();
  return parallel::sum_blocks(
      a.size(), block, [&](std::int64_t begin, std::int64_t end) { return kernel(p + begin, q + begin, end - begin); });
}

/// y = kernel(a, b, factor) in blocks.
template <class T, class Kernel>
Tensor mapped(const Tensor& a, const Tensor& b, double factor, std::int64_t block, Kernel kernel) {
  Tensor y(a.shape(), a.dtype());
  const T* const p = a.data<T>();
  const T* const q = b.data<T>();
  T* const to = y.mutable_data<T>();
  parallel::for_blocks(a.size(), block, [&](std::int64_t begin, std::int64_t end) {
    kernel(p + begin, q + begin, static_cast<T>(factor), to + begin, end - begin);
  });
  return y;
}

}  // namespace ebb::detail
