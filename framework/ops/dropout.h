/// \file
/// Dropout.
#pragma once

#include "framework/autograd/tape.h"
#include "framework/tensor/random.h"

namespace ebb {

/// Sets each element to 0 with probability `p` (to within 2^-32) and divides the others by 1 - p. Nothing is stored:
/// backward draws the same numbers again. Element i is dropped when word i / 16 % 4 of rng.block(i / 64 * 16 + i % 16)
/// is below p 2^32, whatever the shape, type, instruction set and number of threads. p = 0 gives x, p = 1 zeros.
/// \param first number of the first element of x: a part of an array gets its part of the array's mask.
/// \throws Error unless 0 <= p <= 1, first >= 0 and x is f32 or f64.
/// Source: Srivastava et al. 2014, in the inverted form.
Var dropout(const Var& x, double p, const Rng& rng, std::int64_t first = 0);

}  // namespace ebb
