#include "lab/reports/svg.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <span>

#include "framework/io/checksum.h"
#include "framework/tensor/error.h"
#include "lab/reports/html.h"

namespace ebb::svg {
namespace {

// Inks have this much red; gnuplot's own colours do not stand in the pictures.
constexpr int mark = 250;

// The numbers of "rgb(250,  0, 12)", and how long that is.
struct Colour {
  std::array<int, 3> parts{};
  std::size_t length = 0;
};

std::optional<Colour> colour_at(std::string_view text) {
  constexpr std::string_view begin = "rgb(";
  if (!text.starts_with(begin)) return {};
  Colour out{.parts = {}, .length = begin.size()};
  for (int& part : out.parts) {
    out.length = std::min(text.find_first_not_of(' ', out.length), text.size());
    const auto [end, error] = std::from_chars(text.data() + out.length, text.data() + text.size(), part);
    if (error != std::errc() || end == text.data() + text.size()) return {};
    out.length = static_cast<std::size_t>(end - text.data()) + 1;  // a comma or the closing bracket
  }
  return out;
}

std::string coloured(std::string_view picture, const std::vector<std::string>& palette) {
  std::string out;
  for (std::size_t i = 0; i < picture.size();) {
    const std::optional<Colour> colour = colour_at(picture.substr(i));
    const std::size_t number = colour ? static_cast<std::size_t>(colour->parts[1] * 256 + colour->parts[2]) : 0;
    if (colour && colour->parts[0] == mark && number < palette.size()) {
      out += palette[number];
      i += colour->length;
    } else {
      out += picture[i++];
    }
  }
  return out;
}

void replace_all(std::string& in, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = in.find(what, at)) != std::string::npos; at += by.size())
    in.replace(at, what.size(), by);
}

// Takes out the first piece from `begin` to `end`, both included; false where there is none.
bool cut(std::string& from, std::string_view begin, std::string_view end) {
  const std::size_t first = from.find(begin);
  const std::size_t last = first == std::string::npos ? first : from.find(end, first);
  if (last == std::string::npos) return false;
  from.erase(first, last + end.size() - first);
  return true;
}

}  // namespace

std::string ink(std::size_t number, double opacity) {
  const auto transparency = static_cast<unsigned>(std::lround(255 * (1 - opacity)));
  std::array<char, 16> out{};
  std::snprintf(out.data(), out.size(), transparency == 0 ? "#%.0u%02x%04x" : "#%02x%02x%04x", transparency, mark,
                static_cast<unsigned>(number & 0xffff));
  return out.data();
}

std::string for_page(std::string_view picture, const std::vector<std::string>& palette, std::string_view label) {
  const std::size_t head = picture.find("<svg"), begin = head == picture.npos ? head : picture.find('>', head);
  const std::size_t end = picture.rfind("</svg>");
  if (begin == picture.npos || end == picture.npos || end < begin) return {};
  std::string body(picture.substr(begin + 1, end - begin - 1));
  while (cut(body, "<title>", "</title>") || cut(body, "<desc>", "</desc>")) {
  }
  if (body.find("<use ") == std::string::npos) cut(body, "<defs>", "</defs>");
  constexpr std::size_t digits = 12;
  const std::string own = text('g', sha256(std::as_bytes(std::span(body))).substr(0, digits), '-');
  for (const char quote : {'\'', '"'}) replace_all(body, text("id=", quote), text("id=", quote, own));
  replace_all(body, "href='#", text("href='#", own));
  return text("<svg class=\"plot\" viewBox=\"0 0 400 230\" role=\"img\" aria-label=\"", html::escape(label), "\">",
              coloured(body, palette), "</svg>\n");
}

}  // namespace ebb::svg
