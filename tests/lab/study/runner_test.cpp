// The runner of studies as a program: killed, spoiled, hindered, it ends in the same bytes or says what is wrong.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <set>
#include <sstream>

#include "framework/tensor/random.h"
#include "tests/lab/study/study_program.h"
#include "tests/support/instrumented.h"
#include "tests/support/mutate.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::read;
using test::results_in;
using test::studies;
using test::TemporaryDirectory;

std::string out_of(const fs::path& path) { return " --out " + path.string(); }

// A whole run, which all others are compared with.
const std::string& whole_results() {
  static const std::string results = [] {
    const TemporaryDirectory folder;
    const Finished run = studies("run small --jobs 1" + out_of(folder.path()));
    BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
    return results_in(folder.path());
  }();
  return results;
}

std::set<std::string> trials_in(const fs::path& out) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(out / "small" / "trials")) names.insert(entry.path().filename());
  return names;
}

// Kills runs, each a little later than the one before, until there were so many; then lets one end.
void kill_and_compare(int kills, std::uint64_t seed) {
  const TemporaryDirectory folder;
  int killed = 0, with_trials = 0;
  std::uint64_t longest = test::instrumented ? 600 : 120;  // milliseconds; more where the machine is busy
  test::Dice dice(seed);
  for (int attempt = 0; killed < kills || with_trials == 0; ++attempt) {
    BOOST_REQUIRE(attempt < 10 * kills);
    if (test::kill_a_run(folder.path(), 10 + static_cast<int>(dice.below(longest)))) ++killed;
    else fs::remove_all(folder / "small");  // it came to its end
    if (with_trials == 0) longest += longest / 4;
    if (fs::exists(folder / "small" / "trials") && !trials_in(folder.path()).empty()) ++with_trials;
  }
  BOOST_TEST(with_trials > 0);
  const Finished run = studies("run small --jobs 2" + out_of(folder.path()));
  BOOST_TEST(run.status == 0, run.output);
  BOOST_TEST((results_in(folder.path()) == whole_results()));
  for (const std::string& name : trials_in(folder.path())) BOOST_TEST(!has(name, ".tmp-"), name);
}

BOOST_AUTO_TEST_SUITE(study_runner)

// So that leaks in them are found, and what they ran is counted.
BOOST_AUTO_TEST_CASE(idle_workers_end_as_programs_do_or_are_ended) {
  const TemporaryDirectory folder;
  const Finished run = studies("run small --jobs 2" + out_of(folder.path()), "STUDY_LEAVES='with a word'");
  BOOST_TEST(run.status == 0, run.output);
  int left = 0;
  std::istringstream lines(run.output);
  for (std::string line; std::getline(lines, line);) left += line == "a worker leaves" ? 1 : 0;
  BOOST_TEST(left == 2, run.output);
  const TemporaryDirectory again;
  const Finished stopped = studies("run small --jobs 2" + out_of(again.path()), "STUDY_LEAVES=never");
  BOOST_TEST(stopped.status == 0, stopped.output);
  BOOST_TEST((results_in(again.path()) == whole_results()));
}

BOOST_AUTO_TEST_CASE(bytes_do_not_depend_on_jobs_and_threads) {
  BOOST_TEST(has(whole_results(), "factor=3; kind=y,8,course,29,"));
  BOOST_TEST(has(whole_results(), ",diverged,,nan\n"));
  BOOST_TEST(has(whole_results(), ",diverged,,inf\n"));
  for (const char* const how : {"--jobs 2", "--jobs 5"}) {
    const TemporaryDirectory folder;
    const Finished run = studies(text("run small ", how, out_of(folder.path())), "EBB_THREADS=3");
    BOOST_TEST(run.status == 0, run.output);
    BOOST_TEST((results_in(folder.path()) == whole_results()));
    BOOST_TEST(has(run.output, "small: 48 trials, 48 of them made now"));
    BOOST_TEST(has(run.output, "a study may print"));
    BOOST_TEST(has(studies("run small" + out_of(folder.path())).output, "48 trials, 0 of them made now"));
  }
}

BOOST_AUTO_TEST_CASE(killed_runs_are_continued_to_the_same_bytes) { kill_and_compare(3, 1); }

