#include "lab/format/csv.h"

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
