// The studies of lab/studies at T0 and T1, run and judged as the program does it, and docs/weight-decay-map.md, whose
// verdicts must be theirs.
#include "lab/studies/studies.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "lab/study/declaration.h"
#include "lab/study/runner.h"
#include "lab/study/trial_file.h"
#include "tests/lab/program.h"
#include "tests/support/instrumented.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

// Under sanitizers each arm is run once: its code is looked at, and nothing is judged.
constexpr bool judged = !test::instrumented;

Results results_of(const Study& study, const StudyData* data = nullptr) {
  Results results(study.factors);
  for (const Arm& arm : arms_of(study))
    for (std::int64_t pair = 1; pair <= (judged ? study.pairs : 1); ++pair) {
      const Trial trial{
          .arm = arm, .pair = static_cast<std::uint64_t>(pair), .tier = std::min(study.tier, Tier::T1), .data = data};
      Record record;
      study.run(trial, record);
      results.add(arm, trial.pair, record);
    }
  return results;
}

// Processor time of the programs that this one ran.
double minutes_of_children() {
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return (seconds(used.ru_utime) + seconds(used.ru_stime)) / 60;
}

// The one study that is to be run, by EBB_STUDY: to plant faults in it takes seconds then. Empty: all of them.
std::string only_study() {
  const char* const set = std::getenv("EBB_STUDY");
  return set == nullptr ? "" : set;
}

bool chosen(const std::string& study) { return only_study().empty() || only_study() == study; }

// What the program makes of the studies at T1, once.
struct Ran {
  Ran() {
    const double begin = minutes_of_children();
    output = test::ebb(text("study run ", only_study(), " --tier T1 --jobs 2 ", judged ? "" : "--pairs 1 ", "--out ",
                            out.path().string()))
                 .output;
    minutes = (minutes_of_children() - begin) / 2;
  }
  static const Ran& all() {
    static const Ran ran;
    return ran;
  }
  std::filesystem::path of(const Study& study) const {
    return study_directory(study, {.out = out.path(), .tier = Tier::T1});
  }

  test::TemporaryDirectory out;
  std::string output;
  double minutes = 0;  // on two cores that nobody else uses
};

struct Judgement {
  std::string verdict;
  std::string row;  // of verdicts.csv
};

