#include "optim/common.h"

#include <cmath>

#include "framework/tensor/error.h"

namespace ebb::detail {

void require_share(const char* optimizer, const char* option, double value) {
  if (!(value >= 0 && value < 1)) fail(optimizer, text(option, " = ", value), "a number from 0 to below 1");
}

void require_positive_or_zero(const char* optimizer, const char* option, double value) {
  if (!std::isfinite(value) || value < 0) fail(optimizer, text(option, " = ", value), "a finite number >= 0");
}

}  // namespace ebb::detail
