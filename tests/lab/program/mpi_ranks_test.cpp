// What ranks cost and what they do wrong, on processes that a launcher of MPI starts.
#include <sys/types.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <vector>

#include "lab/program/company.h"
#include "tests/lab/mpi_job.h"

namespace ebb {
namespace {

using test::Finished;
using test::has;
using test::Launcher;
using test::launchers;
using test::SmallData;

Finished calls(const Launcher& launcher, const std::string& what) {
  return test::shell(text("timeout 100 ", launcher.command, "2 ", EBB_MPI_CALLS, " '", what, "'"));
}

BOOST_AUTO_TEST_SUITE(mpi_ranks)

BOOST_AUTO_TEST_CASE(that_make_other_calls_are_told) {
  for (const Launcher& launcher : launchers()) {
    const Finished other = calls(launcher, "other call");
    BOOST_TEST(other.status != 0, other.output);
    BOOST_TEST(has(other.output, "nothing from rank 1 on "), launcher.name << ": " << other.output);
    BOOST_TEST(has(other.output, " in broadcast "), launcher.name << ": " << other.output);
    BOOST_TEST(!has(other.output, "rank 0 has got through"), launcher.name << ": " << other.output);
    const Finished length = calls(launcher, "other length");
    BOOST_TEST(length.status != 0, length.output);
    BOOST_TEST(has(length.output, "rank 0 sent 8 bytes where 16 were expected"),
               launcher.name << ": " << length.output);
    BOOST_TEST(has(calls(launcher, "sizes").output, "[gather] got sizes of 2 ranks for 16 bytes"), launcher.name);
    BOOST_TEST(has(calls(launcher, "pieces").output, "[exchange] got "), launcher.name);
  }
}

BOOST_AUTO_TEST_CASE(that_give_up_end_the_call_of_another_thread) {
  for (const Launcher& launcher : launchers()) {
    const Finished said = calls(launcher, "given up");
    BOOST_TEST(said.status != 0, said.output);
    BOOST_TEST(has(said.output, "at once: "), launcher.name << ": " << said.output);
    BOOST_TEST(has(said.output, "given up by this rank"), launcher.name << ": " << said.output);
    BOOST_TEST(has(said.output, " has failed"), launcher.name << ": " << said.output);
    BOOST_TEST(!has(said.output, "rank 0 has got through"), launcher.name << ": " << said.output);
  }
}

// Resident memory of a process in KiB.
std::int64_t resident(int process) {
  std::istringstream lines(test::read(text("/proc/", process, "/status")));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6));
  return 0;
}

// Batches that the log tells of.
std::int64_t batches(const std::filesystem::path& run) {
  std::ifstream log(run / "log.jsonl");
  std::int64_t out = 0;
  for (std::string line; std::getline(log, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.contains("step")) out = std::max(out, json["step"].get<std::int64_t>());
  }
  return out;
}

BOOST_FIXTURE_TEST_CASE(need_no_more_memory_as_steps_go_by, SmallData) {
  if (test::instrumented) return;  // whose freed memory is kept for a while
  constexpr std::int64_t steps = 1000;
  for (const Launcher& launcher : launchers()) {
    const std::string name = "flat_" + launcher.name;
    const test::Job job(
        test::on(launcher, 2,
                 train(name, test::cut(400) + "--set log_every=20 --set evaluate_every=400 --set ema=0.9 ")),
        root / (name + ".out"));
    const auto after = [&](std::int64_t wanted) {
      for (int i = 0; i < 12000 && batches(root / name) < wanted && !job.ended(); ++i) test::Job::nap();
      std::vector<std::int64_t> out;
      for (const int process : test::processes((root / name).string())) out.push_back(resident(process));
      return out;
    };
    const std::vector<std::int64_t> before = after(200), then = after(200 + steps);
    BOOST_REQUIRE(!job.ended());
    BOOST_REQUIRE((before.size() == 2 && then.size() == 2));
    for (std::size_t i = 0; i < 2; ++i) {
      BOOST_TEST_MESSAGE(launcher.name << ": " << before[i] << " KiB, " << steps << " steps later " << then[i]);
      BOOST_TEST(then[i] < before[i] + 1024, launcher.name << ": " << before[i] << " KiB, then " << then[i]);
    }
    ::kill(job.launcher(), SIGTERM);
    job.finish();
  }
}

