#include "lab/format/shell_word.h"

#include <algorithm>

#include "framework/tensor/printable.h"

namespace ebb {

std::string shell_word(std::string_view text) {
  // Letters that no shell gives a meaning; ~ and - have one in front alone.
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./,:@%+=").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, plain)) return std::string(text);
  std::string out = "'";
  for (const char c : printable_line(text)) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

}  // namespace ebb
