/// \file
/// Singular values.
#pragma once

#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb {

/// Those of a matrix, the greatest first: as many as it has columns, in double. They are roots of the eigenvalues of
/// w^T w, so that what lies below about 1e-8 of the greatest is rounding.
/// \throws Error unless it is a matrix of f32 or f64 numbers.
std::vector<double> singular_values(const Tensor& w);

}  // namespace ebb