struct ManyDigits : SmallData {
  ManyDigits() : SmallData(1500) {}
};

// One rank that may have less than it needs is enough; what is refused writes nothing.
BOOST_FIXTURE_TEST_CASE(that_have_too_little_memory_end_all, ManyDigits) {
  if (test::instrumented) return;  // whose address space is not the program's
  for (const Launcher& launcher : launchers()) {
    std::string line =
        train("never", "--epochs 1 --threads 1 --model mnistcnn --set shards=2 --set batch_norm_over=batch ");
    line.replace(line.find("--batch 20"), 10, "--batch 1500");
    const Finished refused = test::shell(text("timeout 100 ", launcher.command, "1 ", EBB_PROGRAM, ' ', line,
                                              " : -np 1 sh -c 'ulimit -v 700000; exec ", EBB_PROGRAM, ' ', line, "'"));
    BOOST_TEST(refused.status != 0, refused.output);
    BOOST_TEST(has(refused.output, "[memory] got a need of 2 ranks on "), launcher.name << ": " << refused.output);
    BOOST_TEST(has(refused.output, "the largest batch that fits is "), launcher.name << ": " << refused.output);
    BOOST_TEST(!std::filesystem::exists(root / "never"), refused.output);
  }
}

// Two processes of one program that differ by a byte.
BOOST_FIXTURE_TEST_CASE(of_another_build_are_told_apart, SmallData) {
  namespace fs = std::filesystem;
  fs::create_directories(root / "other");
  const fs::path other = root / "other" / "ebb";
  fs::copy_file(EBB_PROGRAM, other);
  std::ofstream(other, std::ios::app) << 'x';
  for (const auto& entry : fs::directory_iterator(fs::path(EBB_PROGRAM).parent_path()))
    if (entry.path().filename().string().starts_with("ebb_mpi_") && entry.path().extension() == ".so")
      fs::create_symlink(entry.path(), root / "other" / entry.path().filename());
  const std::string line = train("never", test::cut());
  for (const Launcher& launcher : launchers()) {
    const Finished refused = test::shell(
        text("timeout 100 ", launcher.command, "1 ", EBB_PROGRAM, ' ', line, " : -np 1 ", other.string(), ' ', line));
    BOOST_TEST(refused.status != 0, refused.output);
    BOOST_TEST(has(refused.output, "[program] got SHA-256 "), launcher.name << ": " << refused.output);
    BOOST_TEST(has(refused.output, "install the same build"), launcher.name << ": " << refused.output);
    BOOST_TEST(!fs::exists(root / "never"), refused.output);
  }
}

// A launcher of another MPI than the module's, or none that the module knows of.
BOOST_FIXTURE_TEST_CASE(that_do_not_find_each_other_are_told, SmallData) {
  for (const Launcher& launcher : launchers()) {
    if (launcher.name != "mpich") continue;
    const Finished refused = test::shell(text("PMI_RANK=0 PMI_SIZE=2 ", EBB_PROGRAM, ' ', train("never", test::cut())));
    BOOST_TEST(refused.status == 1, refused.output);
    BOOST_TEST(has(refused.output, "1 rank where the launcher has started 2"), refused.output);
    BOOST_TEST(!std::filesystem::exists(root / "never"), refused.output);
  }
  const Finished alone = test::shell(
      text("SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2 SLURM_NTASKS=2 ", EBB_PROGRAM, ' ', train("alone", test::cut())));
  BOOST_TEST(alone.status == 0, alone.output);
  BOOST_TEST(has(alone.output, "srun has started 2 tasks, each of which trains by itself"), alone.output);
}

