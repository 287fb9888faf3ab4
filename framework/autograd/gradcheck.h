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
  std::int64_t full_jacobian_up_to = 256;  ///< Inputs with at most so many elements are checked one by one.
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
/// (f(x-2h) - 8 f(x-h) + 8 f(x+h) - f(x+2h)) / 12h, whose error is of order h^4. The outputs of f are weighted with
/// random numbers, so that a rule which ignores its incoming gradient is caught; fresh memory is filled with NaN,
/// so that a rule which forgets an element is caught; a last comparison checks all inputs along one random direction.
/// \param op name for the report.
/// \param f a pure function of its inputs; called many times.
/// \throws Error when an input is not f64.
GradcheckReport gradcheck(const std::string& op, const std::function<Var(std::span<const Var>)>& f,
                          std::span<const Tensor> inputs, const GradcheckOptions& options = {});

}  // namespace ebb
