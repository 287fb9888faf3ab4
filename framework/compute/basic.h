/// \file
/// Tensor-to-Tensor functions that everything above shares: fill, copy, add, scale, sums and norms. Parallel and
/// deterministic; nothing here records on a tape. Floating-point tensors unless said otherwise.
#pragma once

#include "framework/tensor/random.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// y = value, any dtype.
void fill(Tensor& y, double value);

/// y = x; equal shapes, any equal dtype.
void copy_into(Tensor& y, const Tensor& x);

/// The numbers of `x` converted to `dtype`, any to any (rounded to nearest for floats, truncated for integers).
/// Shares `x` when it has that type already.
Tensor cast(const Tensor& x, DType dtype);

/// y += x; equal shapes and dtypes.
void add_into(Tensor& y, const Tensor& x);

/// y += alpha x; equal shapes and dtypes.
void axpy(double alpha, const Tensor& x, Tensor& y);

/// y += share (x - y); equal shapes and dtypes. Elements that are equal stay as they are, infinite ones too, and a
/// share of 1 makes y equal to x.
/// \param share 0 to 1.
void lerp(Tensor& y, const Tensor& x, double share);

/// y *= alpha.
void scale(Tensor& y, double alpha);

/// Sum of the elements, accumulated in double.
double sum(const Tensor& x);

/// Sum of a b; equal shapes and dtypes.
double dot(const Tensor& a, const Tensor& b);

/// Sum of squares.
double sum_squares(const Tensor& x);

/// Sum of absolute values.
double sum_abs(const Tensor& x);

/// Euclidean norm, sqrt(sum_squares(x)), also where the squares over- or underflow.
double norm(const Tensor& x);

/// y /= norm(y), also where the inverse of the norm over- or underflows; zeros stay.
void normalize(Tensor& y);

/// Largest absolute value; 0 for no elements, NaN when any element is NaN.
double max_abs(const Tensor& x);

/// False when any element is NaN or infinite.
bool all_finite(const Tensor& x);

/// y[i] = uniform number i of `rng`, in [low, high).
void fill_uniform(Tensor& y, const Rng& rng, double low, double high);

/// y[i] = normal number i of `rng` with the given mean and standard deviation.
void fill_normal(Tensor& y, const Rng& rng, double mean, double deviation);

}  // namespace ebb
