#include "framework/nn/check.h"

#include "framework/tensor/error.h"

namespace ebb {

void require_at_least(const char* layer, const char* option, std::int64_t value, std::int64_t least) {
  if (value < least)
    fail(layer, text(option, " = ", value), text(option, " >= ", least), text("set ", option, " in its options"));
}

void require_between(const char* layer, const char* option, double value, double low, double high) {
  if (!(value >= low && value <= high))
    fail(layer, text(option, " = ", value), text(low, " <= ", option, " <= ", high));
}

std::string by(const std::array<std::int64_t, 2>& pair) { return text(pair[0], 'x', pair[1]); }

}  // namespace ebb
