// Tables of plain text.
#pragma once

#include <string>
#include <vector>

namespace ebb {

// Which way the cells of a column are set.
enum class Align : bool { left, right };

// Rows with their columns padded to the widest cell and two spaces between them; a line feed ends each.
// \param columns of each column; rows may be shorter.
std::string text_table(const std::vector<std::vector<std::string>>& rows, const std::vector<Align>& columns);

}  // namespace ebb
