#include "lab/recipe/selector_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"

namespace ebb {
namespace {

// Nesting is bounded, so that no text exhausts the stack.
constexpr int deepest = 32;

class Parser {
 public:
  Parser(std::string_view whole, const SelectorWords& more) : whole_(whole), more_(more) {}

  Selector parse() {
    Selector all = any();
    space();
    if (at_ != whole_.size()) expected("the end, || or &&");
    return all;
  }

 private:
  Selector any() {
    std::vector<Selector> terms{every()};
    while (take("||")) terms.push_back(every());
    return any_of(std::move(terms));
  }

  Selector every() {
    std::vector<Selector> terms{one()};
    while (take("&&")) terms.push_back(one());
    return all_of(std::move(terms));
  }

  Selector one() {
    if (++depth_ > deepest) expected(ebb::text("at most ", deepest, " levels"));
    const bool inverted = take("!");
    Selector found = inverted ? !one() : atom();
    --depth_;
    return found;
  }

  Selector atom() {
    if (take("(")) {
      Selector inside = any();
      require(")");
      return inside;
    }
    const std::size_t begin = at_;
    const std::string name = word();
    require("(");
    Selector found = call(name, begin);
    require(")");
    return found;
  }

  Selector call(const std::string& name, std::size_t begin) {
    struct Plain {
      const char* name;
      Selector (*make)();
    };
    static constexpr Plain plain[] = {{"norms", norms},     {"biases", biases},
                                      {"weights", weights}, {"embeddings", embeddings},
                                      {"scalars", scalars}, {"everything_else", everything_else}};
    std::vector<std::string> known{"path", "module_type", "role", "depth"};
    for (const Plain& p : plain) {
      if (name == p.name) return p.make();
      known.emplace_back(p.name);
    }
    if (std::ranges::find(more_.names, name) != more_.names.end()) return more_.make(name);
    known.insert(known.end(), more_.names.begin(), more_.names.end());
    if (name == "path") return path(quoted());
    if (name == "module_type") return module_type(quoted());
    if (name == "role") return role(role_named(word()));
    if (name == "depth") {
      const int first = integer();
      require(",");
      return depth(first, integer());
    }
    at_ = begin;
    expected("the name of a selector", suggestion(name, known));
  }

  Role role_named(const std::string& wanted) {
    std::vector<std::string> known;
    for (int r = 0; r <= static_cast<int>(Role::other); ++r) {
      const auto candidate = static_cast<Role>(r);
      if (wanted == ebb::name(candidate)) return candidate;
      known.emplace_back(ebb::name(candidate));
    }
    fail(more_.where, ebb::text("the role ", ebb::in_quotes(wanted)), "a role", suggestion(wanted, known));
  }

  std::string word() {
    space();
    const std::size_t begin = at_;
    while (at_ < whole_.size() && (std::isalpha(static_cast<unsigned char>(whole_[at_])) != 0 || whole_[at_] == '_'))
      ++at_;
    if (at_ == begin) expected("a selector such as weights() or path(\"fc.*\")");
    return std::string(whole_.substr(begin, at_ - begin));
  }

  std::string quoted() {
    require("\"");
    const std::size_t end = whole_.find('"', at_);
    if (end == std::string_view::npos) expected("a closing quote");
    std::string inside(whole_.substr(at_, end - at_));
    at_ = end + 1;
    return inside;
  }

  int integer() {
    space();
    int value = 0;
    const auto [end, error] = std::from_chars(whole_.data() + at_, whole_.data() + whole_.size(), value);
    if (error != std::errc()) expected("an integer");
    at_ = static_cast<std::size_t>(end - whole_.data());
    return value;
  }

  void space() {
    while (at_ < whole_.size() && std::isspace(static_cast<unsigned char>(whole_[at_])) != 0) ++at_;
  }

  bool take(std::string_view sign) {
    space();
    if (!whole_.substr(at_).starts_with(sign)) return false;
    at_ += sign.size();
    return true;
  }

  void require(std::string_view sign) {
    if (!take(sign)) expected(sign);
  }

  [[noreturn]] void expected(std::string_view what, std::string_view remedy = {}) const {
    fail(more_.where, ebb::text(in_quotes(whole_), " at character ", at_ + 1), what, remedy);
  }

  std::string_view whole_;
  const SelectorWords& more_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Selector selector_from_text(std::string_view text, const SelectorWords& more) {
  if (text.size() > longest_selector)
    fail(more.where, ebb::text(text.size(), " bytes"), ebb::text("at most ", longest_selector, " bytes"));
  return Parser(text, more).parse();
}

}  // namespace ebb
