#include "lab/program/study_command.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <random>
#include <set>

#include "framework/io/directory.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "framework/tensor/suggest.h"
#include "lab/format/numbers.h"
#include "lab/format/text_table.h"
#include "lab/program/program_name.h"
#include "lab/program/progress.h"
#include "lab/program/stop_signal.h"
#include "lab/study/study_page.h"

namespace ebb {
namespace {

constexpr int surprising_status = 3, skipped_status = 77;
constexpr std::uint64_t most_pairs = 10000;

std::vector<std::string> names_of(const std::vector<Study>& studies) {
  std::vector<std::string> out;
  for (const Study& study : studies) out.push_back(study.name);
  return out;
}

const Study& study_named(const std::vector<Study>& studies, const std::string& name) {
  return *std::ranges::find(studies, require_choice("study", name, names_of(studies)), &Study::name);
}

std::optional<Tier> tier_in(const StudyCommand& command) {
  if (command.tier.empty()) return std::nullopt;
  const std::optional<Tier> tier = tier_of(command.tier);
  if (!tier) fail("--tier", in_quotes(command.tier), "T0, T1, T2 or T3");
  return tier;
}

std::uint64_t pair_in(std::string_view text_of_it, const std::string& whole) {
  const std::optional<double> number = number_in(text_of_it);
  if (!number || *number != std::floor(*number) || *number < 1 || *number > 1e9)
    fail("--pairs", in_quotes(whole), "a number of pairs, or two numbers A-B");
  return static_cast<std::uint64_t>(*number);
}

std::vector<std::uint64_t> pairs_in(const std::string& value) {
  if (value.empty()) return {};
  const std::size_t dash = value.find('-');
  const std::uint64_t last = pair_in(dash == std::string::npos ? value : value.substr(dash + 1), value);
  const std::uint64_t first = dash == std::string::npos ? 1 : pair_in(value.substr(0, dash), value);
  if (first > last || last - first >= most_pairs)
    fail("--pairs", in_quotes(value), text("at most ", most_pairs, " pairs, ascending"));
  std::vector<std::uint64_t> out;
  for (std::uint64_t pair = first; pair <= last; ++pair) out.push_back(pair);
  return out;
}

constexpr const char* all_of_them = "all";

// The studies that are named; "all", or no name but a tier: all that show something at it.
std::vector<const Study*> chosen(const std::vector<Study>& studies, const StudyCommand& command) {
  std::vector<const Study*> out;
  const std::optional<Tier> tier = tier_in(command);
  if (command.names.empty() && !tier)
    fail("study", "no name", "names of studies, \"all\", or --tier for all of a tier");
  const auto take = [&](const Study& study) {
    if (std::ranges::find(out, &study) == out.end()) out.push_back(&study);
  };
  for (const std::string& name : command.names)
    if (name != all_of_them) take(study_named(studies, name));
  if (command.names.empty() || std::ranges::find(command.names, all_of_them) != command.names.end())
    for (const Study& study : studies)
      if (!tier || study.least_tier <= *tier) take(study);
  return out;
}

StudyRunOptions options_of(const StudyCommand& command, const std::string& out) {
  return {.out = out,
          .data = command.data,
          .tier = tier_in(command),
          .pairs = pairs_in(command.pairs),
          .jobs = command.jobs == 0 ? parallel::thread_count() : command.jobs,
          .fresh = command.fresh,
          .program = command.program};
}

std::string verdict_table(const std::vector<Judged>& verdicts) {
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& id, const std::string& is, const std::vector<std::string>& page,
                       const std::string& statement) {
    rows.push_back({id, is, page[2], page[3], page[4], page[1], statement});
  };
  add("claim", "verdict", verdict_columns(), "statement");
  for (const Judged& judged : verdicts) {
    const std::string& remark = judged.verdict.sentence;
    add(judged.claim->text.id, name(judged.verdict.is), verdict_row(judged),
        text(judged.claim->text.statement, remark.empty() ? "" : text(" (", remark, ')')));
  }
  return text_table(rows,
                    {Align::left, Align::left, Align::right, Align::right, Align::right, Align::left, Align::left});
}

std::string tiers_of(const Study& study) {
  return study.least_tier == study.tier ? name(study.tier) : text(name(study.least_tier), '-', name(study.tier));
}

// What a study cannot show with its number of pairs, whatever comes out.
std::string out_of_reach(const Study& study) {
  std::int64_t tests = 0, comparisons = 0;
  for (const Claim& claim : study.claims) {
    comparisons += claim.kind == Claim::Kind::comparison ? 1 : 0;
    tests += claim.kind == Claim::Kind::comparison || claim.kind == Claim::Kind::equivalence ||
                     claim.kind == Claim::Kind::trend
                 ? 1
                 : 0;
  }
  const double least = std::exp2(1 - static_cast<double>(study.pairs)) * static_cast<double>(tests);
  if (comparisons == 0 || least < 0.05) return {};
  return text("With ", study.pairs, " pairs and ", tests, " tests the least p is ", significant(least, 2),
              ": comparisons can hardly be decided.\n");
}

// What a study expects of a claim: of numbers without a pass nothing.
std::string expected_of(const Claim& claim) {
  return claim.kind == Claim::Kind::estimate ? "" : name(claim.text.expected);
}

// With a column of what is expected where that is not to be confirmed throughout.
std::string claim_table(const Study& study) {
  const bool mixed = std::ranges::any_of(study.claims, [](const Claim& claim) {
    return !expected_of(claim).empty() && claim.text.expected != Verdict::Is::confirmed;
  });
  std::vector<std::vector<std::string>> rows{{"claim", "kind", "predicted", "expected", "statement"}};
  for (const Claim& claim : study.claims)
    rows.push_back({claim.text.id, name(claim.kind), claim.prediction, expected_of(claim), claim.text.statement});
  std::vector<Align> columns(rows[0].size(), Align::left);
  if (!mixed) {
    for (auto& row : rows) row.erase(row.begin() + 3);
    columns.pop_back();
  }
  return text_table(rows, columns);
}

void say_skipped(const Study& study, const std::string& missing) {
  complain() << study.name << ": skipped: " << printable(missing) << '\n';
}

int run_one(const Study& study, StudyRunOptions options) {
  std::unique_ptr<Progress> drawn;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    if (!drawn) drawn = std::make_unique<Progress>(study.name, total, "trials", done);
    drawn->update(done, {});
  };
  options.note = [&](const std::string& note) { complain() << study.name << ": " << printable_line(note) << '\n'; };
  options.stop = [] { return StopSignal::requested() != 0; };
  const StudyOutcome outcome = run_study(study, options);
  drawn.reset();
  if (!outcome.skipped.empty()) {
    say_skipped(study, outcome.skipped);
    return skipped_status;
  }
  for (const std::string& failure : outcome.failures)
    complain() << study.name << ": failed: " << printable_line(failure) << '\n';
  if (outcome.stopped) {
    complain() << study.name << ": stopped; the same command goes on with it\n";
    return 128 + StopSignal::requested();
  }
  if (!outcome.failures.empty()) {
    complain() << study.name << ": the trials that were made are kept; the same command makes the others\n";
    return 1;
  }
  std::cout << study.name << ": " << outcome.trials << (outcome.trials == 1 ? " trial, " : " trials, ") << outcome.made
            << " of them made now\n"
            << printable(verdict_table(outcome.verdicts))
            << printable_line((study_directory(study, options) / "report.html").string()) << '\n';
  return outcome.surprising() ? surprising_status : 0;
}

}  // namespace

