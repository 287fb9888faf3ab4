// Text inside HTML and SVG.
#pragma once

#include <string>
#include <string_view>

namespace ebb::html {

// Text as it stands between tags and in attributes, quoted either way, of HTML and of XML; control characters are made
// visible.
std::string escape(std::string_view text);

}  // namespace ebb::html
