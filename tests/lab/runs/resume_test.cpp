// A run that is killed, stopped or moved to other threads ends as if nothing had been.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "data/mnist.h"
#include "framework/io/checksum.h"
#include "framework/io/safetensors.h"
#include "framework/parallel/parallel.h"
#include "lab/runs/run_directory.h"
#include "lab/setup/session.h"
#include "tests/lab/program.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_directory.h"

namespace ebb::resume_test {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::SmallData;
using test::SmallTraining;
using test::TemporaryDirectory;
using Open = RunDirectory::Open;

constexpr std::int64_t steps_of_run = 8 * 7;

// Dropout and batch norm in the model, and everything else that has a state or draws numbers.
SmallTraining full_training(std::int64_t prefetch) {
  return SmallTraining(
      {.epochs = 8, .ema = EmaOptions{.keep = 0.9}, .lookahead = LookaheadOptions{.every = 3}, .measure_every = 4}, {},
      {.augment = {.flip = Flip::random, .crop = 1, .mixup = 0.3}, .prefetch = prefetch});
}

std::string fingerprint(const Trainer& trainer) {
  std::string losses;
  for (const EpochResult& e : trainer.curve()) losses += text(e.train_loss, ' ', e.evaluation_loss, '\n');
  return sha256(trainer.save_state().tensors) + '\n' + losses;
}

// The loss column of a log.
std::string losses_of(const fs::path& log) {
  std::string out;
  const LogContents contents = read_log(log);
  for (const StepResult& step : contents.steps) out += text(step.step, ' ', step.loss, '\n');
  for (const EpochResult& epoch : contents.epochs) out += text(epoch.epoch, ' ', epoch.evaluation_loss, '\n');
  return out;
}

// Stops runs after each `stride`th of their first fifty steps and compares what comes of them with a whole run.
void stop_and_compare(std::int64_t stride) {
  const TemporaryDirectory folder;
  SmallTraining whole = full_training(2);
  std::string wanted_losses;
  {
    RunDirectory directory(folder / "whole", Open::fresh);
    whole.trainer.add(directory);
    whole.trainer.run();
  }
  const std::string wanted = fingerprint(whole.trainer);
  wanted_losses = losses_of(folder / "whole" / "log.jsonl");
  BOOST_TEST(wanted_losses.size() > 100u);
  for (std::int64_t k = stride; k <= 50; k += stride) {
    const fs::path path = folder / text("run-", k);
    {
      parallel::set_thread_count(2);
      SmallTraining first = full_training(2);
      RunDirectory directory(path, Open::fresh, {.minutes = 0, .steps = k % 5 == 0 ? 0 : k});
      directory.describe(Recipe{}, "{}");
      first.trainer.add(directory);
      for (std::int64_t i = 0; i < k; ++i) first.trainer.step();
    }
    parallel::set_thread_count(static_cast<int>(k % 3) + 1);
    SmallTraining rest = full_training(k % 4);
    RunDirectory directory(path, Open::existing);
    directory.resume(rest.trainer);
    BOOST_TEST(rest.trainer.batches_done() == (k % 5 == 0 ? k / 7 * 7 : k));
    rest.trainer.add(directory);
    rest.trainer.run();
    BOOST_TEST(fingerprint(rest.trainer) == wanted, "stopped after step " << k);
    BOOST_TEST(losses_of(path / "log.jsonl") == wanted_losses, "stopped after step " << k);
  }
  parallel::set_thread_count(2);
}

BOOST_AUTO_TEST_SUITE(run_directory)

BOOST_AUTO_TEST_CASE(a_stopped_run_goes_on_to_the_same_end) { stop_and_compare(12); }

BOOST_AUTO_TEST_CASE(the_last_three_checkpoints_and_the_best_stay) {
  const TemporaryDirectory folder;
  SmallTraining t({.epochs = 8}, {.lr = 2.0});
  RunDirectory directory(folder / "run", Open::fresh, {.minutes = 0, .steps = 3});
  t.trainer.add(directory);
  t.trainer.run();
  std::vector<std::int64_t> wanted{51, 54, steps_of_run};
  if (std::ranges::find(wanted, t.trainer.best_step()) == wanted.end())
    wanted.insert(wanted.begin(), t.trainer.best_step());
  const std::vector<std::int64_t> there = directory.checkpoints().steps();
  BOOST_TEST(there == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_damaged_checkpoint_is_passed_over) {
  const TemporaryDirectory folder;
  SmallTraining t = full_training(0);
  RunDirectory directory(folder / "run", Open::fresh, {.minutes = 0, .steps = 2});
  t.trainer.add(directory);
  for (int i = 0; i < 5; ++i) t.trainer.step();
  const fs::path newest = directory.checkpoints().file(4);
  std::vector<std::byte> bytes = test::file_bytes(newest);
  bytes[bytes.size() - 7] ^= std::byte{1};
  test::put_file(newest, bytes);
  auto found = directory.checkpoints().newest();
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->step == 2);
  BOOST_REQUIRE(found->problems.size() == 1u);
  BOOST_TEST(has(found->problems[0], newest.string()));
  const fs::path older = directory.checkpoints().file(2);
  bytes = test::file_bytes(older);
  bytes.resize(bytes.size() / 2);
  test::put_file(older, bytes);
  BOOST_TEST(test::fails_with({"2 checkpoints, none of which can be read", older.string()},
                              [&] { directory.checkpoints().newest(); }));
}

BOOST_AUTO_TEST_CASE(a_directory_belongs_to_one_run_and_one_process) {
  const TemporaryDirectory folder;
  BOOST_TEST(test::fails_with({"without a run"}, [&] { RunDirectory none(folder / "run", Open::existing); }));
  {
    RunDirectory first(folder / "run", Open::fresh);
    first.describe(Recipe{}, "{}");
    BOOST_TEST(test::fails_with({text("process ", getpid(), " is using")},
                                [&] { RunDirectory second(folder / "run", Open::existing); }));
  }
  BOOST_TEST(test::fails_with({"an unfinished run", "ebb resume", "--overwrite"},
                              [&] { RunDirectory second(folder / "run", Open::fresh); }));
  test::put_file(folder / "run" / "mine.txt", "kept");
  const RunDirectory again(folder / "run", Open::overwrite);
  BOOST_TEST(fs::exists(folder / "run" / "mine.txt"));
  BOOST_TEST(!fs::exists(folder / "run" / "recipe.toml"));
}

BOOST_AUTO_TEST_CASE(logs_forget_what_is_done_again_and_bear_torn_lines) {
  const TemporaryDirectory folder;
  const Directory there(folder.path());
  const fs::path path = folder / "log.jsonl";
  const auto step = [](std::int64_t n) { return StepResult{.step = n, .epoch = 1, .loss = 0.5, .groups = {{"all"}}}; };
  {
    RunLog log(there, "log.jsonl");
    for (std::int64_t n = 1; n <= 5; ++n) log.step(step(n));
    log.epoch({.epoch = 1, .evaluation_loss = 0.25}, "validation");
  }
  { std::ofstream(path, std::ios::app) << "{\"event\": \"step\", \"st"; }
  {
    RunLog log(there, "log.jsonl");
    log.event("resume", "went on", 3, 0);
    log.step(step(4));
  }
  const LogContents read = read_log(path);
  BOOST_REQUIRE(read.steps.size() == 4u);
  BOOST_TEST(read.steps.back().step == 4);
  BOOST_TEST(read.epochs.empty());
  BOOST_TEST(read.evaluated_on == "validation");
  BOOST_TEST(read.events.size() == 1u);
  BOOST_CHECK_THROW(read_log(folder / "none.jsonl"), Error);
}

BOOST_AUTO_TEST_SUITE_END()

// A training with all that draws numbers or has a state.
constexpr const char* full_recipe =
    "--model mnistcnn --epochs 2 --lr 0.01 --set flip=random --set crop=2 --set mixup=0.2 --set ema=0.9 --set "
    "log_every=1 --set schedule=one_cycle --set momentum_low=0.85 --set warmup_epochs=0 "
    "--set save_steps=2 --set prefetch=3 --set lookahead=4 --threads 2 ";

struct SmallerData : SmallData {
  SmallerData() : SmallData(160) {}
  std::string state(const std::string& out) const { return summary(out).at("state_sha256").get<std::string>(); }