int list_studies(const std::vector<Study>& studies, const StudyCommand& command) {
  const std::optional<Tier> tier = tier_in(command);
  std::vector<std::vector<std::string>> rows{{"study", "tier", "trials", "minutes", "data", ""}};
  for (const Study& study : studies) {
    if (tier && (*tier < study.least_tier || *tier > study.tier)) continue;
    std::string data;
    for (const std::string& set : study.data) data += (data.empty() ? "" : " ") + set;
    rows.push_back({study.name, tiers_of(study), text(arms_of(study).size() * static_cast<std::size_t>(study.pairs)),
                    significant(study.minutes), data, study.title});
  }
  std::cout << printable(
      text_table(rows, {Align::left, Align::left, Align::right, Align::right, Align::left, Align::left}));
  return 0;
}

int show_study(const std::vector<Study>& studies, const StudyCommand& command) {
  for (const Study* const shown : chosen(studies, command)) {
    const Study& study = *shown;
    require_sound(study);
    std::string out = text(study.title, "\n\n", study.statement, "\n\n");
    if (!study.reference.empty()) out += text("Reference: ", study.reference, '\n');
    if (!study.limits.empty()) out += text("Limits: ", study.limits, '\n');
    out += text("Tier ", tiers_of(study), ", ", arms_of(study).size(), " arms, ", study.pairs, " pairs, version ",
                study.version, '\n');
    for (const Factor& factor : study.factors) {
      out += text("  ", factor.name, ':');
      for (const std::string& level : factor.levels) out += ' ' + level;
      out += '\n';
    }
    out += '\n' + claim_table(study) + out_of_reach(study);
    std::cout << printable(out);
  }
  return 0;
}

