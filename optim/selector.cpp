#include "optim/selector.h"

#include <algorithm>
#include <ostream>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Shell-style match of * and ?, without recursion: at a mismatch the last * takes one more character.
bool glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Selector named(std::string text, Selector selector) {
  return {std::move(text), [selector = std::move(selector)](const Candidate& c) { return selector(c); }};
}

// The text of an operand, in parentheses where && or || in it would be read wrongly.
std::string operand(const Selector& selector, const char* inner) {
  return selector.text().find(inner) == std::string::npos ? selector.text() : '(' + selector.text() + ')';
}

}  // namespace

Selector::Selector(std::string text, std::function<bool(const Candidate&)> matches) : text_(std::move(text)) {
  if (!matches) fail("selector", text_ + " without a function", "a function of a Candidate");
  matches_ = std::make_shared<const std::function<bool(const Candidate&)>>(std::move(matches));
}

Selector all_of(std::vector<Selector> terms) {
  if (terms.empty()) fail("all_of", "no selector", "at least one");
  if (terms.size() == 1) return terms.front();
  std::string text = operand(terms.front(), " || ");
  for (std::size_t i = 1; i < terms.size(); ++i) text += " && " + operand(terms[i], " || ");
  return {std::move(text), [terms = std::move(terms)](const Candidate& c) {
            return std::all_of(terms.begin(), terms.end(), [&](const Selector& term) { return term(c); });
          }};
}

Selector any_of(std::vector<Selector> terms) {
  if (terms.empty()) fail("any_of", "no selector", "at least one");
  if (terms.size() == 1) return terms.front();
  std::string text = terms.front().text();
  for (std::size_t i = 1; i < terms.size(); ++i) text += " || " + terms[i].text();
  return {std::move(text), [terms = std::move(terms)](const Candidate& c) {
            return std::any_of(terms.begin(), terms.end(), [&](const Selector& term) { return term(c); });
          }};
}

Selector operator&&(const Selector& a, const Selector& b) { return all_of({a, b}); }
Selector operator||(const Selector& a, const Selector& b) { return any_of({a, b}); }

Selector operator!(const Selector& a) {
  return {'!' + operand(a, " "), [a](const Candidate& c) { return !a(c); }};
}

std::ostream& operator<<(std::ostream& out, const Selector& selector) { return out << selector.text(); }

Selector role(Role role) {
  return {text("role(", name(role), ")"), [role](const Candidate& c) { return c.parameter->role() == role; }};
}

Selector norms() { return named("norms()", role(Role::norm_scale) || role(Role::norm_shift)); }
Selector biases() { return named("biases()", role(Role::bias)); }
Selector weights() { return named("weights()", role(Role::weight)); }
Selector embeddings() { return named("embeddings()", role(Role::embedding)); }
Selector scalars() { return named("scalars()", role(Role::scalar)); }

Selector everything_else() {
  return {"everything_else()", [](const Candidate&) { return true; }};
}

Selector path(std::string_view pattern) {
  return {text("path(\"", pattern, "\")"),
          [pattern = std::string(pattern)](const Candidate& c) { return glob(pattern, c.path); }};
}

Selector paths(std::vector<std::string> list) {
  const std::string label = text("paths(", list.size(), " listed)");
  return {label, [list = std::move(list)](const Candidate& c) {
            return std::find(list.begin(), list.end(), c.path) != list.end();
          }};
}

Selector module_type(std::string_view type) {
  return {text("module_type(\"", type, "\")"),
          [type = std::string(type)](const Candidate& c) { return c.module_type == type; }};
}

Selector depth(int first, int last) {
  return {text("depth(", first, ", ", last, ")"), [=](const Candidate& c) {
            const int from = first < 0 ? first + c.layers : first, to = last < 0 ? last + c.layers : last;
            return c.layer >= from && c.layer <= to;
          }};
}

Selector only(const Parameter& parameter) {
  return {text("only(", parameter.name(), ")"),
          [wanted = &parameter](const Candidate& c) { return c.parameter == wanted; }};
}

}  // namespace ebb
