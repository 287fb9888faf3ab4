#include "lab/study/study.h"

#include <algorithm>
#include <array>
#include <set>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/format/numbers.h"
#include "lab/recipe/names.h"

namespace ebb {
namespace {

constexpr std::array tiers{"T0", "T1", "T2", "T3"};
constexpr std::size_t most_arms = 10000;
constexpr std::int64_t most_pairs = 10000;

std::vector<std::string> names_of(const Arm& arm) {
  std::vector<std::string> out;
  for (const auto& [factor, level] : arm) out.push_back(factor);
  return out;
}

// What may be a part of a file's name.
bool is_file_name(const std::string& name) {
  return !name.empty() && name.size() <= 60 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

// What may stand in the text of an arm.
bool is_word(const std::string& word) {
  return !word.empty() && word.size() <= 100 && is_line(word) && word.find_first_of(",;=\"") == std::string::npos &&
         word.front() != ' ' && word.back() != ' ';
}

const Factor& factor_named(const std::vector<Factor>& factors, const std::string& name) {
  std::vector<std::string> known;
  for (const Factor& factor : factors) {
    if (factor.name == name) return factor;
    known.push_back(factor.name);
  }
  fail("factors", in_quotes(name), "a factor of the study", suggestion(name, known));
}

void require_factors(const Study& study, const std::string& where) {
  std::set<std::string> names;
  for (const Factor& factor : study.factors) {
    if (!is_word(factor.name) || !names.insert(factor.name).second)
      fail(where, text("the factor ", in_quotes(factor.name)), "a line without , ; = and quotes, each once");
    const std::set<std::string> levels(factor.levels.begin(), factor.levels.end());
    if (levels.empty() || levels.size() != factor.levels.size() || !std::ranges::all_of(factor.levels, is_word))
      fail(where, text("the levels of ", factor.name), "at least one, each once, lines without , ; = and quotes");
  }
  std::size_t all = 1;
  for (const Factor& factor : study.factors) all = std::min(most_arms + 1, all * factor.levels.size());
  if (study.arms.empty() && all > most_arms)
    fail(where, text("more than ", most_arms, " arms"), "fewer, for example half_of() them");
}

void require_arms(const Study& study, const std::string& where) {
  std::set<Arm> seen;
  for (const Arm& arm : study.arms) {
    bool sound = arm.size() == study.factors.size() && seen.insert(arm).second;
    for (const Factor& factor : study.factors) {
      const auto found = arm.find(factor.name);
      sound = sound && found != arm.end() && std::ranges::find(factor.levels, found->second) != factor.levels.end();
    }
    if (!sound) fail(where, text("the arm ", in_quotes(arm_text(arm))), "a known level for each factor, each arm once");
  }
}

}  // namespace

const char* name(Tier tier) { return tiers[static_cast<std::size_t>(tier)]; }

std::optional<Tier> tier_of(std::string_view name) {
  for (std::size_t i = 0; i < tiers.size(); ++i)
    if (name.size() == 2 && (name[0] == 'T' || name[0] == 't') && name[1] == tiers[i][1]) return static_cast<Tier>(i);
  return std::nullopt;
}

const std::string& Trial::word(std::string_view factor) const {
  const auto found = arm.find(std::string(factor));
  if (found != arm.end()) return found->second;
  fail("trial", text("the factor ", in_quotes(factor)), "a factor of the study",
       arm.empty() ? "the study has none" : suggestion(factor, names_of(arm)));
}

double Trial::number(std::string_view factor) const {
  const std::string& level = word(factor);
  if (const std::optional<double> number = number_in(level)) return *number;
  fail("trial", text(factor, " = ", in_quotes(level)), "a level that is a number", "read it with word()");
}

std::vector<Arm> product(const std::vector<Factor>& factors) {
  std::vector<Arm> out{{}};
  for (const Factor& factor : factors) {
    std::vector<Arm> longer;
    for (const Arm& arm : out)
      for (const std::string& level : factor.levels) {
        longer.push_back(arm);
        longer.back()[factor.name] = level;
      }
    out = std::move(longer);
  }
  return out;
}

std::vector<Arm> half_of(const std::vector<Arm>& arms, const std::vector<Factor>& factors,
                         const std::vector<std::string>& word) {
  std::vector<Arm> out;
  for (const Arm& arm : arms) {
    std::size_t changed = 0;
    for (const std::string& name : word) {
      const Factor& factor = factor_named(factors, name);
      if (factor.levels.size() != 2)
        fail("half_of", text(name, " with ", factor.levels.size(), " levels"), "factors of two levels");
      if (arm.at(name) != factor.levels.front()) ++changed;
    }
    if (changed % 2 == 0) out.push_back(arm);
  }
  return out;
}

std::vector<Arm> arms_of(const Study& study) { return study.arms.empty() ? product(study.factors) : study.arms; }

void require_sound(const Study& study) {
  if (!is_file_name(study.name))
    fail("study", text("the name ", in_quotes(study.name)), "1 to 60 small letters, digits, '-' and '_'");
  const std::string where = text("study ", study.name);
  if (!study.run) fail(where, "no run", "a function that makes a record of a trial");
  if (study.pairs < 1 || study.pairs > most_pairs) fail(where, text(study.pairs, " pairs"), text("1 to ", most_pairs));
  if (study.least_tier > study.tier)
    fail(where, text("least_tier ", name(study.least_tier)), text("at most ", name(study.tier)));
  require_factors(study, where);
  require_arms(study, where);
  for (const std::string& data : study.data) require_choice(where, data, data_names());
  std::set<std::string> seen;
  for (const Claim& claim : study.claims)
    if (!claim.judge || claim.text.id.empty() || !is_line(claim.text.id) || !seen.insert(claim.text.id).second)
      fail(where, text("the claim ", in_quotes(claim.text.id)), "a name of one line, each once, and a way to judge it");
  for (const Figure& figure : study.figures)
    if (!is_file_name(figure.file) || !figure.draw || !seen.insert(figure.file).second)
      fail(where, text("the figure ", in_quotes(figure.file)), "a name like the study's, each once, and what draws it");
}

}  // namespace ebb
