// Trainings on several processes, which a launcher of MPI starts.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/lab/mpi_job.h"
#include "tests/lab/program.h"
#include "tests/support/instrumented.h"

namespace ebb {
namespace {

using test::all_gone;
using test::cut;
using test::Finished;
using test::has;
using test::Job;
using test::Launcher;
using test::launchers;
using test::log_of;
using test::on;
using test::processes;
using test::run;
using test::SmallData;

namespace fs = std::filesystem;

// What the last of the processes has that the first has not, or the first ones have not.
struct Second {
  int others = 1;
  std::string environment = {};
  std::string program = EBB_PROGRAM;
};

// Two processes, or more, with different arguments for the last.
Finished run_two(const Launcher& launcher, const std::string& first, const std::string& second,
                 const Second& its = {}) {
  // By the rank's number: Debian 13's mpirun of Open MPI 5 crashes over two commands with a colon between them.
  return test::shell(text("timeout 300 ", launcher.command, its.others + 1,
                          " sh -c 'if [ \"${OMPI_COMM_WORLD_RANK:-$PMI_RANK}\" != ", its.others, " ]; then exec ",
                          EBB_PROGRAM, ' ', first, "; fi; exec env ", its.environment, ' ', its.program, ' ', second,
                          "'"));
}

// A program that does the same and has another checksum, beside its modules.
std::string another_build(const fs::path& folder) {
  fs::create_directories(folder);
  for (const auto& entry : fs::directory_iterator(fs::path(EBB_PROGRAM).parent_path()))
    if (entry.path().extension() == ".so") fs::create_symlink(entry.path(), folder / entry.path().filename());
  fs::copy_file(EBB_PROGRAM, folder / "ebb");
  std::ofstream(folder / "ebb", std::ios::app | std::ios::binary) << '.';
  return (folder / "ebb").string();
}

int count(const std::string& whole, const std::string& part) {
  int n = 0;
  for (std::size_t at = whole.find(part); at != std::string::npos; at = whole.find(part, at + 1)) ++n;
  return n;
}

void wait_for_checkpoint(const fs::path& run) {
  const auto any = [&] {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(run / "checkpoints", none))
      if (entry.path().extension() == ".safetensors") return true;
    return false;
  };
  for (int i = 0; i < 6000 && !any(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  BOOST_REQUIRE(any());
}

BOOST_FIXTURE_TEST_SUITE(mpi, SmallData)

BOOST_AUTO_TEST_CASE(any_number_of_processes_gives_the_same_bits) {
  const std::string settings = cut() + "--set mixup=0.2 --set accumulate=3 ";
  const Finished alone = test::ebb(train("alone", settings));
  BOOST_REQUIRE_MESSAGE(alone.status == 0, alone.output);
  for (const Launcher& launcher : launchers())
    for (const int ranks : test::instrumented ? std::vector{3} : std::vector{1, 2, 3, 4}) {
      const std::string name = text(launcher.name, ranks);
      const Finished shared = run(launcher, ranks, train(name, settings));
      BOOST_REQUIRE_MESSAGE(shared.status == 0, name << ": " << shared.output);
      BOOST_TEST(summary(name)["weights_sha256"] == summary("alone")["weights_sha256"], name);
      BOOST_TEST(log_of(root / name) == log_of(root / "alone"), name);
      BOOST_TEST(test::read(root / name / "evaluation.json") == test::read(root / "alone" / "evaluation.json"), name);
      BOOST_TEST(count(shared.output, "run directory") == 1, shared.output);
      BOOST_TEST(count(shared.output, "test accuracy") == 1, shared.output);
      BOOST_TEST(count(shared.output, " computing, ") == (ranks > 1 ? ranks : 0), shared.output);
      BOOST_TEST(count(shared.output, "predicted by ") == (ranks > 1 ? 1 : 0), shared.output);
      BOOST_TEST(has(shared.output, text(ranks, " ranks of ")) == (ranks > 1), shared.output);
    }
}

// A training that takes seconds, and a job of it in its midst.
const std::string long_settings = cut(test::instrumented ? 12 : 40) + "--set evaluate_every=20 --set save_steps=30 ";

// The signal comes to one rank that does not lead: all stop after the same batch, and rank 0 saves.
BOOST_AUTO_TEST_CASE(a_training_goes_on_with_another_number_of_processes) {
  BOOST_REQUIRE(test::ebb(train("whole", long_settings)).status == 0);
  for (const Launcher& launcher : launchers()) {
    const std::string name = "stopped_" + launcher.name, run_path = (root / name).string();
    const Job job(on(launcher, 3, train(name, long_settings)), root / (name + ".out"));
    wait_for_checkpoint(root / name);
    const std::vector<int> ranks = processes(run_path);
    BOOST_REQUIRE(ranks.size() == 3u);
    ::kill(ranks.back(), SIGTERM);
    const Finished stopped = job.finish();
    BOOST_TEST(stopped.status == 128 + SIGTERM, stopped.output);
    BOOST_TEST(count(stopped.output, "go on with") == 1, stopped.output);
    BOOST_TEST(all_gone(run_path), launcher.name);
    BOOST_TEST(has(test::read(root / name / "log.jsonl"), "stopped by signal 15"), stopped.output);
    BOOST_REQUIRE(!fs::exists(root / name / "summary.json"));
    const Finished resumed = run(launcher, 2, resume(name));
    BOOST_REQUIRE_MESSAGE(resumed.status == 0, resumed.output);
    BOOST_TEST(summary(name)["weights_sha256"] == summary("whole")["weights_sha256"], launcher.name);
  }
}

BOOST_AUTO_TEST_CASE(processes_that_differ_are_told_apart_before_the_first_step) {
  const std::string another = another_build(root / "another");
  for (const Launcher& launcher : launchers()) {
    const auto refused = [&](const Finished& said, const std::vector<std::string>& parts) {
      BOOST_TEST(said.status == 1, launcher.name << ": " << said.status << ' ' << said.output);
      for (const std::string& part : parts) BOOST_TEST(has(said.output, part), launcher.name << ": " << said.output);
      BOOST_TEST(count(said.output, "; wanted ") == 1, "told once: " << said.output);
      BOOST_TEST(!fs::exists(root / "never"), said.output);
    };
    const std::string fine = train("never", cut());
    refused(run(launcher, 2, train("never", "--set shards=1")), {"[shards] got 1 with 2 ranks", "mpirun -np 1"});
    refused(run(launcher, 5, fine), {"[shards] got 4 with 5 ranks", "power of two"});
    refused(run(launcher, 2, train("never", "--set shards=6")), {"[shards] got 6", "power of two"});
    refused(run_two(launcher, fine, fine + " --seed 2"), {"[seed] got \"1\" on rank 0, \"2\" on rank 1"});
    refused(run_two(launcher, fine, fine + " --set lambda=0.25"), {"[lambda]", "\"0.25\" on rank 1"});
    refused(run_two(launcher, fine, fine, {.program = another}), {"[program] got SHA-256 ", " on rank 1"});
    refused(run(launcher, 2, train("../../proc/ebb/never", cut())),
            {"proc/ebb/never] got a directory that cannot be made", "rank 0 on "});
    refused(run_two(launcher, fine, fine, {.environment = "EBB_ARCH=sse2"}),
            {"[EBB_ARCH] got not set on rank 0, sse2 on rank 1"});
    fs::create_directories(root / "nothing");
    const std::string no_data = "train mnist --out " + (root / "never").string() + ' ' + cut() + " --data ";
    refused(run_two(launcher, fine, no_data + (root / "nothing").string() + " --batch 20"), {"rank 1 on "});
    // One fails while others wait for it.
    refused(run_two(launcher, fine, no_data + (root / "nothing").string() + " --batch 20", {.others = 2}),
            {"rank 2 on "});
    fs::create_directories(root / "other");
    test::write_idx(root / "other", "train", 400, Rng(7));
    test::write_idx(root / "other", "t10k", 100, Rng(2));
    refused(run_two(launcher, fine, no_data + (root / "other").string() + " --batch 20"),
            {"[data] got SHA-256 ", " on rank 1"});
  }
}

// Ranks that fail leave in order, so that no launcher ends one before its own end; Open MPI's does when the first of
// them has ended with a status of its own.
BOOST_AUTO_TEST_CASE(every_rank_of_a_refused_training_ends_with_status_1) {
  for (const Launcher& launcher : launchers()) {
    const std::string each =
        text(EBB_PROGRAM, ' ', train("never", cut() + "--set shards=2"), "; s=$?; echo ended:$s; exit $s");
    const Finished said = test::shell(text("timeout 300 ", launcher.command, "4 sh -c '", each, "'"));
    BOOST_TEST(said.status == 1, said.output);
    BOOST_TEST(has(said.output, "[shards] got 2 with 4 ranks"), said.output);
    const int ended = count(said.output, "ended:1");
    BOOST_TEST((launcher.name == "mpich" ? ended == 4 : ended >= 1), launcher.name << ": " << said.output);
  }
}

BOOST_AUTO_TEST_CASE(a_program_without_its_module_says_so) {
  fs::create_directories(root / "bare");
  fs::copy_file(EBB_PROGRAM, root / "bare" / "ebb");
  const std::string program = (root / "bare" / "ebb ").string();
  const Finished refused = test::shell("OMPI_COMM_WORLD_SIZE=2 " + program + train("never", cut()));
  BOOST_TEST(refused.status == 1, refused.output);
  BOOST_TEST(has(refused.output, "no module for openmpi"), refused.output);
  BOOST_TEST(has(refused.output, "libopenmpi-dev"), refused.output);
  const Finished one_of_them =
      test::shell("OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=1 " + program + train("never", cut()));
  BOOST_TEST(has(one_of_them.output, ": rank 1 on "), one_of_them.output);
  BOOST_TEST(!fs::exists(root / "never"));
  // One rank of two: the other one does not wait for it.
  for (const Launcher& launcher : launchers()) {
    const auto begun = std::chrono::steady_clock::now();
    const Finished said = run_two(launcher, train("never", cut()), train("never", cut()), {.program = program});
    BOOST_TEST(said.status == 1, launcher.name << ": " << said.status << ' ' << said.output);
    BOOST_TEST(has(said.output, "rank 1 on "), launcher.name << ": " << said.output);
    BOOST_TEST(has(said.output, "no module for " + launcher.name), launcher.name << ": " << said.output);
    BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds(30)), launcher.name);
  }
  // One process alone asks for none.
  BOOST_TEST(test::shell("OMPI_COMM_WORLD_SIZE=1 " + program + train("alone", cut())).status == 0);
}

BOOST_AUTO_TEST_CASE(a_rank_that_is_killed_ends_all_and_the_training_goes_on) {
  BOOST_REQUIRE(test::ebb(train("whole", long_settings)).status == 0);
  for (const Launcher& launcher : launchers())
    for (const bool leader : {false, true}) {
      const std::string name = text("killed_", launcher.name, leader), run_path = (root / name).string();
      const Job job(on(launcher, 2, train(name, long_settings)), root / (name + ".out"));
      wait_for_checkpoint(root / name);
      const std::vector<int> ranks = processes(run_path);
      BOOST_REQUIRE(ranks.size() == 2u);
      ::kill(leader ? std::ranges::min(ranks) : std::ranges::max(ranks), SIGKILL);
      const Finished ended = job.finish(30);
      BOOST_TEST(ended.status != 0, ended.output);
      const std::string who = text("rank ", leader ? 0 : 1, launcher.name == "mpich" ? " on " : " with PID ");
      BOOST_TEST(has(ended.output, who), ended.output);
      // UCX ends a rank itself that was reading the memory of one which is gone: then both have died.
      const auto died = count(ended.output, "has died");
      const bool read_on = has(ended.output, "No such process");
      BOOST_TEST((died == (launcher.name == "mpich" ? 1 : 0) || (died == 2 && read_on)), ended.output);
      BOOST_TEST(all_gone(run_path), launcher.name);
      BOOST_REQUIRE(!fs::exists(root / name / "summary.json"));
      const Finished resumed = run(launcher, 4, resume(name));
      BOOST_REQUIRE_MESSAGE(resumed.status == 0, resumed.output);
      BOOST_TEST(summary(name)["weights_sha256"] == summary("whole")["weights_sha256"], name);
    }
}

BOOST_AUTO_TEST_CASE(a_watch_that_is_stopped_holds_up_nobody) {
  for (const Launcher& launcher : launchers()) {
    if (launcher.name != "mpich") continue;
    const std::string run_path = (root / "watched").string();
    const Job job(on(launcher, 2, train("watched", long_settings)), root / "watched.out");
    wait_for_checkpoint(root / "watched");
    const test::Processes there = test::processes_and_watches(run_path);
    BOOST_REQUIRE(there.watches.size() == 2u);
    for (const int watch : there.watches) ::kill(watch, SIGSTOP);
    ::kill(there.ranks.front(), SIGTERM);
    const Finished stopped = job.finish(30);
    BOOST_TEST(stopped.status == 128 + SIGTERM, stopped.output);
    BOOST_TEST(all_gone(run_path));
  }
}

BOOST_AUTO_TEST_CASE(a_rank_that_hangs_is_named) {
  constexpr int patience = test::instrumented ? 10 : 2;
  for (const Launcher& launcher : launchers()) {
    const std::string name = "hangs_" + launcher.name, run_path = (root / name).string();
    const Job job(
        on(launcher, 2, train(name, cut(200) + text("--set comm_timeout=", patience, " --set save_steps=30 "))),
        root / (name + ".out"));
    wait_for_checkpoint(root / name);
    const std::vector<int> ranks = processes(run_path);
    BOOST_REQUIRE(ranks.size() == 2u);
    ::kill(std::ranges::max(ranks), SIGSTOP);
    const Finished ended = job.finish(patience + 20);
    BOOST_TEST(ended.status != 0, ended.output);
    BOOST_TEST(has(ended.output, "nothing from rank 1 on "), ended.output);
    BOOST_TEST(all_gone(run_path), launcher.name);
  }
}

// All ranks are held up, as by a batch system or a laptop's lid, for longer than one would be waited for.
BOOST_AUTO_TEST_CASE(a_job_that_was_suspended_goes_on) {
  constexpr int patience = test::instrumented ? 10 : 2;
  for (const Launcher& launcher : launchers()) {
    const std::string name = "suspended_" + launcher.name, run_path = (root / name).string();
    const Job job(
        on(launcher, 2, train(name, cut(400) + text("--set comm_timeout=", patience, " --set save_steps=30 "))),
        root / (name + ".out"));
    wait_for_checkpoint(root / name);
    const std::vector<int> ranks = processes(run_path);
    BOOST_REQUIRE(ranks.size() == 2u);
    for (const int rank : ranks) ::kill(rank, SIGSTOP);
    std::this_thread::sleep_for(std::chrono::seconds(patience + 2));
    for (const int rank : ranks) ::kill(rank, SIGCONT);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    ::kill(ranks.front(), SIGTERM);
    const Finished stopped = job.finish(60);
    BOOST_TEST(stopped.status == 128 + SIGTERM, stopped.output);
    BOOST_TEST(has(stopped.output, "saved; go on with"), stopped.output);
    BOOST_TEST(all_gone(run_path), launcher.name);
  }
}

// Seconds of processor time that a process has used.
double used(int process) {
  const std::string line = test::read(text("/proc/", process, "/stat"));
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

BOOST_AUTO_TEST_CASE(a_rank_that_waits_leaves_its_core_to_others) {
  for (const Launcher& launcher : launchers()) {
    const std::string name = "waits_" + launcher.name, run_path = (root / name).string();
    const Job job(on(launcher, 2, train(name, cut(400) + "--set save_steps=30 ")), root / (name + ".out"));
    wait_for_checkpoint(root / name);
    const std::vector<int> ranks = processes(run_path);
    BOOST_REQUIRE(ranks.size() == 2u);
    ::kill(std::ranges::max(ranks), SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const double before = used(std::ranges::min(ranks));
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const double share = (used(std::ranges::min(ranks)) - before) / 2;
    BOOST_TEST(share < 0.1, launcher.name);
    BOOST_TEST_MESSAGE(text(launcher.name, ": a rank that waits uses ", 100 * share, " % of a core"));
    ::kill(std::ranges::max(ranks), SIGCONT);
    ::kill(std::ranges::max(ranks), SIGTERM);
    BOOST_TEST(job.finish(30).status == 128 + SIGTERM, launcher.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(mpi_kills_slow, SmallData)

int wanted(const char* variable, int usual) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? usual : std::stoi(value);
}

// Open MPI's launcher may stay when a rank is killed while ranks join each other, though none is left: its PMIx has
// lost a connection, as it says.
bool launcher_stays(const Job& job, const std::string& run, const fs::path& output) {
  for (int i = 0; i < 1500 && !job.ended(); ++i) Job::nap();
  return !job.ended() && test::processes_and_watches(run).none() && has(test::read(output), "PMIX ERROR");
}

// Each training is killed until it happens to come to its end: a rank or the launcher, at any moment, and another
// number of ranks goes on.
BOOST_AUTO_TEST_CASE(whatever_is_killed_the_end_has_the_same_bits) {
  const int kills = wanted("EBB_MPI_KILLS", 20);
  const std::string settings = cut(30) + "--set evaluate_every=10 --set save_steps=10 ";
  BOOST_REQUIRE(test::ebb(train("whole", settings)).status == 0);
  const std::vector<Launcher> all = launchers();
  const Rng rng(static_cast<std::uint64_t>(wanted("EBB_MPI_SEED", 1)));
  int killed = 0, runs = 0, stayed = 0;
  std::uint64_t draw = 0;
  while (killed < kills) {
    const std::string name = text("run", runs++), run_path = (root / name).string();
    bool begun = false;
    for (bool done = false; !done;) {
      const Launcher& launcher = all[rng.below(all.size(), draw++)];
      const int ranks = 1 + static_cast<int>(rng.below(4, draw++));
      const Job job(on(launcher, ranks, begun ? resume(name) : train(name, settings + "--overwrite ")),
                    root / (name + ".out"));
      std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(3500, draw++)));
      std::vector<int> victims = processes(run_path);
      victims.push_back(job.launcher());
      if (!job.ended() && ::kill(victims[rng.below(victims.size(), draw++)], SIGKILL) == 0) ++killed;
      if (launcher_stays(job, run_path, root / (name + ".out"))) ::kill(job.launcher(), SIGKILL), ++stayed;
      const Finished ended = job.finish(60);
      BOOST_REQUIRE_MESSAGE(all_gone(run_path), "processes are left of " << name);
      begun = fs::exists(root / name / "environment.json");
      done = fs::exists(root / name / "report.html") && ended.status == 0;
    }
    BOOST_TEST(summary(name)["weights_sha256"] == summary("whole")["weights_sha256"], name);
    for (const auto& entry : fs::recursive_directory_iterator(root / name))
      BOOST_TEST(!has(entry.path().filename().string(), ".tmp-"), entry.path());
    fs::remove_all(root / name);
  }
  BOOST_TEST_MESSAGE(text(killed, " kills of ", runs, " trainings; a launcher stayed ", stayed, " times"));
}

BOOST_AUTO_TEST_CASE(a_signal_to_any_rank_stops_all_after_the_same_batch) {
  const std::string settings = cut(60) + "--set evaluate_every=20 --set save_steps=10 --overwrite ";
  const std::vector<Launcher> all = launchers();
  const Rng rng(static_cast<std::uint64_t>(wanted("EBB_MPI_SEED", 1)));
  for (int n = 0; n < wanted("EBB_MPI_SIGNALS", 5); ++n) {
    const Launcher& launcher = all[static_cast<std::size_t>(n) % all.size()];
    const auto draw = static_cast<std::uint64_t>(4 * n);
    const int ranks = 2 + static_cast<int>(rng.below(3, draw));
    const std::string run_path = (root / "run").string();
    fs::remove_all(root / "run");
    const Job job(on(launcher, ranks, train("run", settings)), root / "run.out");
    wait_for_checkpoint(root / "run");
    std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(500, draw + 1)));
    const std::vector<int> there = processes(run_path);
    BOOST_REQUIRE(there.size() == static_cast<std::size_t>(ranks));
    ::kill(there[rng.below(there.size(), draw + 2)], SIGTERM);
    const Finished stopped = job.finish(60);
    BOOST_TEST(stopped.status == 128 + SIGTERM, stopped.output);
    BOOST_TEST(has(stopped.output, "saved; go on with"), stopped.output);
    BOOST_TEST(all_gone(run_path));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
