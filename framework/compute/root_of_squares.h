/// \file
/// Norms of numbers whose squares may over- or underflow.
#pragma once

#include <algorithm>
#include <cmath>

#include "framework/tensor/dtype.h"

namespace ebb {

/// A size by which numbers of `dtype` can be divided without loss: `size`, or the nearest whose inverse is no denormal.
inline double divisor_near(double size, DType dtype) {
  const double most = dtype == DType::f32 ? 1e30 : 1e250;
  return std::clamp(size, 1 / most, most);
}

/// sqrt(squares(1)), where squares(d) sums the squares of numbers of `dtype` divided by d: once more with d near
/// bound(), their largest size or somewhat more, where squares(1) over- or underflows.
template <class Squares, class Bound>
double root_of_squares(DType dtype, Squares squares, Bound bound) {
  const double plain = squares(1.0);
  // Above 1e-20, numbers whose squares underflow in f32 do not matter.
  if (std::isnan(plain) || (plain > 1e-20 && std::isfinite(plain))) return std::sqrt(plain);
  const double size = bound();
  if (size == 0 || std::isinf(size)) return size;
  const double divisor = divisor_near(size, dtype);
  return divisor * std::sqrt(squares(divisor));
}

}  // namespace ebb
