/// \file
/// Checks a backward rule against finite differences. For the library's ops and for users' own.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "framework/autograd/tape.h"
#include "framework/tensor/random.h"

namespace ebb {

/// How gradcheck() compares.
struct GradcheckOptions {
  double rtol = 1e-7;                      ///< Allowed difference, relative to the larger of both numbers ...
  double atol = 1e-9;                      ///< ... plus this.
  double step = 1e-3;                      ///< Of the five-point stencil, times max(1, |x|).
  std::int64_t full_jacobian_up_to = 256;  ///< Inputs and outputs with at most so many elements go one by one.
  int directions = 16;                     ///< Random directions for larger inputs.
  std::uint64_t seed = 1;                  ///< Of the random direction, and of the weights of the outputs.
};

/// What gradcheck() found.
struct GradcheckReport {
  bool passed = true;         ///< No mismatch.
  std::int64_t compared = 0;  ///< Numbers compared.
  std::string message;        ///< The first mismatch: op, argument, index, got, expected. Empty when passed.
  explicit operator bool() const { return passed; }  ///< passed
};

/// Compares the tape's gradients of `f` at `inputs` (f64) with the five-point stencil
/// (f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h)) / 12h, whose error is of order h^4 (Abramowitz, Stegun 25.3.6), so keep
/// inputs a few h away from kinks.
///
/// An input of at most `full_jacobian_up_to` elements is checked element by element, with the outputs weighted by
/// random numbers, so that a rule which ignores its incoming gradient is caught, and, when there are as few outputs,
/// against each output. A larger one is checked along `directions` random directions. Then all inputs are checked
/// along one direction together, and each input's gradient with the other inputs as constants against the same
/// gradient without. Fresh memory is full of NaN meanwhile, so that a rule which forgets an element is caught.
/// Parameters that f uses collect gradients as in any backward pass.
///
/// \param op name for the report.
/// \param f a pure function of its inputs; called many times. A result that differs between calls is reported.
/// \throws Error when an input or the result is not f64.
GradcheckReport gradcheck(const std::string& op, const std::function<Var(std::span<const Var>)>& f,
                          std::span<const Tensor> inputs, const GradcheckOptions& options = {});

}  // namespace ebb
