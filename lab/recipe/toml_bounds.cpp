#include "lab/recipe/toml_bounds.h"

#include <algorithm>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr std::size_t largest_text = 1 << 20;
constexpr int most_levels = 8;      // of lists and inline tables
constexpr int most_name_parts = 8;  // between dots
constexpr int most_parts = 20'000;  // keys, headers and values

// Goes through TOML as far as needed to tell names, values and brackets from strings and comments. Whatever is no TOML
// is left to the parser, which stops there.
class Scanner {
 public:
  Scanner(std::string_view content, const std::string& where) : rest_(content), where_(where) {}

  void scan() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '"' || c == '\'') skip_string(c);
      else if (c == '#') skip(std::min(rest_.find('\n'), rest_.size()));
      else structure(c);
    }
  }

 private:
  void structure(char c) {
    skip(1);
    if (c == '.') {
      if (++name_parts_ > most_name_parts) refuse("a name of many parts", text("at most ", most_name_parts, " parts"));
      return;
    }
    if (std::string_view("=,[]{}\n").find(c) == std::string_view::npos) return;
    name_parts_ = 1;
    if (c == '[' || c == '{') ++level_;
    if (c == ']' || c == '}') level_ = std::max(0, level_ - 1);
    if (level_ > most_levels) refuse("deep lists and tables", text("at most ", most_levels, " levels"));
    if (c != '\n' && ++parts_ > most_parts) refuse("many parts", text("at most ", most_parts, " keys and values"));
  }

  // A string in one or three quotes. One in three may end with up to two quotes of its own.
  void skip_string(char quote) {
    const std::string three(3, quote);
    const bool long_string = rest_.starts_with(three);
    skip(long_string ? 3 : 1);
    while (!rest_.empty()) {
      if (rest_.front() == '\\' && quote == '"') {
        skip(std::min<std::size_t>(2, rest_.size()));
      } else if (!long_string && (rest_.front() == quote || rest_.front() == '\n')) {
        return skip(rest_.front() == quote ? 1 : 0);
      } else if (long_string && rest_.starts_with(three)) {
        skip(3);
        for (int own = 0; own < 2 && rest_.starts_with(quote); ++own) skip(1);
        return;
      } else {
        skip(1);
      }
    }
  }

  void skip(std::size_t count) {
    line_ += std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(count), '\n');
    rest_.remove_prefix(count);
  }

  [[noreturn]] void refuse(std::string_view got, std::string_view wanted) const {
    fail(text(where_, ':', static_cast<long>(line_)), got, wanted,
         "recipes have keys, lists of numbers and [[groups]]");
  }

  std::string_view rest_;
  const std::string& where_;
  std::ptrdiff_t line_ = 1;
  int name_parts_ = 1;
  int level_ = 0;
  int parts_ = 0;
};

}  // namespace

void require_toml_bounds(std::string_view content, const std::string& where) {
  if (content.size() > largest_text) fail(where, "more than 1 MiB", "a recipe file of at most 1 MiB");
  Scanner(content, where).scan();
}

}  // namespace ebb
