#include "lab/study/results.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/study/number_text.h"

namespace ebb {
namespace {

constexpr std::string_view of_validation = "validation/";

bool is_measure(const std::string& name) {
  return !name.empty() && name.size() <= 200 && is_line(name) && name.find_first_of(",\"") == std::string::npos;
}

}  // namespace

std::string arm_text(const Arm& arm) {
  std::string out;
  for (const auto& [factor, level] : arm) out += text(out.empty() ? "" : "; ", factor, '=', level);
  return out.empty() ? "only" : out;
}

bool agrees(const Arm& arm, const Arm& where) {
  return std::ranges::all_of(where, [&](const auto& wanted) {
    const auto found = arm.find(wanted.first);
    return found != arm.end() && found->second == wanted.second;
  });
}

void Record::put(const std::string& measure, double value) {
  if (measure.starts_with(of_validation))
    fail("record", in_quotes(measure), "a measure without validation/ in front", "use put_validation()");
  insert(measure, -1, value);
}

void Record::put(const std::string& measure, std::int64_t step, double value) {
  if (step < 0) fail(text("measure ", in_quotes(measure)), text("step ", step), "0 or more");
  if (measure.starts_with(of_validation))
    fail("record", in_quotes(measure), "a measure without validation/ in front", "use put_validation()");
  insert(measure, step, value);
}

void Record::put_validation(const std::string& measure, const ValidationScore& score) {
  insert(text(of_validation, measure), -1, score.value());
}

void Record::put_chosen(const std::string& measure, const Chosen& chosen) {
  insert(text(of_validation, "chosen ", measure), -1, chosen.score());
  insert("tries", -1, static_cast<double>(chosen.tries()));
}

void Record::insert(const std::string& measure, std::int64_t step, double value) {
  if (!is_measure(measure))
    fail("record", in_quotes(measure), "a measure named by up to 200 characters without commas and quotes");
  // A NaN has one text, whatever its sign and payload.
  if (!values_.emplace(std::pair{measure, step}, std::isnan(value) ? std::nan("") : value).second)
    fail("record", text(measure, step < 0 ? std::string() : text(" at step ", step), " a second time"),
         "each measure once in a trial");
}

std::vector<Measured> Record::all() const {
  std::vector<Measured> out;
  for (const auto& [key, value] : values_) out.push_back({key.first, key.second, value});
  return out;
}

void Results::add(const Arm& arm, std::uint64_t pair, const Record& record) {
  const auto found = std::ranges::find(arms_, arm);
  const auto number = static_cast<std::size_t>(found - arms_.begin());
  if (found == arms_.end()) arms_.push_back(arm);
  if (!records_.emplace(Place{number, pair}, record).second)
    fail("results", text(arm_text(arm), ", pair ", pair, " a second time"), "each trial once");
}

std::vector<std::uint64_t> Results::pairs() const {
  std::set<std::uint64_t> out;
  for (const auto& [place, record] : records_) out.insert(place.second);
  return {out.begin(), out.end()};
}

bool Results::has(const std::string& measure, const Arm& where) const {
  return std::ranges::any_of(records_, [&](const auto& entry) {
    const auto first = entry.second.values_.lower_bound({measure, -1});
    return first != entry.second.values_.end() && first->first.first == measure &&
           agrees(arms_[entry.first.first], where);
  });
}

void Results::require(const std::string& measure, const Arm& arm) const {
  if (has(measure, arm)) return;
  if (has(measure)) fail("results", text(measure, " of ", arm_text(arm)), "an arm that has this measure");
  const std::vector<std::string> known = measures();
  fail("results", text("the measure ", in_quotes(measure)), "one that some trial makes",
       known.empty() ? "no trial made any" : suggestion(measure, known));
}

std::map<std::uint64_t, double> Results::by_pair(const std::string& measure, const Arm& arm) const {
  require(measure, arm);
  std::map<std::uint64_t, std::pair<double, double>> sums;
  for (const auto& [place, record] : records_) {
    if (!agrees(arms_[place.first], arm)) continue;
    for (auto it = record.values_.lower_bound({measure, -1}); it != record.values_.end() && it->first.first == measure;
         ++it) {
      auto& [sum, count] = sums[place.second];
      sum += it->second, count += 1;
    }
  }
  std::map<std::uint64_t, double> out;
  for (const auto& [pair, sum] : sums) out[pair] = sum.first / sum.second;
  return out;
}

std::vector<double> Results::values(const std::string& measure, const Arm& arm) const {
  std::vector<double> out;
  for (const auto& [pair, value] : by_pair(measure, arm)) out.push_back(value);
  return out;
}

std::vector<double> Results::differences(const std::string& measure, const Arm& a, const Arm& b) const {
  const std::map<std::uint64_t, double> of_a = by_pair(measure, a), of_b = by_pair(measure, b);
  std::vector<double> out;
  for (const auto& [pair, value] : of_a)
    if (const auto other = of_b.find(pair); other != of_b.end()) out.push_back(value - other->second);
  return out;
}

std::vector<std::pair<double, double>> Results::series(const std::string& measure, const Arm& arm,
                                                       std::uint64_t pair) const {
  require(measure, arm);
  std::vector<std::pair<double, double>> out;
  for (const auto& [place, record] : records_) {
    if (place.second != pair || !agrees(arms_[place.first], arm)) continue;
    for (auto it = record.values_.lower_bound({measure, -1}); it != record.values_.end() && it->first.first == measure;
         ++it)
      out.emplace_back(static_cast<double>(it->first.second), it->second);
  }
  return out;
}

std::vector<double> Results::every(const std::string& measure, const Arm& arm) const {
  std::vector<double> out;
  for (const std::uint64_t pair : pairs())
    for (const auto& [step, value] : series(measure, arm, pair)) out.push_back(value);
  return out;
}

std::vector<Arm> Results::arms(const Arm& where) const {
  std::vector<Arm> out;
  for (const Arm& arm : arms_)
    if (agrees(arm, where)) out.push_back(arm);
  return out;
}

std::vector<std::string> Results::measures() const {
  std::set<std::string> out;
  for (const auto& [place, record] : records_)
    for (const auto& [key, value] : record.values_) out.insert(key.first);
  return {out.begin(), out.end()};
}

const std::vector<std::string>& Results::levels(const std::string& factor) const {
  std::vector<std::string> names;
  for (const Factor& known : factors_) {
    if (known.name == factor) return known.levels;
    names.push_back(known.name);
  }
  fail("results", text("the factor ", in_quotes(factor)), "a factor of the study",
       names.empty() ? "the study has none" : suggestion(factor, names));
}

std::string Results::csv() const {
  std::map<std::pair<std::string, std::uint64_t>, const Record*> sorted;
  for (const auto& [place, record] : records_) sorted[{arm_text(arms_[place.first]), place.second}] = &record;
  std::string out = "arm,pair,measure,step,value\n";
  for (const auto& [key, record] : sorted)
    for (const auto& [place, value] : record->values_)
      out += text(key.first, ',', key.second, ',', place.first, ',',
                  place.second < 0 ? std::string() : text(place.second), ',', exact_text(value), '\n');
  return out;
}

Chosen choose(const Results& results, const std::string& factor, const std::string& measure, const Arm& where) {
  std::vector<Chosen::Candidate> candidates;
  for (const std::string& level : results.levels(factor)) {
    Arm arm = where;
    arm[factor] = level;
    candidates.push_back({level, mean_or_nan(results.values(text(of_validation, measure), arm))});
  }
  return Chosen(candidates);
}

}  // namespace ebb
