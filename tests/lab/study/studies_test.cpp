// The studies of lab/studies at T0 and T1, run and judged as the program does it, and docs/weight-decay-map.md, whose
// verdicts must be theirs.
#include "lab/studies/studies.h"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "lab/study/runner.h"
#include "tests/lab/program.h"
#include "tests/support/instrumented.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

// Under sanitizers each arm is run once: its code is looked at, and nothing is judged.
constexpr bool judged = !test::instrumented;

Results results_of(const Study& study) {
  Results results(study.factors);
  for (const Arm& arm : arms_of(study))
    for (std::int64_t pair = 1; pair <= (judged ? study.pairs : 1); ++pair) {
      const Trial trial{.arm = arm, .pair = static_cast<std::uint64_t>(pair), .tier = Tier::T1};
      Record record;
      study.run(trial, record);
      results.add(arm, trial.pair, record);
    }
  return results;
}

// What the program makes of all studies at T1, once.
struct Ran {
  Ran() {
    const auto begin = std::chrono::steady_clock::now();
    output = test::ebb(text("study run --tier T1 --jobs 2 ", judged ? "" : "--pairs 1 ", "--out ", out.path().string()))
                 .output;
    minutes = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / 60;
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
  double minutes = 0;
};

struct Judgement {
  std::string verdict;
  std::string row;  // of verdicts.csv
};

// The verdicts of a study's claims at T1 by id; none where its data are not there.
std::map<std::string, Judgement> verdicts(const Study& study) {
  std::map<std::string, Judgement> out;
  if (!judged) return out;
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
};

std::vector<Row> map_of_claims() {
  std::ifstream in(EBB_SOURCE_DIR "/docs/weight-decay-map.md");
  BOOST_REQUIRE(in.good());
  std::vector<Row> out;
  const std::regex row(R"(^\| ([ABDGH][0-9]+) \|.*\| (`[^|]*) \|$)"), study(R"(`([a-z_]+)`([^`]*))"),
      answer(R"(([0-9]+) (confirmed|refuted|undecided|reported|not run))");
  std::smatch found;
  for (std::string line; std::getline(in, line);) {
    if (!std::regex_match(line, found, row)) {
      BOOST_TEST(!std::regex_search(line, std::regex(R"(^\| [ABDGH][0-9])")), "a row without answers: " << line);
      continue;
    }
    Row one{found[1], {}};
    const std::string cell = found[2];
    for (std::sregex_iterator s(cell.begin(), cell.end(), study), end; s != end; ++s) {
      const std::string claims = (*s)[2];
      for (std::sregex_iterator a(claims.begin(), claims.end(), answer); a != end; ++a)
        one.answers.push_back({(*s)[1], (*a)[1], (*a)[2]});
    }
    BOOST_TEST(!one.answers.empty(), line);
    out.push_back(one);
  }
  return out;
}

// The verdicts on a page of docs/studies by the number of the claim.
std::map<std::string, std::string> verdicts_on_page(const std::string& study) {
  std::ifstream in(EBB_SOURCE_DIR "/docs/studies/" + study + ".md");
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
  std::map<std::pair<std::string, std::uint64_t>, Record> records;
  std::string line, arm, pair, measure, step, value;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    for (std::string* const field : {&arm, &pair, &measure, &step, &value}) std::getline(fields, *field, ',');
    Record& record = records[{arm, std::stoull(pair)}];
    if (step.empty()) record.put(measure, std::stod(value));
    else record.put(measure, std::stoll(step), std::stod(value));
  }
  Results out(study.factors);
  for (const Arm& one : arms_of(study))
    for (const auto& [place, record] : records)
      if (place.first == arm_text(one)) out.add(one, place.second, record);
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
      any = any || refuted;
      told += refuted ? 1 : 0;
    }
    BOOST_TEST((column != std::string::npos) == any, study.name);
  }
  BOOST_TEST(told > 0);
}

BOOST_AUTO_TEST_CASE(every_study_is_sound_and_what_it_foresees_holds) {
  for (const Study& study : built_in_studies()) {
    require_sound(study);
    if (study.least_tier <= Tier::T1) require_verdicts_as_expected(study);
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
  BOOST_TEST(!verdict_of.empty());
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

BOOST_AUTO_TEST_CASE(pages_in_docs_have_the_verdicts_of_the_studies) {
  for (const Study& study : built_in_studies()) {
    const std::map<std::string, std::string> page = verdicts_on_page(study.name);
    if (page.empty() && study.least_tier > Tier::T1) continue;  // takes minutes, and was not run yet
    BOOST_TEST(!page.empty(), study.name << " has no page in docs/studies: ebb study report " << study.name);
    std::string named = study.name;
    for (std::size_t at = 0; (at = named.find('_', at)) != std::string::npos; at += 2) named.insert(at, 1, '\\');
    std::ifstream in(std::filesystem::path(EBB_SOURCE_DIR) / "docs" / "studies" / (study.name + ".md"));
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    BOOST_TEST(text.find("| command | ebb study run " + named) != std::string::npos,
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
    if (study.name != "symmetries") continue;  // it has convolutions, norms and every optimizer, and is short
    const std::string alone = test::read(Ran::all().of(study) / "results.csv");  // workers have one thread each
    BOOST_TEST(!alone.empty());
    const test::Threads three(3);
    BOOST_TEST((results_of(study).csv() == alone), study.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
