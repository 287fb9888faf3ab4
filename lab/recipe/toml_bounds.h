// Bounds of a recipe's text, checked before it is parsed: the parser and the destructors of what it makes recurse.
#pragma once

#include <string>
#include <string_view>

namespace ebb {

// \param where the file's name for messages.
// \throws Error naming the line where `content` is larger than 1 MiB, has a name of many parts ("a.a.a..."), many
//     levels of lists and tables, or many keys and values.
void require_toml_bounds(std::string_view content, const std::string& where);

}  // namespace ebb
