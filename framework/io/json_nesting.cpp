#include "framework/io/json_nesting.h"

#include <algorithm>

#include "framework/tensor/error.h"

namespace ebb {

std::size_t json_nesting(std::string_view json) {
  std::size_t open = 0, most = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      most = std::max(most, ++open);
    } else if ((c == ']' || c == '}') && open > 0) {
      --open;
    }
  }
  return most;
}

void require_json_nesting(std::string_view json, std::string_view where) {
  if (const std::size_t depth = json_nesting(json); depth > deepest_json)
    fail(where, text("JSON of ", depth, " lists and objects within each other"), text("at most ", deepest_json),
         "the file is damaged or of another program");
}

}  // namespace ebb