int run_studies(const std::vector<Study>& studies, const StudyCommand& command,
                const std::vector<std::string>& worker) {
  StudyRunOptions options = options_of(command, command.out.empty() ? command.runs : command.out);
  options.worker = worker;
  require_place(options.out, "choose another with --out");
  const StopSignal signal;
  int status = 0;
  bool all_skipped = true, any = false;
  for (const Study* const study : chosen(studies, command)) {
    const int one = run_one(*study, options);
    any = true;
    if (one == skipped_status) continue;
    all_skipped = false;
    if (one > 128) return one;
    // What is wrong with the run weighs more than what is wrong with a claim.
    if (status != 1 && one != 0) status = one;
  }
  return any && all_skipped ? skipped_status : status;
}

int report_studies(const std::vector<Study>& studies, const StudyCommand& command) {
  const std::filesystem::path out = command.out.empty() ? "docs/studies" : command.out;
  require_place(out, "choose another with --out");
  for (const Study* const study : chosen(studies, command)) {
    const StoredStudy stored = read_study(*study, options_of(command, command.runs));
    for (const std::string& file : write_pages(page_of(stored.plan, stored.record, stored.trials), out))
      std::cout << printable_line((out / file).string()) << '\n';
  }
  if (!can_plot()) complain() << "gnuplot is not installed: the pages have tables in place of figures\n";
  return 0;
}

int check_studies(const std::vector<Study>& studies, const StudyCommand& command) {
  std::random_device random;
  int status = 0;
  bool skipped = false, checked = false;
  for (const Study* const study : chosen(studies, command)) {
    const StudyRunOptions options = options_of(command, command.out.empty() ? command.runs : command.out);
    if (const std::string missing = StudyData(options.data, study->data).missing(); !missing.empty()) {
      say_skipped(*study, missing);
      skipped = true;
      continue;
    }
    checked = true;
    std::set<std::string> problems;
    for (int trial = 0; trial < command.trials; ++trial)
      if (const std::string problem = check_study(*study, options, random()); !problem.empty())
        problems.insert(problem);
    for (const std::string& problem : problems) complain() << study->name << ": " << printable_line(problem) << '\n';
    if (!problems.empty()) status = 1;
    else if (command.trials == 1) std::cout << study->name << ": one trial again, the same bytes\n";
    else std::cout << study->name << ": " << command.trials << " trials again, the same bytes\n";
  }
  return skipped && !checked ? skipped_status : status;
}

}  // namespace ebb
