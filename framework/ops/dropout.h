/// \file
/// Dropout.
#pragma once

#include "framework/autograd/tape.h"
#include "framework/tensor/random.h"

namespace ebb {

/// Sets each element to 0 with probability `p` and divides the others by 1 - p. Element i is decided by number i
/// of `rng`, so nothing is stored: backward draws the same numbers again. p = 1 gives zeros.
/// \throws Error unless 0 <= p <= 1.
/// Source: Srivastava et al. 2014, in the inverted form.
Var dropout(const Var& x, double p, const Rng& rng);

}  // namespace ebb
