/// \file
/// Penalties on parameters as part of the loss: they stand on the tape, so gradients, clipping and the printed loss
/// contain them, unlike the decay kinds of optim.
#pragma once

#include <span>

#include "framework/autograd/tape.h"

namespace ebb {

/// lambda / 2 * sum of squares over all listed parameters. A parameter listed twice, or tied, counts once. Frozen
/// ones count in the value and get no gradient. `loss + l2_penalty(selected, 5e-4)`.
/// \throws Error on an empty list, null pointers, or parameters of differing dtypes.
Var l2_penalty(std::span<Parameter* const> parameters, double lambda);

/// lambda * sum of absolute values, as above; the gradient at 0 is 0.
Var l1_penalty(std::span<Parameter* const> parameters, double lambda);

}  // namespace ebb