// Of the instruction sets of ranks the best common one, and that some have better ones.
BOOST_AUTO_TEST_CASE(of_different_processors_compute_alike) {
  const CommonKernels alike = common_kernels({"avx512 avx2 sse2", "avx512 avx2 sse2"});
  BOOST_TEST(alike.name == "avx512");
  BOOST_TEST(alike.words.empty());
  const CommonKernels less = common_kernels({"avx2 sse2", "avx512 avx2 sse2", "avx2 sse2", "avx512 avx2 sse2"});
  BOOST_TEST(less.name == "avx2");
  BOOST_TEST(less.words == "avx2 kernels, the best that all ranks have: 2 of 4 could use better ones, rank 1 avx512");
  BOOST_TEST(common_kernels({"avx2 sse2", "neon"}).name.empty());
}

// Commands that differ are named before anything is done.
BOOST_FIXTURE_TEST_CASE(of_different_commands_are_told_apart, SmallData) {
  const Launcher launcher = launchers().front();
  BOOST_REQUIRE(test::ebb(train("run", test::cut())).status == 0);
  const auto refused = [&](const std::string& first, const std::string& second) {
    const Finished done = test::shell(
        text("timeout 100 ", launcher.command, "1 ", EBB_PROGRAM, ' ', first, " : -np 1 ", EBB_PROGRAM, ' ', second));
    BOOST_TEST(done.status != 0, done.output);
    return done.output;
  };
  const std::string settings = refused(resume("run"), resume("run") + " --set epochs=3 --allow-change");
  BOOST_TEST(has(settings, "[command] got resume on rank 0, resume --set epochs=3 --allow-change on rank 1"), settings);
  const std::string both = refused(train("other", test::cut()), resume("run"));
  BOOST_TEST(has(both, "[command] got train on rank 0, resume on rank 1"), both);
  BOOST_TEST(!std::filesystem::exists(root / "other"), both);
}

// Other commands than those that share their work.
BOOST_FIXTURE_TEST_CASE(do_no_command_twice, SmallData) {
  const Launcher launcher = launchers().front();
  const Finished refused = test::run(launcher, 2, "audit mnist --json " + (root / "audit.json").string());
  BOOST_TEST(refused.status != 0, refused.output);
  BOOST_TEST(has(refused.output, "start it without the launcher of MPI"), refused.output);
  BOOST_TEST(!std::filesystem::exists(root / "audit.json"), refused.output);
}

