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
/// Gradients of a real loss are correlated in time. A gradient stays orthogonal to the weight that it is taken at all
/// the same, whatever the ones before were; so all that matters of a linear update is how far its sum of past gradients
/// foresees the next one, `memory` = E<g_t, sum_{k >= 1} pole^k g_{t-k}> / E|g_t|^2, and of an update without such a
/// sum, plain SGD, nothing does. (The variance of a sum of correlated numbers, V with their autocorrelation in it, is
/// another thing: it forgets that the weight is made of those gradients.)
///
/// Near the equilibrium |w|^2 comes back by a share of its distance in each step. At fixed coefficients that would be
/// 1 - f^2 for the slowest factor f of the response. But a weight that is too long also meets smaller gradients in a
/// linear update, which doubles the rate, and relatively stronger coupled decay in a normalised one, half as much again:
///
///     linear      2 (1 - f^2): exact for plain SGD, 4 lr lambda to leading order
///     normalised  1 - f^2, with coupled decay 3/2 (1 - f^2)
///     sign        1 - f^2
///
/// Far from it the time is another: a weight much too long loses half of that rate under linear updates.
///
/// Kosson et al. 2024, https://arxiv.org/abs/2305.17212, for the plain cases.
struct Equilibrium {
  double norm = 0;        ///< |w|, root mean square.
  double angle = 0;       ///< By which the weight turns in a step, radians, root mean square.
  double relaxation = 0;  ///< Rate at which |w|^2 comes back when it is near, per step; 1 at most.
};

/// The equilibrium at the coefficients of one step.
/// \param gradient_at_unit_norm g~ of the channel; may be 0 where no gradient sets the norm.
/// \param memory see above; 0 for gradients that are uncorrelated in time. Only linear updates read it.
/// \returns nothing where there is none: no decay, L1, cautious decay, an update of unknown or orthogonal kind, decay
/// that
///     outweighs the weight.
std::optional<Equilibrium> equilibrium(const UpdateModel& update, const DecayTerms& terms, double lr,
                                       double gradient_at_unit_norm, double values, double memory = 0);

/// The same decay at twice the strength.
DecayTerms doubled(DecayTerms terms);

}  // namespace ebb
