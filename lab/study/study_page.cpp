#include "lab/study/study_page.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/reports/figures.h"
#include "lab/reports/html.h"
#include "lab/study/figures.h"

namespace ebb {
namespace {

std::string pair_list(const std::vector<std::uint64_t>& pairs) {
  if (pairs.size() > 2 && pairs.back() - pairs.front() + 1 == pairs.size())
    return text(pairs.front(), " to ", pairs.back());
  std::string out;
  for (const std::uint64_t pair : pairs) out += text(out.empty() ? "" : ", ", pair);
  return out;
}

std::string factor_list(const Study& study) {
  std::string out;
  for (const Factor& factor : study.factors) {
    out += text(out.empty() ? "" : "; ", factor.name, ": ");
    for (const std::string& level : factor.levels) out += text(&level == &factor.levels.front() ? "" : ", ", level);
  }
  return text(arms_of(study).size(), arms_of(study).size() == 1 ? " arm" : " arms", out.empty() ? "" : " of ", out);
}

// How often each arm tried before it chose: equal numbers are what makes a comparison fair.
std::string tries(const Results& results) {
  if (!results.has("tries")) return {};
  std::set<double> counts;
  for (const double count : results.every("tries")) counts.insert(count);
  if (counts.size() == 1) return text(significant(*counts.begin()), " in each trial, by validation");
  return text("not the same in all trials: ", significant(*counts.begin()), " to ", significant(*counts.rbegin()));
}

std::string of_environment(const StudyRecord& record, const std::string& wanted) {
  for (const auto& [key, value] : record.environment)
    if (key == wanted) return value;
  return {};
}

// The command that makes such a page.
std::string command(const StudyPlan& plan) {
  const Study& study = *plan.study;
  std::string out = text(plan.program, " run ", study.name);
  if (plan.tier < study.tier) out += text(" --tier ", name(plan.tier));
  if (plan.pairs.front() != 1 || plan.pairs.back() != static_cast<std::uint64_t>(study.pairs))
    out += text(" --pairs ", plan.pairs.front(), '-', plan.pairs.back());
  return out;
}

// What the page was made of: the study as it was declared, and the commit of the directory that it was run in.
std::string revision(const Study& study, const StudyRecord& record) {
  constexpr std::size_t digits = 12;
  const std::string commit = of_environment(record, "git_revision");
  return text("version ", study.version, ", declaration ", study_revision(study).substr(0, digits),
              commit.empty() ? "" : text(", commit ", commit));
}

std::string measured(const Verdict& verdict) {
  const Interval& of = verdict.measured;
  if (of.low == of.high) return significant(of.estimate);
  return text(significant(of.estimate), " [", significant(of.low), ", ", significant(of.high), ']');
}

// "as expected" where a wrong sentence of others was refuted; what nobody foresaw is said, too.
std::string expectation(const Judged& judged) {
  using Is = Verdict::Is;
  const Is is = judged.verdict.is, expected = judged.claim->text.expected;
  if (surprising(judged)) return ", not as expected";
  return expected == Is::refuted && is == expected ? ", as expected" : "";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += text(out.empty() ? "" : ", ", word);
  return out;
}

// What measured numbers, intervals and p of the verdicts are, as far as there are any.
std::string how_to_read(const std::vector<Judged>& verdicts) {
  using Kind = Claim::Kind;
  const auto has = [&](auto... kinds) {
    return std::ranges::any_of(verdicts, [=](const Judged& j) { return ((j.claim->kind == kinds) || ...); });
  };
  const auto tests = std::ranges::count_if(verdicts, [](const Judged& j) { return !std::isnan(j.verdict.p); });
  std::string out;
  if (has(Kind::identity))
    out += "Of an identity the largest deviation is shown, beside what it would be were the claim wrong. ";
  if (has(Kind::equilibrium, Kind::comparison, Kind::equivalence, Kind::trend, Kind::estimate))
    out += "Brackets hold 95 % intervals, each of its own claim: of twenty, one may miss. ";
  if (has(Kind::comparison, Kind::equivalence))
    out += "Differences are taken pair by pair, and may be sure where the intervals of both arms overlap. ";
  if (tests > 0) {
    std::vector<std::string> by;
    if (has(Kind::comparison)) by.emplace_back("sign flips (comparisons)");
    if (has(Kind::trend)) by.emplace_back("Page's test over all levels (trends)");
    if (has(Kind::equivalence)) by.emplace_back("two one-sided t-tests (equivalences)");
    out += text("p is by ", joined(by),
                tests > 1 ? text(", after Holm's correction for the ", tests, " tests here. ") : std::string(". "));
  }
  if (!out.empty()) out.pop_back();
  return out;
}

std::string paragraph(const std::string& words) {
  return words.empty() ? words : text("<p>", html::escape(words), "</p>\n");
}

}  // namespace

StudyPage page_of(const StudyPlan& plan, const StudyRecord& record, const std::vector<TrialResult>& trials) {
  const Study& study = *plan.study;
  const Results results = results_of(study, trials);
  StudyPage page{.study = &study, .verdicts = judge(study.claims, results, plan.tier)};
  page.reading = how_to_read(page.verdicts);
  for (const Figure& figure : study.figures)
    if (figure.least <= plan.tier)
      page.figures.push_back({&figure, with_intervals(figure.draw(results), plan.pairs.size())});
  for (const Judged& judged : page.verdicts)
    if (!judged.claim->refutation.empty())
      page.refutations.push_back(text(judged.claim->text.id, ": ", judged.claim->refutation));
  page.results = results.csv();
  double seconds = 0;
  for (const TrialResult& trial : trials) seconds += trial.seconds;
  const auto add = [&](const char* name, const std::string& what) {
    if (!what.empty()) page.conditions.emplace_back(name, what);
  };
  add("arms", factor_list(study));
  add("pairs, which are seeds", text(pair_list(plan.pairs), plan.pairs.size() == 1 ? " (one seed)" : ""));
  add("data", study.data.empty() ? "made by the study" : joined(study.data));
  add("checksums (train, validation, test)", record.checksums);
  add("tier", name(plan.tier));
  add("results", page.results.size() <= most_of_results ? text(study.name, ".csv") : "");
  add("budget", text(trials.size(), " trials, ", clock_text(seconds), " of computing"));
  add("tries", tries(results));
  add("reference", study.reference);
  add("command", command(plan));
  add("revision", revision(study, record));
  add("version", text("Ebb ", of_environment(record, "ebb"), ", ", of_environment(record, "compiler"), ", ",
                      of_environment(record, "instruction_set")));
  return page;
}

std::vector<std::string> verdict_columns() {
  return {"claim", "predicted", "measured, 95 %", "n", "p", "verdict", "answers"};
}

std::vector<std::string> verdict_row(const Judged& judged) {
  const Verdict& v = judged.verdict;
  return {text(judged.claim->text.id, ": ", judged.claim->text.statement),
          judged.claim->prediction,
          measured(v),
          text(v.n),
          std::isnan(v.p) ? std::string()
          : v.p < 1e-4    ? "< 0.0001"
                          : significant(v.p, 2),
          text(name(v.is), expectation(judged), v.sentence.empty() ? "" : text(" (", v.sentence, ')')),
          joined(judged.claim->text.answers)};
}

std::string study_html(const StudyPage& page) {
  const Study& study = *page.study;
  std::vector<std::vector<std::string>> rows, conditions;
  for (const Judged& judged : page.verdicts) {
    rows.emplace_back();
    for (const std::string& cell : verdict_row(judged)) rows.back().push_back(html::escape(cell));
    rows.back()[5] = text("<b>", name(judged.verdict.is), "</b>",
                          rows.back()[5].substr(std::string(name(judged.verdict.is)).size()));
  }
  std::string figures;
  for (const DrawnFigure& drawn : page.figures)
    figures += text("<h3>", html::escape(drawn.figure->message), "</h3>\n", html::figures({drawn.plot}));
  std::string refutations = page.refutations.empty() ? "" : "<ul class=\"list\">\n";
  for (const std::string& each : page.refutations) refutations += text("<li>", html::escape(each), "</li>\n");
  if (!refutations.empty()) refutations += "</ul>\n";
  for (const auto& [key, value] : page.conditions) conditions.push_back({html::escape(key), html::escape(value)});
  return html::page(
      study.title.empty() ? study.name : study.title, html::escape(study.statement),
      (study.answer.empty() ? "" : paragraph("Answer: " + study.answer)) +
          (page.figures.empty() ? std::string() : html::plot_warning()),
      {{"Verdicts",
        rows.empty() ? "" : html::table(verdict_columns(), rows, "text verdicts") + paragraph(page.reading)},
       {"Figures", figures},
       {"What would have refuted it", refutations},
       {"What was known before", paragraph(study.pilot)},
       {"What explains it, found afterwards", paragraph(study.explanation)},
       {"What it does not show", paragraph(study.limits)},
       {"How it was run", html::table({}, conditions, "text")}});
}

}  // namespace ebb