  // Starts the program, sends it a signal (0: none) after some time, and returns its exit status.
  int interrupted(const std::string& arguments, double seconds, int signal) const {
    const std::string command =
        std::string("exec ") + EBB_PROGRAM + ' ' + arguments + " >>" + (root / "out").string() + " 2>&1 </dev/null";
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    if (signal != 0) {
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
      kill(child, signal);
    }
    int status = 0;
    BOOST_REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // Kills one run at random moments until it is done, and compares it with an undisturbed one.
  void kill_and_compare(int kills) const {
    const auto start = std::chrono::steady_clock::now();
    BOOST_REQUIRE(test::ebb(train("whole", full_recipe)).status == 0);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::mt19937 random(1);
    std::uniform_real_distribution<double> moment(0.0, 1.2 * seconds);
    int done = 0, runs = 0;
    while (done < kills) {
      const std::string out = text("killed-", runs++);
      bool begun = false, ended = false;
      while (!ended) {
        const bool last = done >= kills;
        const std::string command = begun ? resume(out, text("--threads ", done % 3 + 1, " --set prefetch=", done % 4))
                                          : train(out, full_recipe);
        const int status = interrupted(command, moment(random), last ? 0 : SIGKILL);
        ended = status == 0;
        if (!ended) ++done;
        begun = fs::exists(root / out / "recipe.toml");
        BOOST_TEST((status == 0 || status == 128 + SIGKILL), "status " << status);
        if (status != 0 && status != 128 + SIGKILL) return;
      }
      BOOST_TEST(state(out) == state("whole"), "run " << runs << " after " << done << " kills");
      BOOST_TEST(losses_of(root / out / "log.jsonl") == losses_of(root / "whole" / "log.jsonl"));
      fs::remove_all(root / out);
    }
    std::cout << done << " kills of " << runs << " runs: the same bits at every end\n";
  }
};

BOOST_FIXTURE_TEST_SUITE(resume, SmallerData)

BOOST_AUTO_TEST_CASE(a_killed_run_ends_as_if_nothing_had_been) { kill_and_compare(3); }

BOOST_AUTO_TEST_CASE(a_signal_saves_and_stops) {
  BOOST_REQUIRE(test::ebb(train("whole", "--epochs 3")).status == 0);
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string out = text("stopped-", signal);
    // Long enough to be caught on its way.
    const int status = interrupted(train(out, "--epochs 3 --set save_minutes=0 --set evaluate_every=3"), 0.25, signal);
    BOOST_TEST((status == 128 + signal || status == 0), status);
    const Finished done = test::ebb(test::SmallData::resume(out));
    BOOST_TEST(done.status == 0, done.output);
    BOOST_TEST(summary(out).at("weights_sha256") == summary("whole").at("weights_sha256"));
  }
}

// A signal during an evaluation does not wait for its end: the log has no line of it.
BOOST_AUTO_TEST_CASE(a_signal_stops_an_evaluation) {
  test::write_idx(root / "data", "t10k", 1500, Rng(2));
  const std::string long_evaluation =
      "--model mnistcnn --epochs 1 --set log_every=1 --set tta_translate=1 --set tta_flip=true";
  BOOST_REQUIRE(test::ebb(train("whole", long_evaluation)).status == 0);
  const fs::path log = root / "run" / "log.jsonl";
  int status = 0;
  std::thread program([&] { status = interrupted(train("run", long_evaluation), 0, 0); });
  // The last of the eight batches is done.
  for (int i = 0; i < 6000 && !has(test::read(log), "\"step\":8,"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const std::string owner = test::read(root / "run" / "lock");
  BOOST_REQUIRE(!owner.empty());
  kill(std::stoi(owner), SIGTERM);
  program.join();
  BOOST_TEST(status == 128 + SIGTERM, test::read(root / "out"));
  BOOST_TEST(has(test::read(root / "out"), "stopped by signal 15 after batch 8"));
  BOOST_TEST(read_log(log).epochs.empty());
  const Finished done = test::ebb(SmallData::resume("run"));
  BOOST_TEST(done.status == 0, done.output);
  BOOST_TEST(state("run") == state("whole"));
  BOOST_TEST(losses_of(log) == losses_of(root / "whole" / "log.jsonl"));
  BOOST_TEST(summary("run").at("test_loss") == summary("whole").at("test_loss"));
}

// With held-out data it is fitted to the rest of the training set, stands in every file of weights, and is all that
// eval needs of that set.
BOOST_AUTO_TEST_CASE(the_standardisation_stays_with_the_weights) {
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 2 --set validation=0.3")).status == 0);
  const Recipe recipe = find_recipe((root / "run" / "recipe.toml").string());
  const RecipeData data = read_data(recipe);
  const PixelStatistics fitted = fit_statistics(data.train->pixels());
  const fs::path weights = root / "run" / "model.safetensors";
  BOOST_TEST((statistics_from(load_safetensors(weights).metadata, "model") == fitted));
  BOOST_TEST(!(fitted == Mnist(root / "data", Split::train).statistics()));
  for (const auto* const part : {&data.train, &data.validation, &data.test})
    BOOST_TEST(((*part)->statistics() == fitted));
  {
    const RunDirectory directory(root / "run", Open::existing);
    BOOST_TEST((directory.standardisation() == fitted));
  }
  // Without the training set, and in no other way than the file says.
  fs::rename(root / "data" / "train-images-idx3-ubyte", root / "gone");
  const auto judged = [&] {
    const Finished done = test::ebb("eval " + (root / "run").string());
    BOOST_TEST(done.status == 0, done.output);
    return done.output.substr(std::min(done.output.size(), done.output.find("negative log-likelihood")));
  };
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, "negative log-likelihood  %.4f\n", summary("run").at("test_loss").get<double>());
  BOOST_TEST(has(judged(), wanted), wanted << " is not in " << judged());
  TensorFile file = load_safetensors(weights);
  file.metadata["pixel_mean"] = "0.5";
  save_safetensors(weights, file.tensors, file.metadata);
  BOOST_TEST(!has(judged(), wanted));
  fs::rename(root / "gone", root / "data" / "train-images-idx3-ubyte");
}

// A run goes on with the standardisation that its checkpoint names.
BOOST_AUTO_TEST_CASE(a_run_keeps_its_standardisation) {
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 1")).status == 0);
  const PixelStatistics other{{0.25}, {0.5}};
  {
    const Directory directory(root / "run");
    const Checkpoints checkpoints(directory);
    const std::int64_t step = checkpoints.steps().back();
    TrainState state = checkpoints.load(step);
    BOOST_TEST((statistics_from(state.metadata, "checkpoint") == PixelStatistics{{0.1307}, {0.3081}}));
    for (const auto& [key, value] : to_metadata(other)) state.metadata[key] = value;
    checkpoints.save(step, 0, state);
    // Whoever loads it for data that are standardised in another way is told so.
    Session session(find_recipe((root / "run" / "recipe.toml").string()));
    BOOST_TEST(test::fails_with({"images standardised by", "0.25", "0.1307", "set_statistics"},
                                [&] { session.trainer.load_state(state); }));
  }
  const Finished longer = test::ebb(SmallData::resume("run", "--set epochs=2 --allow-change"));
  BOOST_TEST(longer.status == 0, longer.output);
  BOOST_TEST((statistics_from(load_safetensors(root / "run" / "model.safetensors").metadata, "model") == other));
}

BOOST_AUTO_TEST_CASE(a_finished_run_stays_as_it_is_and_changes_are_refused) {
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 1")).status == 0);
  const std::string hash = summary("run").at("weights_sha256");
  BOOST_TEST(test::ebb(SmallData::resume("run")).status == 0);
  BOOST_TEST(summary("run").at("weights_sha256") == hash);
  const Finished changed = test::ebb(SmallData::resume("run", "--set lr=0.1"));
  BOOST_TEST(changed.status == 1);
  BOOST_TEST(has(changed.output, "--allow-change"));
  BOOST_TEST(has(test::ebb(train("run", "--epochs 1")).output, "a directory with a finished run"));
  BOOST_TEST(test::ebb(train("run", "--epochs 1 --overwrite")).status == 0);
  const Finished longer = test::ebb(SmallData::resume("run", "--set epochs=2 --allow-change"));
  BOOST_TEST(longer.status == 0, longer.output);
  BOOST_TEST(summary("run").at("epochs") == 2);
  // Other data behind the same names.
  test::write_idx(root / "data", "train", 160, Rng(9));
  const Finished other = test::ebb(SmallData::resume("run"));
  BOOST_TEST(other.status == 1);
  BOOST_TEST(has(other.output, "checksums of other data"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(resume_slow, SmallerData)

BOOST_AUTO_TEST_CASE(stopped_after_each_of_fifty_steps) { stop_and_compare(1); }

// EBB_KILLS: how many.
BOOST_AUTO_TEST_CASE(killed_at_random_moments) {
  const char* const kills = std::getenv("EBB_KILLS");
  kill_and_compare(kills == nullptr ? 50 : std::stoi(kills));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::resume_test
