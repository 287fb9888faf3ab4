/// \file
/// Where weight decay and updates balance on a weight whose scale the loss does not feel.
#pragma once

#include <optional>

#include "optim/decay.h"
#include "optim/update_model.h"

namespace ebb {

/// The equilibrium of a scale-invariant channel of `values` numbers, by E over the noise of the gradients, which are
/// taken for uncorrelated in time and orthogonal to the weight; g~ is the norm of the gradient times the norm of the
/// weight.
///
/// Response h_t of the weight to one unit gradient: V = sum h_t^2 is the variance of a number of the weight for
/// gradients of variance 1, sum h_t h_{t+1} / V the cosine of successive weights. From it the norms:
///
///     linear      |w|^4 = V g~^2
///     normalised  |w|^2 = V values, with coupled decay at the strength lambda |w| sqrt(values) / g~: a cube-root law
///     sign        |w|^2 = lr^2 values (1 + 2 sum a^k r_k) / (1 - a^2), a = 1 - shrink, r_k = 2/pi asin(rho_k) where
///     rho_k
///                 is the correlation of the filtered gradients k steps apart (arcsine law)
///
/// Kosson et al. 2024, https://arxiv.org/abs/2305.17212, for the plain cases.
struct Equilibrium {
  double norm = 0;        ///< |w|, root mean square.
  double angle = 0;       ///< By which the weight turns in a step, radians, root mean square.
  double relaxation = 0;  ///< Rate at which |w|^2 comes back, per step: 1 - (slowest factor of the response)^2.
};

/// The equilibrium at the coefficients of one step.
/// \param gradient_at_unit_norm g~ of the channel; may be 0 where no gradient sets the norm.
/// \returns nothing where there is none: no decay, L1, cautious decay, an update of unknown or orthogonal kind, decay
/// that
///     outweighs the weight.
std::optional<Equilibrium> equilibrium(const UpdateModel& update, const DecayTerms& terms, double lr,
                                       double gradient_at_unit_norm, double values);

/// The same decay at twice the strength.
DecayTerms doubled(DecayTerms terms);

/// The share of a weight that decay takes in a step when no gradient comes, in the long run: of coupled decay what its
/// gradient comes to through the optimizer's momentum. NaN where that is no number, as behind a division by sqrt(v).
double shrink_of(const UpdateModel& update, const DecayTerms& terms, double lr);

}  // namespace ebb
