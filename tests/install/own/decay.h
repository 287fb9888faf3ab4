// A kind of decay: lambda is a half-life, in steps at the peak of the learning rate.
#pragma once

#include <cmath>

#include <ebb/lab/setup/extensions.h>

namespace user {

inline ebb::Decay half_life(const ebb::Lambda& lambda, const ebb::Recipe& /*recipe*/) {
  return {"half_life", lambda,
          [](const ebb::StepContext& s) {
            return ebb::DecayTerms{.shrink = s.lambda > 0 ? s.schedule * std::log(2.0) / s.lambda : 0};
          },
          "w -= schedule log(2) / lambda w"};
}

}  // namespace user
