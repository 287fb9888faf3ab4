/// \file
/// The curvature of a loss at the values that a model's parameters have: products with its Hessian, and eigenvalues.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "framework/autograd/parameter.h"
#include "framework/tensor/random.h"

namespace ebb {

/// Replaces the gradients of some parameters by those of a loss at their values, the same at every call: without
/// dropout, on one batch.
using GradientCall = std::function<void()>;

/// H v, H the second derivatives of the loss: (g(w - 2h) - 8 g(w - h) + 8 g(w + h) - g(w + 2h)) / 12h along v, so four
/// calls of `gradients`; for f64 parameters of a smooth loss about 1e-11 of |H| |v| is wrong (Abramowitz, Stegun
/// 25.3.6). Kinks, as of ReLU, count where a step crosses them: a net of ReLUs wants a step of about 1e-9. The values
/// are as they were afterwards, the gradients are those of the last call; a parameter without a gradient has zeros.
/// \param v numbers of all parameters in their order, each by rows. \param step h as a length.
/// \throws Error for no parameters, one that is not f64, a v of another length or a step that is not positive.
std::vector<double> hessian_vector_product(std::span<Parameter* const> parameters, const std::vector<double>& v,
                                           const GradientCall& gradients, double step = 1e-3);

/// A symmetric matrix by its products.
using SymmetricProduct = std::function<std::vector<double>(const std::vector<double>&)>;

/// Eigenvalues by Lanczos' method, ascending: of `steps` steps from a random vector, each new vector held at right
/// angles to all before (Golub, Van Loan 2013, section 10.3). The ends converge first; n steps give all that differ.
/// Fewer than `steps` come out where no direction is left.
/// \param n rows of the matrix. \throws Error for n or steps below 1, or a product of another length or not finite.
std::vector<double> lanczos(std::int64_t n, const SymmetricProduct& product, std::int64_t steps, const Rng& rng);

/// lanczos() of hessian_vector_product(). Errors as of both.
std::vector<double> hessian_eigenvalues(std::span<Parameter* const> parameters, const GradientCall& gradients,
                                        std::int64_t steps, const Rng& rng);

}  // namespace ebb
