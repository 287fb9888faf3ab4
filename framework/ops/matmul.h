/// \file
/// Matrix products.
#pragma once

#include "framework/autograd/tape.h"

namespace ebb {

/// Matrix product of the last two axes: `[..., m, k] x [..., k, n] -> [..., m, n]`. The axes before them number the
/// matrices of a batch and broadcast as in arithmetic.h: `[5, 1, m, k] x [3, k, n] -> [5, 3, m, n]`.
/// \throws Error when a factor has rank below 2, on inner dimensions that differ, batches that do not broadcast, or
///     differing dtypes.
Var matmul(const Var& a, const Var& b);

/// x W + bias over the last axis: x `[..., in]`, weight `[in, out]`, bias `[out]` or undefined -> `[..., out]`.
/// \throws Error when the last axis of x is not `in`, or bias is not `[out]`.
Var linear(const Var& x, const Var& weight, const Var& bias = {});

}  // namespace ebb