BOOST_AUTO_TEST_CASE(fewer_pairs_are_taken_from_the_same_trials) {
  const TemporaryDirectory folder;
  BOOST_TEST(studies("run small --pairs 5-6" + out_of(folder.path())).status == 0);
  const std::string two = results_in(folder.path());
  BOOST_TEST(has(two, ",6,course,"));
  BOOST_TEST(!has(two, ",4,course,"));
  const Finished rest = studies("run small" + out_of(folder.path()));
  BOOST_TEST(has(rest.output, "48 trials, 36 of them made now"), rest.output);
  BOOST_TEST((results_in(folder.path()) == whole_results()));
  for (const char* const pairs : {"0", "x", "3-2", "1-", "-1", "1.5", "99999", "1e300"})
    BOOST_TEST(studies(text("run small --pairs=", pairs, out_of(folder.path()))).status != 0, pairs);
}

BOOST_AUTO_TEST_CASE(another_declaration_makes_trials_stale) {
  const TemporaryDirectory folder;
  BOOST_TEST(studies("run small" + out_of(folder.path())).status == 0);
  const Finished run = studies("run small" + out_of(folder.path()), "STUDY_VERSION=2");
  BOOST_TEST(run.status == 0, run.output);
  BOOST_TEST(has(run.output, "48 trials: arm-0000.pair-1, arm-0000.pair-2, arm-0000.pair-3 ...: made of another"));
  BOOST_TEST(has(run.output, "48 of them made now"));
  BOOST_TEST((results_in(folder.path()) == whole_results()));
  // A page is not made of stale trials.
  const Finished report = studies(text("report small --runs ", folder.path().string(), out_of(folder / "pages")));
  BOOST_TEST(report.status == 1);
  BOOST_TEST(has(report.output, "48 trials that are not there or are stale"), report.output);
  BOOST_TEST(!fs::exists(folder / "pages"));
  BOOST_TEST(has(studies("run small --fresh" + out_of(folder.path()), "STUDY_VERSION=2").output, "48 of them made"));
}

BOOST_AUTO_TEST_CASE(damaged_trials_are_named_and_made_again) {
  const TemporaryDirectory folder;
  BOOST_TEST(studies("run small" + out_of(folder.path())).status == 0);
  const fs::path trials = folder / "small" / "trials";
  const std::string sound = read(trials / "arm-0000.pair-1");
  std::vector<std::string> contents{"",
                                    "\n",
                                    sound.substr(0, sound.size() / 2),
                                    sound + "x",
                                    sound + sound,
                                    std::string(1000, '\0'),
                                    "ebb trial 1\n",
                                    read(folder / "small" / "study.json"),
                                    read(trials / "arm-0005.pair-7")};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    test::Bytes bytes = test::bytes_of(sound);
    test::Dice dice(seed);
    test::mutate_bytes(bytes, dice);
    if (test::text_of(bytes) != sound) contents.push_back(test::text_of(bytes));
  }
  // All at once, each in the place of another trial.
  std::vector<std::string> names;
  for (const std::string& name : trials_in(folder.path())) names.push_back(name);
  BOOST_REQUIRE(contents.size() < names.size());
  for (std::size_t i = 0; i < contents.size(); ++i) test::put_file(trials / names[i], contents[i]);
  test::put_file(trials / "notes.txt", "mine");
  const Finished run = studies("run small" + out_of(folder.path()));
  BOOST_TEST(run.status == 0, run.output);
  BOOST_TEST(has(run.output, text(contents.size(), " of them made now")), run.output);
  for (std::size_t i = 0; i < contents.size(); ++i) BOOST_TEST(has(run.output, names[i]), names[i]);
  BOOST_TEST((results_in(folder.path()) == whole_results()));
  BOOST_TEST(read(trials / "notes.txt") == "mine");
}

BOOST_AUTO_TEST_CASE(what_is_no_file_in_the_place_of_a_trial_is_refused_by_name) {
  const TemporaryDirectory folder;
  const fs::path trials = folder / "small" / "trials";
  fs::create_directories(trials);
  test::put_file(folder / "target", "not to be touched");
  for (const int kind : {0, 1, 2}) {
    const fs::path place = trials / "arm-0002.pair-3";
    if (kind == 0) fs::create_symlink(folder / "target", place);
    if (kind == 1) fs::create_directory(place);
    if (kind == 2) BOOST_REQUIRE(::mkfifo(place.c_str(), 0600) == 0);
    const Finished run = studies("run small" + out_of(folder.path()));
    BOOST_TEST(run.status == 1, run.output);
    BOOST_TEST(has(run.output, "arm-0002.pair-3"), run.output);
    fs::remove(place);
  }
  BOOST_TEST(read(folder / "target") == "not to be touched");
}