// The verdicts of a study's claims at T1 by id; none where its data are not there.
std::map<std::string, Judgement> verdicts(const Study& study) {
  std::map<std::string, Judgement> out;
  if (!judged || !chosen(study.name)) return out;
  std::ifstream in(Ran::all().of(study) / "verdicts.csv");
  const std::regex row(R"re(^"([^"]+)",[a-z]+,([a-z]+),.*)re");
  std::smatch found;
  for (std::string line; std::getline(in, line);)
    if (std::regex_match(line, found, row)) out[found[1]] = {found[2], line};
  return out;
}

// What is known beforehand comes out, wrong sentences of others included; identities were told from their broken twins.
void require_verdicts_as_expected(const Study& study) {
  const std::map<std::string, Judgement> seen = verdicts(study);
  if (seen.empty() && !study.data.empty()) return;
  if (!judged) {
    BOOST_TEST(test::read(Ran::all().of(study) / "results.csv").size() > 100, study.name << ": " << Ran::all().output);
    return;
  }
  BOOST_REQUIRE_MESSAGE(!seen.empty(), study.name << " has no verdicts: " << Ran::all().output);
  for (const Claim& claim : study.claims) {
    const auto found = seen.find(claim.text.id);
    if (found == seen.end()) continue;
    const std::string& is = found->second.verdict;
    BOOST_TEST((is == name(claim.text.expected) || is == name(Verdict::Is::reported)),
               study.name << ": " << found->second.row);
  }
}

// A row of the map: what a source claims, and the claims of studies that answer it, with their verdicts.
struct Row {
  std::string id;
  struct Answer {
    std::string study, claim, verdict;
  };
  std::vector<Answer> answers;
  std::vector<std::string> links;  // targets, from docs
};

std::vector<Row> map_of_claims() {
  std::ifstream in(EBB_SOURCE_DIR "/docs/weight-decay-map.md");
  BOOST_REQUIRE(in.good());
  std::vector<Row> out;
  const std::regex row(R"(^\| ([ABDGH][0-9]+) \|.*\| (\[`[^|]*) \| ([^|]*) \|$)"),
      study(R"(\[`([a-z_]+)`\]\(([^)]*)\)([^\[]*))"), figure(R"(\[[^\]]*\]\(([^)]*)\))"),
      answer(R"(([0-9]+) (confirmed|refuted|undecided|reported|not run))");
  std::smatch found;
  for (std::string line; std::getline(in, line);) {
    if (!std::regex_match(line, found, row)) {
      BOOST_TEST(!std::regex_search(line, std::regex(R"(^\| [ABDGH][0-9])")), "a row without answers: " << line);
      continue;
    }
    Row one{found[1], {}, {}};
    const std::string cell = found[2], figures = found[3];
    for (std::sregex_iterator s(cell.begin(), cell.end(), study), end; s != end; ++s) {
      one.links.push_back((*s)[2]);
      const std::string claims = (*s)[3];
      for (std::sregex_iterator a(claims.begin(), claims.end(), answer); a != end; ++a)
        one.answers.push_back({(*s)[1], (*a)[1], (*a)[2]});
    }
    for (std::sregex_iterator f(figures.begin(), figures.end(), figure), end; f != end; ++f)
      one.links.push_back((*f)[1]);
    BOOST_TEST(!one.answers.empty(), line);
    out.push_back(one);
  }
  return out;
}

// A page of docs/studies; empty where there is none.
std::string page_in_docs(const std::string& study) {
  return test::read(std::filesystem::path(EBB_SOURCE_DIR) / "docs" / "studies" / (study + ".md"));
}

// The verdicts on a page of docs/studies by the number of the claim.
std::map<std::string, std::string> verdicts_on_page(const std::string& study) {
  std::istringstream in(page_in_docs(study));
  const std::regex row(R"(^\| ([0-9]+): .*\| (confirmed|refuted|undecided|reported)[^|]*\| [^|]*\|$)");
  std::map<std::string, std::string> out;
  std::smatch found;
  for (std::string line; std::getline(in, line);)
    if (std::regex_match(line, found, row)) out[found[1]] = found[2];
  return out;
}

// The numbers that stand beside a page.
Results results_in_docs(const Study& study) {
  std::ifstream in(EBB_SOURCE_DIR "/docs/studies/" + study.name + ".csv");
  BOOST_REQUIRE_MESSAGE(in.good(), study.name << " has no results in docs/studies");
  std::map<std::pair<std::string, std::uint64_t>, std::vector<Measured>> trials;
  std::string line, arm, pair, measure, step, value;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    for (std::string* const field : {&arm, &pair, &measure, &step, &value}) std::getline(fields, *field, ',');
    trials[{arm, std::stoull(pair)}].push_back(
        {.measure = measure, .step = step.empty() ? -1 : std::stoll(step), .value = std::stod(value)});
  }
  Results out(study.factors);
  for (const Arm& one : arms_of(study))
    for (const auto& [place, numbers] : trials)
      if (place.first == arm_text(one)) out.add(one, place.second, restored(numbers));
  return out;
}

BOOST_AUTO_TEST_SUITE(studies_show)

// `study show` says of which claims a study expects that they fail.
BOOST_AUTO_TEST_CASE(showing_a_study_says_which_claims_are_expected_to_be_refuted) {
  int told = 0;
  for (const Study& study : built_in_studies()) {
    const std::string shown = test::ebb("study show " + study.name).output;
    std::istringstream lines(shown.substr(shown.find("\nclaim ") + 1));
    std::string line;
    std::getline(lines, line);
    const std::size_t column = line.find("expected");
    bool any = false;
    for (const Claim& claim : study.claims) {
      std::getline(lines, line);
      BOOST_TEST(line.starts_with(claim.text.id), study.name << ": " << line);
      const bool refuted = claim.kind != Claim::Kind::estimate && claim.text.expected == Verdict::Is::refuted;
      BOOST_TEST((column != std::string::npos && line.find("refuted", column) == column) == refuted,
                 study.name << ": " << line);
      any = any || (claim.kind != Claim::Kind::estimate && claim.text.expected != Verdict::Is::confirmed);
      told += refuted ? 1 : 0;
    }
    BOOST_TEST((column != std::string::npos) == any, study.name);
  }
  BOOST_TEST(told > 0);
}

BOOST_AUTO_TEST_CASE(every_study_is_sound_and_what_it_foresees_holds) {
  for (const Study& study : built_in_studies()) {
    require_sound(study);
    if (study.least_tier <= Tier::T1 && chosen(study.name)) require_verdicts_as_expected(study);
  }
}

BOOST_AUTO_TEST_CASE(all_of_them_together_take_less_than_three_minutes) {
  BOOST_TEST(Ran::all().minutes < (test::instrumented ? 15 : 3));
}

BOOST_AUTO_TEST_CASE(the_map_has_the_verdicts_of_the_studies) {
  if (!judged) return;
  std::map<std::string, Judgement> verdict_of;
  std::set<std::string> answered, listed;
  for (const Study& study : built_in_studies()) {
    for (const auto& [claim, judgement] : verdicts(study)) verdict_of[study.name + ' ' + claim] = judgement;
    for (const Claim& claim : study.claims)
      for (const std::string& source : claim.text.answers)
        answered.insert(source + ": " + study.name + ' ' + claim.text.id);
  }
  BOOST_TEST((!verdict_of.empty() || !only_study().empty()));
  for (const Row& row : map_of_claims())
    for (const Row::Answer& answer : row.answers) {
      const std::string key = answer.study + ' ' + answer.claim, line = row.id + ": " + key;
      BOOST_TEST(listed.insert(line).second, line << " stands twice");
      BOOST_TEST(answered.contains(line), line << ": no such claim, or it does not answer " << row.id);
      const auto found = verdict_of.find(key);
      if (found != verdict_of.end()) {
        BOOST_TEST(answer.verdict == found->second.verdict, line << " is " << found->second.row);
        continue;
      }
      // Of another tier: the page has it, which is held to its numbers below.
      const std::map<std::string, std::string> page = verdicts_on_page(answer.study);
      const auto on_page = page.find(answer.claim);
      if (on_page != page.end()) BOOST_TEST(answer.verdict == on_page->second, line << " is " << on_page->second);
      else BOOST_TEST(answer.verdict == "not run", line << " is on no page");
    }
  for (const std::string& line : answered) BOOST_TEST(listed.contains(line), line << " is missing in the map");
}

// Links lead to the page of every study that a row names, and to figures that stand on these pages.
BOOST_AUTO_TEST_CASE(the_map_links_each_claim_to_the_pages_and_to_a_figure_of_its_studies) {
  const std::vector<Row> rows = map_of_claims();
  BOOST_TEST(rows.size() == 65u);
  for (const Row& row : rows) {
    std::set<std::string> named;
    std::string pages;
    for (const Row::Answer& answer : row.answers)
      if (named.insert(answer.study).second) pages += page_in_docs(answer.study);
    std::size_t figures = 0;
    for (const std::string& link : row.links) {
      BOOST_TEST(std::filesystem::is_regular_file(std::filesystem::path(EBB_SOURCE_DIR) / "docs" / link),
                 row.id << " links to " << link << ", which is not there");
      if (link.ends_with(".md")) {
        BOOST_TEST(named.erase(std::filesystem::path(link).stem()) == 1u, row.id << " links to " << link);
        continue;
      }
      ++figures;
      const std::string on_page = text("](", std::filesystem::path(link).filename().string(), ')');
      BOOST_TEST(test::has(pages, on_page), row.id << ": " << link << " is on no page of its studies");
    }
    BOOST_TEST(named.empty(), row.id << " does not link to the page of " << (named.empty() ? "" : *named.begin()));
    BOOST_TEST(figures > 0u, row.id << " has no figure");
  }
}

// E1 to E35 and W1 to W14: an answer is rows that are there, verdicts as they stand on pages, links that lead
// somewhere.
BOOST_AUTO_TEST_CASE(the_map_says_of_every_correction_where_it_is_answered) {
  std::set<std::string> rows, numbers;
  for (const Row& row : map_of_claims()) rows.insert(row.id);
  const std::string map = test::read(EBB_SOURCE_DIR "/docs/weight-decay-map.md");
  const std::regex row(R"(^\| ([EW][0-9]+) \| .* \| ([^|]*) \|$)"), id(R"(\b[ABDGH][0-9]+\b)"),
      link(R"(\[([^\]]*)\]\(([^)#]*)[^)]*\)([^\[]*))"), answer(R"(([0-9]+) (confirmed|refuted|undecided|reported))");
  const std::sregex_iterator end;
  std::istringstream lines(map);
  std::smatch found;
  for (std::string line; std::getline(lines, line);) {
    if (!std::regex_match(line, found, row)) continue;
    const std::string number = found[1], cell = found[2];
    BOOST_TEST(numbers.insert(number).second, number << " stands twice");
    int answers = 0;
    for (std::sregex_iterator i(cell.begin(), cell.end(), id); i != end; ++i, ++answers)
      BOOST_TEST(rows.contains(i->str()), number << " is answered by " << i->str() << ", which is no row");
    for (std::sregex_iterator i(cell.begin(), cell.end(), link); i != end; ++i, ++answers) {
      const std::filesystem::path target((*i)[2].str());
      BOOST_TEST(std::filesystem::is_regular_file(EBB_SOURCE_DIR / ("docs" / target)), number << ": " << target);
      const std::string claims = (*i)[3];
      std::map<std::string, std::string> page;
      if (target.parent_path() == "studies") page = verdicts_on_page(target.stem());
      for (std::sregex_iterator a(claims.begin(), claims.end(), answer); a != end; ++a)
        BOOST_TEST(page[(*a)[1]] == (*a)[2].str(), number << ": " << target.stem() << ' ' << a->str());
    }
    BOOST_TEST(answers > 0, number << " has no answer");
  }
  for (const auto& [letter, last] : {std::pair{'E', 35}, {'W', 14}})
    for (int n = 1; n <= last; ++n)
      BOOST_TEST(numbers.contains(text(letter, n)), text(letter, n) << " is missing in the map");
}

BOOST_AUTO_TEST_CASE(pages_in_docs_have_the_verdicts_of_the_studies) {
  for (const Study& study : built_in_studies()) {
    const std::map<std::string, std::string> page = verdicts_on_page(study.name);
    if (page.empty() && study.least_tier > Tier::T1) continue;  // takes minutes, and was not run yet
    BOOST_TEST(!page.empty(), study.name << " has no page in docs/studies: ebb study report " << study.name);
    std::string named = study.name;
    for (std::size_t at = 0; (at = named.find('_', at)) != std::string::npos; at += 2) named.insert(at, 1, '\\');
    BOOST_TEST(page_in_docs(study.name).find("| command | ebb study run " + named) != std::string::npos,
               study.name << ": its page names another program: make it with one called ebb");
    const std::map<std::string, Judgement> seen = verdicts(study);
    if (seen.empty()) continue;  // of another tier
    for (const auto& [id, judgement] : seen) {
      const auto row = page.find(id);
      BOOST_REQUIRE_MESSAGE(row != page.end(), study.name << ' ' << id << " is not in docs/studies");
      BOOST_TEST(row->second == judgement.verdict, study.name << ' ' << id);
    }
    BOOST_TEST(page.size() == study.claims.size(), study.name);
  }
}

// A bound that is changed after the run makes another declaration.
BOOST_AUTO_TEST_CASE(pages_in_docs_are_of_the_studies_as_they_are_declared) {
  int told = 0;
  for (const Study& study : built_in_studies()) {
    const std::string page = page_in_docs(study.name);
    if (page.empty() && study.least_tier > Tier::T1) continue;
    const std::string revision =
        text("| revision | version ", study.version, ", declaration ", study_revision(study).substr(0, 12));
    BOOST_TEST(page.find(revision) != std::string::npos,
               study.name << ": its page is of another declaration: ebb study run, ebb study report " << study.name);
    ++told;
  }
  BOOST_TEST(told >= 7);
}

BOOST_AUTO_TEST_CASE(pages_in_docs_are_what_their_results_give) {
  for (const Study& study : built_in_studies()) {
    const std::map<std::string, std::string> page = verdicts_on_page(study.name);
    if (page.empty() && study.least_tier > Tier::T1) continue;
    const Results results = results_in_docs(study);
    for (const Judged& one : judge(study.claims, results, study.tier)) {
      const auto row = page.find(one.claim->text.id);
      BOOST_REQUIRE_MESSAGE(row != page.end(), study.name << ' ' << one.claim->text.id << " is not in docs/studies");
      BOOST_TEST(row->second == ebb::name(one.verdict.is), study.name << ' ' << one.claim->text.id);
    }
  }
}

BOOST_AUTO_TEST_CASE(threads_change_no_bit_of_the_results) {
  for (const Study& study : built_in_studies()) {
    if (study.name != "symmetries" || !chosen(study.name))
      continue;  // it has convolutions, norms and every optimizer, and is short
    const std::string alone = test::read(Ran::all().of(study) / "results.csv");  // workers have one thread each
    BOOST_TEST(!alone.empty());
    const test::Threads three(3);
    BOOST_TEST((results_of(study).csv() == alone), study.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(studies_with_threads_slow)

// Of every study whose data are there; with one job and two see study_runner_slow.
BOOST_AUTO_TEST_CASE(no_study_has_other_bits_with_two_threads_than_with_one) {
  int compared = 0;
  for (const Study& study : built_in_studies()) {
    const StudyData data({}, study.data);
    if (study.least_tier > Tier::T1 || !data.missing().empty()) continue;
    const std::string alone = test::read(Ran::all().of(study) / "results.csv");  // workers have one thread each
    BOOST_TEST(!alone.empty(), study.name);
    const test::Threads two(2);
    BOOST_TEST((results_of(study, &data).csv() == alone), study.name);
    ++compared;
  }
  BOOST_TEST(compared >= 7);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
