// The recipes of examples/recipes, which the build copies into the library.
#pragma once

#include <span>
#include <string_view>

namespace ebb::detail {

struct BuiltIn {
  const char* name;  // of the file, without .toml
  std::string_view text;
};

std::span<const BuiltIn> built_in_recipes();

}  // namespace ebb::detail
