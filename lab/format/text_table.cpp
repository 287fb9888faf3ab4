#include "lab/format/text_table.h"

#include <algorithm>

namespace ebb {

std::string text_table(const std::vector<std::vector<std::string>>& rows, const std::vector<Align>& columns) {
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const std::vector<std::string>& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string pad(widths[c] - row[c].size(), ' ');
      out += columns[c] == Align::right ? pad + row[c] : row[c] + pad;
      out += c + 1 < row.size() ? "  " : "";
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

}  // namespace ebb
