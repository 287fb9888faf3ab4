/// \file
/// "Did you mean": what messages about names say.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ebb {

/// "did you mean X?" for the nearest of `known` when it is near enough (edit distance up to a third of its length,
/// at least 2), else "known are A, B, C".
std::string suggestion(std::string_view wrong, const std::vector<std::string>& known);

/// \throws Error naming `where`, the value and the choices (with a suggestion) when `value` is not among them.
void require_choice(std::string_view where, std::string_view value, const std::vector<std::string>& choices);

}  // namespace ebb