BOOST_AUTO_TEST_CASE(a_directory_in_use_is_left_alone) {
  const TemporaryDirectory folder;
  fs::create_directories(folder / "small");
  const int lock = ::open((folder / "small" / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  BOOST_REQUIRE(::flock(lock, LOCK_EX) == 0);
  const Finished run = studies("run small" + out_of(folder.path()));
  ::close(lock);
  BOOST_TEST(run.status == 1);
  BOOST_TEST(has(run.output, "is using"), run.output);
  BOOST_TEST(!fs::exists(folder / "small" / "study.json"));
}

BOOST_AUTO_TEST_CASE(a_trial_that_fails_is_named_and_the_others_are_kept) {
  for (const auto& [how, words] : {std::pair{"STUDY_ABORTS", "SIGABRT"}, std::pair{"STUDY_EXITS", "status 7"},
                                   std::pair{"STUDY_THROWS", "got a fault; wanted none"}}) {
    const TemporaryDirectory folder;
    const Finished run =
        studies("run small --jobs 2" + out_of(folder.path()), text(how, "='factor=2; kind=y, pair 4'"));
    BOOST_TEST(run.status == 1, run.output);
    BOOST_TEST(has(run.output, "factor=2; kind=y, pair 4: "), run.output);
    BOOST_TEST(has(run.output, "the trials that were made are kept"), run.output);
    BOOST_TEST(has(run.output, words), run.output);
    BOOST_TEST(!has(run.output, "\x1b"));
    BOOST_TEST(trials_in(folder.path()).size() == 47u);
    BOOST_TEST(!fs::exists(folder / "small" / "results.csv"));
    const Finished again = studies("run small" + out_of(folder.path()));
    BOOST_TEST(has(again.output, "48 trials, 1 of them made now"), again.output);
    BOOST_TEST((results_in(folder.path()) == whole_results()));
  }
}

BOOST_AUTO_TEST_CASE(a_check_finds_other_bytes) {
  const TemporaryDirectory folder;
  BOOST_TEST(studies("check small" + out_of(folder.path())).status == 1);
  BOOST_TEST(studies("run small" + out_of(folder.path())).status == 0);
  for (int i = 0; i < 3; ++i) BOOST_TEST(studies("check small" + out_of(folder.path())).status == 0);
  const Finished other = studies("check small" + out_of(folder.path()), "STUDY_DRIFTS=yes");
  BOOST_TEST(other.status == 1);
  BOOST_TEST(has(other.output, "other numbers than arm-"), other.output);
}

BOOST_AUTO_TEST_CASE(forty_trials_again_with_other_threads_have_the_same_bytes) {
  const TemporaryDirectory folder;
  BOOST_TEST(studies("run small" + out_of(folder.path())).status == 0);
  const Finished check = studies("check small --trials 40 --runs " + folder.path().string(), "EBB_THREADS=3");
  BOOST_TEST(check.status == 0, check.output);
  BOOST_TEST(has(check.output, "small: 40 trials again, the same bytes"), check.output);
  const Finished other = studies("check small --trials 40" + out_of(folder.path()), "STUDY_DRIFTS=yes");
  BOOST_TEST(other.status == 1);
  // Drawn anew each time: of 48 trials some 27 are named, each once.
  std::set<std::string> named;
  for (std::size_t at = 0; (at = other.output.find("than arm-", at)) != std::string::npos; ++at) {
    const std::string name = other.output.substr(at + 5, other.output.find(" has", at) - at - 5);
    BOOST_TEST(named.insert(name).second, name);
  }
  BOOST_TEST(named.size() > 10u);
  for (const char* const trials : {"0", "-1", "x", "1e9"})
    BOOST_TEST(studies(text("check small --trials=", trials, out_of(folder.path()))).status != 0, trials);
}

BOOST_AUTO_TEST_CASE(all_is_every_study_and_a_study_is_taken_once) {
  const TemporaryDirectory folder;
  const Finished run = studies("run wrong all doubted --tier t0" + out_of(folder.path()));
  BOOST_TEST(run.status == 3, run.output);
  for (const char* const name : {"small: 48 trials", "wrong: 1 trial,", "doubted: 1 trial,"}) {
    const std::size_t first = run.output.find(name);
    BOOST_REQUIRE(first != std::string::npos);
    BOOST_TEST(run.output.find(name, first + 1) == std::string::npos, name);
  }
  BOOST_TEST(!has(run.output, "needy"));  // it is of T2
  BOOST_TEST(has(studies("show all").output, "A study that needs data"));
}

BOOST_AUTO_TEST_CASE(what_was_expected_to_be_refuted_leaves_the_status_0_and_what_was_not_does_not) {
  const TemporaryDirectory folder;
  const Finished foreseen = studies("run doubted" + out_of(folder.path()));
  BOOST_TEST(foreseen.status == 0, foreseen.output);
  BOOST_TEST(has(foreseen.output, "refuted"), foreseen.output);
  BOOST_TEST(has(read(folder / "doubted" / "report.html"), "<b>refuted</b>, as expected"));
  const Finished other = studies("run doubted --fresh" + out_of(folder.path()), "STUDY_ONE=0");
  BOOST_TEST(other.status == 3, other.output);
  BOOST_TEST(has(read(folder / "doubted" / "report.html"), "<b>confirmed</b>, not as expected"));
}

BOOST_AUTO_TEST_CASE(refuted_identities_set_the_exit_status_and_refuted_comparisons_do_not) {
  const TemporaryDirectory folder;
  const Finished wrong = studies("run wrong" + out_of(folder.path()));
  BOOST_TEST(wrong.status == 3, wrong.output);
  BOOST_TEST(has(wrong.output, "refuted"));
  BOOST_TEST(has(read(folder / "wrong" / "report.html"), "<b>refuted</b>, not as expected"));
  BOOST_TEST(studies("run small wrong" + out_of(folder.path())).status == 3);
  BOOST_TEST(has(read(folder / "small" / "verdicts.csv"), "\"3\",comparison,refuted,"));
  const std::string page = read(folder / "small" / "report.html");
  BOOST_TEST(has(page, "<b>refuted</b>"));
  BOOST_TEST(has(page, "<b>confirmed</b>"));
}

BOOST_AUTO_TEST_CASE(a_smaller_tier_has_a_directory_of_its_own) {
  const TemporaryDirectory folder;
  BOOST_TEST(studies("run --tier T0" + out_of(folder.path())).status == 3);  // wrong is of T0, and all are run
  BOOST_TEST(fs::exists(folder / "small-T0" / "results.csv"));
  BOOST_TEST(!fs::exists(folder / "small"));
  const Finished refused = studies("run needy --tier T1" + out_of(folder.path()));
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(has(refused.output, "T2 or more"), refused.output);
  BOOST_TEST(has(studies("list --tier T0").output, "small"));
  BOOST_TEST(!has(studies("list --tier T0").output, "needy"));
}

BOOST_AUTO_TEST_CASE(studies_whose_data_are_missing_are_skipped_with_a_message) {
  const TemporaryDirectory folder;
  const std::string nowhere = text("EBB_DATA=", (folder / "nothing").string());
  const Finished run = studies("run needy" + out_of(folder.path()), nowhere);
  BOOST_TEST(run.status == 77, run.output);
  BOOST_TEST(has(run.output, "needy: skipped: "), run.output);
  BOOST_TEST(has(run.output, "mnist"));
  BOOST_TEST(studies("run needy wrong" + out_of(folder.path()), nowhere).status == 3);
  BOOST_TEST(!fs::exists(folder / "needy"));
  const Finished check = studies("check needy" + out_of(folder.path()), nowhere);
  BOOST_TEST(check.status == 77, check.output);
  BOOST_TEST(has(check.output, "needy: skipped: "), check.output);
  BOOST_TEST(studies("check needy wrong" + out_of(folder.path()), nowhere).status == 0);
}

BOOST_AUTO_TEST_CASE(studies_find_their_data_and_keep_to_them) {
  const TemporaryDirectory folder;
  const test::SmallData data(300);
  const std::string at = " --data " + (data.root / "data").string();
  const Finished run = studies("run needy --jobs 1" + at + out_of(folder.path()));
  BOOST_TEST(run.status == 0, run.output);
  BOOST_TEST(has(results_in(folder.path(), "needy"), ",images,,75\n"));  // all of the test set
  // Other data, other results: the trial is stale.
  test::write_idx(data.root / "data", "t10k", 60, Rng(3));
  const Finished other = studies("run needy --jobs 1" + at + out_of(folder.path()));
  BOOST_TEST(has(other.output, "made of another declaration, data or build"), other.output);
  BOOST_TEST(has(results_in(folder.path(), "needy"), ",images,,60\n"));
}

BOOST_AUTO_TEST_CASE(names_and_options_that_are_wrong_get_a_sentence) {
  const TemporaryDirectory folder;
  BOOST_TEST(has(studies("run smal" + out_of(folder.path())).output, "did you mean \"small\"?"));
  for (const char* const arguments : {"run", "run small --jobs 0", "run small --jobs 99999", "run small --tier T9",
                                      "worker", "worker a b c d e", "worker small T1 key /nowhere data", "show nothing",
                                      "report small --runs /nowhere", "check small --out /nowhere", "nothing"}) {
    const Finished run = studies(arguments);
    BOOST_TEST((run.status > 0 && run.status < 128), arguments << ": " << run.output);
    BOOST_TEST(!run.output.empty(), arguments);
  }
  BOOST_TEST(has(studies("show small").output, "twice is more"));
}

// Descriptors that are closed would be those of the next files that are opened, or of a worker's socket.
BOOST_AUTO_TEST_CASE(standard_streams_that_are_closed_or_full_take_nothing_into_a_study) {
  for (const char* const streams : {">&-", "2>&-", "<&-", ">&- 2>&- <&-", ">/dev/full"}) {
    const TemporaryDirectory folder;
    const std::string run = text("PATH=/nowhere ", EBB_STUDY_PROGRAM, " run small --jobs 2", out_of(folder.path()));
    const Finished done = test::shell(text("(", run, ' ', streams, ")"));
    BOOST_TEST(done.status == (std::string(streams) == ">/dev/full" ? 1 : 0), streams << ": " << done.output);
    BOOST_TEST((results_in(folder.path()) == whole_results()), streams);
    for (const auto& entry : fs::recursive_directory_iterator(folder / "small"))
      for (const char* const said : {"a study may print", "of them made now"})
        if (entry.is_regular_file()) BOOST_TEST(!has(read(entry.path()), said), streams << entry.path());
  }
}

BOOST_AUTO_TEST_CASE(the_program_ebb_has_the_same_commands) {
  BOOST_TEST(test::ebb("study list").status == 0);
  const Finished run = test::ebb("study run nothing-of-this-name");
  BOOST_TEST(run.status == 1);
  BOOST_TEST(has(run.output, "nothing-of-this-name"), run.output);
  const Finished other_case = test::ebb("study show Layer-Norm");
  BOOST_TEST(other_case.status == 0, other_case.output);
  BOOST_TEST(has(other_case.output, "Decay in front of a layer norm"), other_case.output);
  const Finished worker = test::ebb("study worker");
  BOOST_TEST(worker.status == 1);
  BOOST_TEST(has(worker.output, "[worker]"), worker.output);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(study_runner_slow)

BOOST_AUTO_TEST_CASE(twenty_kills_at_random_moments_change_no_byte) { kill_and_compare(20, 2); }

// The studies of the program themselves, as a user runs them.
BOOST_AUTO_TEST_CASE(all_studies_of_the_program_end_in_the_same_bytes_with_one_job_and_two_and_again) {
  const TemporaryDirectory folder;
  const fs::path one = folder / "one", two = folder / "two";
  const Finished alone = test::ebb("study run --tier T1 --jobs 1 --out " + one.string());
  BOOST_TEST(alone.status == 0, alone.output);
  BOOST_TEST(test::ebb("study run --tier T1 --jobs 2 --out " + two.string()).status == 0);
  int count = 0;
  for (const auto& entry : fs::directory_iterator(one)) {
    const std::string name = entry.path().filename();
    for (const char* const file : {"results.csv", "verdicts.csv"})
      BOOST_TEST((!read(one / name / file).empty() && read(one / name / file) == read(two / name / file)), name);
    ++count;
  }
  BOOST_TEST(count >= 7);
  const Finished check = test::ebb("study check --tier T1 --trials 6 --out " + two.string());
  BOOST_TEST(check.status == 0, check.output);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