// What rank 0 alone can find ends the others, too, and is said once.
BOOST_FIXTURE_TEST_CASE(whose_leader_cannot_write_end_with_it, SmallData) {
  std::ofstream(root / "file") << "no directory";
  for (const Launcher& launcher : launchers()) {
    const Finished refused = test::run(launcher, 2, train("file/run", test::cut()));
    BOOST_TEST(refused.status != 0, refused.output);
    const std::size_t said = refused.output.find("rank 0 on ");
    BOOST_REQUIRE_MESSAGE(said != std::string::npos, launcher.name << ": " << refused.output);
    BOOST_TEST(refused.output.find("rank 0 on ", said + 1) == std::string::npos,
               launcher.name << ": " << refused.output);
    BOOST_TEST(!has(refused.output, "rank 1 on "), launcher.name << ": " << refused.output);
    // Files that grow no further, as on a full disk: what was computed is told, and that it could not be written.
    const std::string line = train("full_" + launcher.name, test::cut() + "--model resnet8 ");
    const Finished full = test::shell(text("timeout 100 ", launcher.command, "1 sh -c 'ulimit -f 100; exec ",
                                           EBB_PROGRAM, ' ', line, "' : -np 1 ", EBB_PROGRAM, ' ', line));
    BOOST_TEST(full.status != 0, full.output);
    BOOST_TEST(has(full.output, "File too large"), launcher.name << ": " << full.output);
    BOOST_TEST(test::all_gone((root / ("full_" + launcher.name)).string()));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(distributed_page)

std::string replaced(std::string line, const std::string& what, const std::string& by) {
  const std::size_t at = line.find(what);
  return at == std::string::npos ? line : line.replace(at, what.size(), by);
}

// The commands of docs/distributed.md, as they stand but for a small data set in the place of their recipe's and a run
// directory of the test's. The two machines of its hostfiles are this one: scripts stand for ssh to it and for srun.
BOOST_FIXTURE_TEST_CASE(has_commands_that_work, SmallData) {
  if (!has(EBB_MPI_MODULES, "openmpi") || test::instrumented) return;
  const auto script = [&](const char* name, const char* lines) {
    std::ofstream(root / name) << "#!/bin/sh\n" << lines;
    std::filesystem::permissions(root / name, std::filesystem::perms::owner_all);
    return (root / name).string();
  };
  // Called as `connect [OPTION]... HOST COMMAND...`.
  const std::string connect = script("connect",
                                     "while case $1 in -*) true ;; *) false ;; esac; do shift; done\n"
                                     "shift\n"
                                     "exec sh -c \"$*\"\n");
  const std::string srun = script("srun",
                                  "tasks=1\n"
                                  "while :; do\n"
                                  "  case $1 in\n"
                                  "    -N) tasks=$((tasks * $2)); shift ;;\n"
                                  "    --ntasks-per-node=*) tasks=$((tasks * ${1#*=})) ;;\n"
                                  "    --mpi=pmix | --cpus-per-task=*) ;;\n"
                                  "    *) exec mpirun.openmpi --bind-to none -np $tasks \"$@\" ;;\n"
                                  "  esac\n"
                                  "  shift\n"
                                  "done\n");
  std::istringstream page(test::read(EBB_SOURCE_DIR "/docs/distributed.md"));
  std::string block, hosts, mpich_hosts;
  int commands = 0, trained = 0, resumed = 0, on_hosts = 0, by_slurm = 0;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      block = block.empty() ? line.substr(3) : "";
      continue;
    }
    if (block == "text" && has(line, " slots=")) hosts += line + '\n';
    if (block == "text" && line.ends_with(":1")) mpich_hosts += line + '\n';
    if (block != "sh" || has(line, "tests/")) continue;
    const bool mpich = has(line, " -f hosts ");
    if (mpich && !has(EBB_MPI_MODULES, "mpich")) continue;
    std::ofstream(root / "hosts") << (mpich ? mpich_hosts : hosts);
    ++commands;
    const std::string what = line;
    const std::size_t train = line.find("ebb train "), resume = line.find("ebb resume ");
    BOOST_REQUIRE_MESSAGE(train != std::string::npos || resume != std::string::npos, line);
    if (train != std::string::npos) {
      const std::size_t recipe = train + 10, rest = std::min(line.find(' ', recipe), line.size());
      line = line.substr(0, recipe) + "mnist --data " + (root / "data").string() +
             " --model resnet8 --batch 20 --epochs 1 --overwrite --out " + (root / "run").string() + line.substr(rest);
      ++trained;
    } else {
      line = line.substr(0, resume + 11) + (root / "run").string();
      ++resumed;
    }
    on_hosts += has(line, "--hostfile hosts") || mpich ? 1 : 0;
    by_slurm += line.starts_with("srun ") ? 1 : 0;
    const bool ranks = line.starts_with("mpirun ") || line.starts_with("srun ");
    line = replaced(replaced(line, "ebb ", text(EBB_PROGRAM, ' ')), "mpirun ",
                    mpich ? "mpirun.mpich " : "mpirun.openmpi ");
    line = replaced(line, "srun ", srun + ' ');
    const Finished done = test::shell(
        text("cd ", root.string(), "; export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 ",
             "OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:OVERSUBSCRIBE EBB_DATA=",
             (root / "data").string(), " OMPI_MCA_plm_rsh_agent=", connect,
             " HYDRA_LAUNCHER=ssh HYDRA_LAUNCHER_EXEC=", connect, "; timeout 200 ", line));
    BOOST_TEST(done.status == 0, what << ": " << done.output);
    BOOST_TEST(has(done.output, train != std::string::npos ? "test accuracy" : "it is finished"),
               what << ": " << done.output);
    BOOST_TEST(has(done.output, "rank 1 on ") == (ranks && train != std::string::npos), what << ": " << done.output);
  }
  BOOST_TEST(commands >= 8);
  BOOST_TEST(trained >= 6);
  BOOST_TEST(resumed == 2);
  BOOST_TEST(on_hosts == (has(EBB_MPI_MODULES, "mpich") ? 2 : 1));
  BOOST_TEST(by_slurm == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
