#include "framework/tensor/suggest.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb {
namespace {

constexpr std::size_t longest_name = 64;
constexpr std::size_t most_meant = 6;

// Small letters and digits alone: "AdamW" and "adam_w" are the same.
std::string folded(std::string_view word) {
  std::string out;
  for (const char c : word)
    if (c != '-' && c != '_' && c != ' ') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Insertions, deletions, replacements and swaps of neighbours that make one of the other, no letter touched twice.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last, row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

bool is_separator(char c) { return c == '-' || c == '_'; }

bool begins_with_word(std::string_view whole, std::string_view part) {
  return whole.starts_with(part) && whole.size() > part.size() && is_separator(whole[part.size()]);
}

bool has_word(std::string_view whole, std::string_view part) {
  for (std::size_t at = whole.find(part); at != std::string_view::npos; at = whole.find(part, at + 1)) {
    const std::size_t end = at + part.size();
    if ((at == 0 || is_separator(whole[at - 1])) && (end == whole.size() || is_separator(whole[end]))) return true;
  }
  return false;
}

// The names that `fits` likes.
template <class Fits>
std::vector<std::string> those(const std::vector<std::string>& known, const Fits& fits) {
  std::vector<std::string> out;
  for (const std::string& name : known)
    if (out.size() < most_meant && fits(name)) out.push_back(name);
  return out;
}

std::vector<std::string> nearest(const std::string& word, const std::vector<std::string>& known) {
  std::size_t best = std::string::npos;
  std::string found;
  for (const std::string& name : known) {
    const std::string other = folded(name);
    const std::size_t letters = std::max(word.size(), other.size()), d = distance(word, other);
    const bool swapped = word.size() == 2 && other == std::string{word[1], word[0]};
    if (d >= best || !(d <= letters / 3 || swapped)) continue;
    best = d;
    found = name;
  }
  return found.empty() ? std::vector<std::string>() : std::vector{found};
}

std::string joined(const std::vector<std::string>& names, std::string_view quote = {}) {
  std::string out;
  for (const std::string& name : names) out += text(out.empty() ? "" : ", ", quote, name, quote);
  return out;
}

}  // namespace

std::optional<std::string> same_name(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > longest_name) return std::nullopt;
  if (std::ranges::find(known, word) != known.end()) return std::string(word);
  const std::string wanted = folded(word);
  const std::vector<std::string> same = those(known, [&](const std::string& name) { return folded(name) == wanted; });
  return same.size() == 1 ? std::optional(same.front()) : std::nullopt;
}

std::vector<std::string> meant_names(std::string_view word, const std::vector<std::string>& known,
                                     std::span<const Synonym> synonyms) {
  // A longer text is no misspelt name, and takes long to compare.
  const std::string wanted = word.size() <= longest_name ? folded(word) : std::string();
  if (wanted.empty()) return {};
  const std::string lower = [&] {
    std::string out(word);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    return out;
  }();
  std::vector<std::string> found = those(known, [&](const std::string& name) { return folded(name) == wanted; });
  if (found.empty())
    found = those(known, [&](const std::string& name) {
      return std::ranges::any_of(synonyms, [&](const Synonym& s) { return s.word == wanted && s.name == name; });
    });
  if (found.empty() && wanted.size() > 1)
    found = those(known, [&](const std::string& name) { return folded(name).starts_with(wanted); });
  if (found.empty()) found = those(known, [&](const std::string& name) { return begins_with_word(lower, name); });
  if (found.empty()) found = those(known, [&](const std::string& name) { return has_word(name, lower); });
  return found.empty() ? nearest(wanted, known) : found;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         std::span<const Synonym> synonyms) {
  const std::vector<std::string> meant = meant_names(word, known, synonyms);
  if (meant.empty()) return {};
  std::string out = "did you mean ";
  for (std::size_t i = 0; i < meant.size(); ++i)
    out += text(i == 0 ? "" : i + 1 == meant.size() ? " or " : ", ", '"', meant[i], '"');
  return out + '?';
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known,
                       std::span<const Synonym> synonyms) {
  const std::string meant = did_you_mean(word, known, synonyms);
  return meant.empty() ? "known are " + joined(known) : meant;
}

std::string require_choice(std::string_view where, std::string_view value, const std::vector<std::string>& choices,
                           std::span<const Synonym> synonyms) {
  if (const std::optional<std::string> same = same_name(value, choices)) return *same;
  fail(where, in_quotes(value), text("one of ", joined(choices, "\"")), did_you_mean(value, choices, synonyms));
}

}  // namespace ebb
