/// \file
/// CommonOptions: the settings that every optimizer has.
#pragma once

#include <optional>

#include "optim/decay.h"
#include "optim/gradient.h"
#include "optim/schedule.h"

namespace ebb {

/// Settings that every optimizer has; momentum is beta1 in the Adam family.
struct CommonOptions {
  double lr = 0;                               ///< Base (peak) learning rate.
  std::optional<double> momentum = {};         ///< Default of the groups' momentum; unset: groups may not set it.
  Schedule schedule = {};                      ///< Default of the groups' schedule.
  Schedule momentum_schedule = {};             ///< Multiplies the momentum of every group.
  Decay decay = {};                            ///< Default of the groups' decay.
  GradientOptions gradient = {};               ///< Clipping, accumulation and so on.
  std::optional<PlateauOptions> plateau = {};  ///< Reduce-on-plateau; see Optimizer::observe().
};

}  // namespace ebb
