#include "framework/tensor/suggest.h"

#include <algorithm>
#include <numeric>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

constexpr std::size_t longest_name = 64;

// Levenshtein's distance: insertions, deletions and replacements.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string suggestion(std::string_view wrong, const std::vector<std::string>& known) {
  // A longer text is no misspelt name, and takes long to compare.
  const std::string_view compared = wrong.size() <= longest_name ? wrong : std::string_view();
  std::size_t best = std::string::npos;
  std::string nearest;
  std::string all;
  for (const std::string& name : known) {
    all += text(all.empty() ? "" : ", ", name);
    if (const std::size_t d = distance(compared, name); d < best) {
      best = d;
      nearest = name;
    }
  }
  if (!nearest.empty() && best <= std::max<std::size_t>(2, nearest.size() / 3))
    return text("did you mean \"", nearest, "\"?");
  return text("known are ", all);
}

void require_choice(std::string_view where, std::string_view value, const std::vector<std::string>& choices) {
  if (std::ranges::find(choices, value) != choices.end()) return;
  std::string all;
  for (const std::string& choice : choices) all += text(all.empty() ? "" : ", ", choice);
  fail(where, in_quotes(value), text("one of ", all), suggestion(value, choices));
}

}  // namespace ebb
