/// \file
/// Selectors from text, as recipes write them.
#pragma once

#include <cstddef>
#include <string_view>

#include "optim/selector.h"

namespace ebb {

/// Bytes that a selector's text may have.
constexpr std::size_t longest_selector = 65'536;

/// The selector that `text` says, in the words of optim/selector.h: `norms() || biases()`,
/// `weights() && !path("fc.*")`, `module_type("Linear")`, `depth(0, 1)`, `role(embedding)`, `everything_else()`,
/// with parentheses, ! before && before ||.
/// \throws Error for a text that is too long, and naming the position and what was expected there; an unknown name gets
/// a suggestion.
Selector selector_from_text(std::string_view text);

}  // namespace ebb
