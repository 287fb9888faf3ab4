/// \file
/// What the company of other ranks costs a training in time.
#pragma once

namespace ebb {

/// Of the steps of a training, in seconds. Sums over ranks count in whole, their additions too; zeros for one rank.
struct ExchangeTimes {
  double steps = 0;    ///< All of them, without evaluations and those who look on, also for one rank.
  double exposed = 0;  ///< In which this rank waited for sums.
  double hidden = 0;   ///< In which sums went on beside its backward passes.
  double window = 0;   ///< Backward passes beside which sums may go on.
};

}  // namespace ebb
