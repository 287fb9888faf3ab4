/// \file
/// How long a study takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ebb {

/// By time on two cores. T0 and T1 run in the test suite.
enum class Tier : std::uint8_t {
  T0,  ///< Below a second.
  T1,  ///< Below half a minute.
  T2,  ///< 1 to 3 minutes.
  T3,  ///< 3 to 20 minutes.
};

/// "T0" to "T3".
const char* name(Tier tier);

/// The tier of a name, "T1" or "t1"; nothing for other texts.
std::optional<Tier> tier_of(std::string_view name);

}  // namespace ebb
