#include "framework/tensor/printable.h"

#include <algorithm>
#include <cstdint>

namespace ebb {
namespace {

// How many bytes make the character that `text` begins with, and which it is; 0 bytes: this is no UTF-8 (RFC 3629).
struct Character {
  std::size_t bytes = 0;
  std::uint32_t code = 0;
};

Character first(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  std::uint32_t code = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0u) != 0x80u) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {bytes, code};
}

bool is_control(std::uint32_t code) {
  if (code == '\n' || code == '\t') return false;
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool line_end = code == 0x2028 || code == 0x2029;
  const bool direction = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return control || line_end || direction;
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = first(text);
    const std::size_t bytes = std::max<std::size_t>(1, character.bytes);
    if (character.bytes > 0 && !is_control(character.code)) {
      out += text.substr(0, bytes);
    } else {
      for (const char c : text.substr(0, bytes)) {
        const auto value = static_cast<unsigned char>(c);
        out.append("\\x").append(1, digits[value >> 4]).append(1, digits[value & 15]);
      }
    }
    text.remove_prefix(bytes);
  }
  return out;
}

std::string printable_line(std::string_view text) {
  std::string out = printable(text);
  std::ranges::replace_if(
      out, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return out;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t most = 80;
  if (text.size() <= most) return '"' + printable_line(text) + '"';
  std::size_t end = most;  // not within a character
  while (end > most - 3 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u) --end;
  return '"' + printable_line(text.substr(0, end)) + "...\"";
}

bool is_line(std::string_view text) { return printable_line(text) == text; }

}  // namespace ebb
