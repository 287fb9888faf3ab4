// An op: x / (1 + |x|), whose slope is 1 / (1 + |x|)^2.
#pragma once

#include <cmath>
#include <utility>

#include <ebb/framework/ops/map.h>

namespace user {

inline ebb::Var softsign(const ebb::Var& x) {
  ebb::Tensor y = ebb::map(x.value(), [](auto v) { return v / (1 + std::abs(v)); });
  return ebb::record(
      "softsign", {x}, std::move(y), [x = ebb::Saved(x.value())](const ebb::Tensor& dy, ebb::InputGrads& dx) {
        dx.add(0, ebb::map(*x, dy, [](auto v, auto up) { return up / ((1 + std::abs(v)) * (1 + std::abs(v))); }));
      });
}

}  // namespace user
