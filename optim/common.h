/// \file
/// The settings that every optimizer's options struct has, as the base class takes them.
#pragma once

#include <optional>

#include "optim/optimizer.h"

namespace ebb::detail {

/// lr, schedules, decay, gradient and plateau of `options`.
/// \param momentum default of the groups' momentum; unset where the algorithm has none.
template <class Options>
CommonOptions common(const Options& options, std::optional<double> momentum = {}) {
  CommonOptions out{.lr = options.lr,
                    .momentum = momentum,
                    .schedule = options.schedule,
                    .decay = options.decay.value_or(no_decay()),
                    .gradient = options.gradient,
                    .plateau = options.plateau};
  if constexpr (requires { options.momentum_schedule; }) out.momentum_schedule = options.momentum_schedule;
  return out;
}

/// \throws Error naming the optimizer unless 0 <= value < 1.
void require_share(const char* optimizer, const char* option, double value);

/// \throws Error naming the optimizer unless value is finite and >= 0.
void require_positive_or_zero(const char* optimizer, const char* option, double value);

}  // namespace ebb::detail
