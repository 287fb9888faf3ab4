#include "lab/format/csv.h"

#include <cmath>

#include "framework/tensor/text.h"

namespace ebb {

std::string csv_field(std::string_view field) {
  if (field.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(field);
  std::string out = "\"";
  for (const char c : field) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
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
