/// \file
/// How deep the lists and objects of a JSON text are nested.
#pragma once

#include <cstddef>
#include <string_view>

namespace ebb {

/// More than any file of ours has. Parsers take stack for each level: what is deeper must not reach one.
constexpr std::size_t deepest_json = 64;

/// Most lists and objects that are open at once in `json`, brackets in strings left out; of any text, also no JSON.
std::size_t json_nesting(std::string_view json);

/// \throws Error naming `where` when `json` is deeper than deepest_json.
void require_json_nesting(std::string_view json, std::string_view where);

}  // namespace ebb
