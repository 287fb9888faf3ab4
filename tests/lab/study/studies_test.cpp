// The studies of lab/studies at T0 and T1, run and judged as the program does it, and docs/weight-decay-map.md, whose
// verdicts must be theirs.
#include "lab/studies/studies.h"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "tests/support/tensors.h"

namespace ebb {
namespace {

Results results_of(const Study& study) {
  Results results(study.factors);
  for (const Arm& arm : arms_of(study))
    for (std::int64_t pair = 1; pair <= study.pairs; ++pair) {
      const Trial trial{.arm = arm, .pair = static_cast<std::uint64_t>(pair), .tier = Tier::T1};
      Record record;
      study.run(trial, record);
      results.add(arm, trial.pair, record);
    }
  return results;
}

// The verdicts of a study's claims at T1 by id; of each study once.
const std::map<std::string, Verdict>& verdicts(const std::string& name) {
  static std::map<std::string, std::map<std::string, Verdict>> known;
  if (known.contains(name)) return known[name];
  for (const Study& study : built_in_studies()) {
    if (study.name != name) continue;
    require_sound(study);
    const Results results = results_of(study);
    for (const Judged& one : judge(study.claims, results, Tier::T1)) {
      const ClaimText& claim = one.claim->text;
      BOOST_TEST_MESSAGE(name << ' ' << claim.id << ' ' << ebb::name(one.verdict.is) << ' '
                              << one.verdict.measured.estimate << " [" << one.verdict.measured.low << ", "
                              << one.verdict.measured.high << "], " << one.claim->prediction << "; "
                              << one.verdict.sentence << ": " << claim.statement);
      known[name][claim.id] = one.verdict;
    }
  }
  return known[name];
}

// Claims that nobody made before are predictions of ours: none may fail, and identities must have been told from their
// broken twins.
void require_own_claims_hold(const std::string& name) {
  const auto& seen = verdicts(name);
  BOOST_REQUIRE(!seen.empty());
  for (const Study& study : built_in_studies())
    if (study.name == name)
      for (const Claim& claim : study.claims) {
        const auto verdict = seen.find(claim.text.id);
        if (verdict == seen.end() || !claim.text.answers.empty()) continue;
        const bool holds = verdict->second.is == Verdict::Is::confirmed || verdict->second.is == Verdict::Is::reported;
        BOOST_TEST(holds, name << ' ' << claim.text.id << ", " << claim.text.statement << ": "
                               << ebb::name(verdict->second.is) << ' ' << verdict->second.measured.estimate << ", "
                               << verdict->second.sentence);
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

BOOST_AUTO_TEST_SUITE(studies_show)

BOOST_AUTO_TEST_CASE(every_study_is_sound_and_what_it_foresees_holds) {
  for (const Study& study : built_in_studies())
    if (study.least_tier <= Tier::T1) require_own_claims_hold(study.name);
}

BOOST_AUTO_TEST_CASE(the_map_has_the_verdicts_of_the_studies) {
  std::map<std::string, const Claim*> claims;
  const std::vector<Study> all = built_in_studies();
  std::set<std::string> answered, listed;
  for (const Study& study : all)
    for (const Claim& claim : study.claims) {
      claims[study.name + ' ' + claim.text.id] = &claim;
      for (const std::string& source : claim.text.answers)
        answered.insert(source + ": " + study.name + ' ' + claim.text.id);
    }
  for (const Row& row : map_of_claims())
    for (const Row::Answer& answer : row.answers) {
      const std::string key = answer.study + ' ' + answer.claim, line = row.id + ": " + key;
      BOOST_TEST(listed.insert(line).second, line << " stands twice");
      BOOST_TEST(answered.contains(line), line << ": no such claim, or it does not answer " << row.id);
      if (!claims.contains(key)) continue;
      const auto& seen = verdicts(answer.study);
      const auto verdict = seen.find(answer.claim);
      const std::string is = verdict == seen.end() ? answer.verdict : ebb::name(verdict->second.is);
      BOOST_TEST(answer.verdict == is, line << " is " << is << " and stands as " << answer.verdict);
    }
  for (const std::string& line : answered) BOOST_TEST(listed.contains(line), line << " is missing in the map");
}

BOOST_AUTO_TEST_CASE(threads_change_no_bit_of_the_results) {
  for (const Study& study : built_in_studies()) {
    if (study.name != "symmetries") continue;  // it has convolutions, norms and every optimizer, and is short
    test::Threads one(1);
    const std::string alone = results_of(study).csv();
    test::Threads three(3);
    BOOST_TEST((results_of(study).csv() == alone), study.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
