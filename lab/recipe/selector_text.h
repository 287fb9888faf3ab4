/// \file
/// Selectors from text, as recipes write them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "optim/selector.h"

namespace ebb {

/// Bytes that a selector's text may have.
constexpr std::size_t longest_selector = 65'536;

/// More words of selectors, each with () behind it, and what errors name.
struct SelectorWords {
  std::string where = "selector";                              ///< Errors name it.
  std::vector<std::string> names = {};                         ///< Letters and _.
  std::function<Selector(const std::string& name)> make = {};  ///< Called with one of them.
};

/// The selector that `text` says, in the words of optim/selector.h: `norms() || biases()`,
/// `weights() && !path("fc.*")`, `module_type("Linear")`, `depth(0, 1)`, `role(embedding)`, `everything_else()`,
/// with parentheses, ! before && before ||.
/// \param more words beside these, such as `feeds_norm()`, which only a network can give a meaning.
/// \throws Error for a text that is too long, and naming the position and what was expected there; an unknown name gets
/// a suggestion.
Selector selector_from_text(std::string_view text, const SelectorWords& more = {});

}  // namespace ebb
