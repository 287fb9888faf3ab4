#include "lab/format/csv.h"

#include <charconv>
#include <cmath>

#include "framework/tensor/text.h"

namespace ebb {

std::string csv_quoted(std::string_view field) {
  std::string out = "\"";
  for (const char c : field) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

std::string csv_field(std::string_view field) {
  return field.find_first_of(",\"\r\n") == std::string_view::npos ? std::string(field) : csv_quoted(field);
}

std::string csv_text(std::string_view text) {
  double number = 0;
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_number = error == std::errc() && end == digits.data() + digits.size();
  const bool formula = !text.empty() && std::string_view("=+-@\t\r\n").find(text.front()) != std::string_view::npos;
  return csv_field(formula && !is_number ? '\'' + std::string(text) : std::string(text));
}

std::string csv_field(double number) { return std::isfinite(number) ? text(number) : std::string(); }

std::string csv_line(const std::vector<std::string>& fields) {
  std::string out;
  for (const std::string& field : fields) {
    if (&field != &fields.front()) out += ',';
    out += field;
  }
  return out + "\r\n";
}

}  // namespace ebb
