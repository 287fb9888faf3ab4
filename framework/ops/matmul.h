/// \file
/// Matrix products.
#pragma once

#include "framework/autograd/tape.h"

namespace ebb {

/// Matrix product of the last two axes: `[..., m, k] x [..., k, n] -> [..., m, n]`. Both of rank 2, or both of one
/// rank above with equal leading dimensions (a batch of products).
/// \throws Error on other ranks, inner dimensions that differ, or differing dtypes.
Var matmul(const Var& a, const Var& b);

/// x W + bias over the last axis: x `[..., in]`, weight `[in, out]`, bias `[out]` or undefined -> `[..., out]`.
/// \throws Error when the last axis of x is not `in`, or bias is not `[out]`.
Var linear(const Var& x, const Var& weight, const Var& bias = {});

}  // namespace ebb
