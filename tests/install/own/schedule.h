// A schedule: a saw that falls from 1 to `saw_low` in each epoch, however long the run is.
#pragma once

#include <cmath>

#include <ebb/lab/setup/extensions.h>

namespace user {

inline ebb::Schedule saw(const ebb::StepCounts& steps, const ebb::Recipe& recipe) {
  const double low = recipe.own.at("saw_low"), period = steps.per_epoch;
  return {"saw", [low, period](std::int64_t step) {
            const double within = std::fmod(static_cast<double>(step), period) / period;
            return 1 - (1 - low) * within;
          }};
}

}  // namespace user
