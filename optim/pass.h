/// \file
/// From tensors to update kernels: what optimizers call to do their passes, in parallel over fixed blocks.
#pragma once

#include "optim/base_rule.h"
#include "optim/optimizer.h"

namespace ebb::detail {

/// One pass over a parameter: w, its gradient and the tensors s, written where the rule writes them.
/// \param out where the base update goes instead of being applied; null to apply it.
void update_pass(ParameterState& p, const Tensor& gradient, const Step& step, const BaseRule& base, Tensor* out);

/// The pass that applies a given base update u.
void given_pass(ParameterState& p, const Step& step, const Tensor& u);

/// Sum of the rule's second moment as it will be after this step; reads only.
double second_moment_pass(ParameterState& p, const Tensor& gradient, const Step& step, const BaseRule& base);

/// Sum of squares of the gradient after step.gradient_scale, with the coupled terms of `step` in it, all divided by
/// `divisor`; reads only.
double gradient_squares_pass(const ParameterState& p, const Tensor& gradient, Step step, double divisor);

/// At least the largest size of those numbers with divisor 1; 0 where all are 0.
double gradient_bound(const ParameterState& p, const Tensor& gradient, const Step& step);

}  // namespace ebb::detail
