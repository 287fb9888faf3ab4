// Runs that go on with other settings: the first recipe stays, changes are kept, shown, and allowed where they fit.
#include <boost/test/unit_test.hpp>
#include <map>

#include "lab/reports/report.h"
#include "lab/runs/recipe_changes.h"
#include "tests/lab/made_up_run.h"
#include "tests/lab/program.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tensors.h"

namespace ebb::changed_runs_test {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::SmallData;

struct Changed : SmallData {
  Changed() : SmallData(60) {}
  Finished begin(const std::string& out) const {
    return test::ebb(train(out, "--epochs 2 --lr 0.02 --threads 1 --model mlp --set hidden=8 "));
  }
  std::string file(const std::string& out, const char* name) const { return test::read(root / out / name); }
  std::string weights(const std::string& out) const { return summary(out).at("weights_sha256"); }
};

BOOST_FIXTURE_TEST_SUITE(changed_runs, Changed)

BOOST_AUTO_TEST_CASE(the_first_recipe_stays_and_changes_are_kept_and_shown) {
  BOOST_REQUIRE(begin("run").status == 0);
  const std::string recipe = file("run", "recipe.toml"), environment = file("run", "environment.json"),
                    first_weights = weights("run");
  BOOST_TEST(!fs::exists(root / "run" / "changes.jsonl"));
  const Finished more = test::ebb(resume("run", "--set lr=0.125 --set epochs=4 --allow-change"));
  BOOST_REQUIRE_MESSAGE(more.status == 0, more.output);
  BOOST_TEST(file("run", "recipe.toml") == recipe);
  BOOST_TEST(file("run", "environment.json") == environment);
  BOOST_TEST(file("run", "changes.jsonl") ==
             "{\"step\":6,\"epochs\":2,\"settings\":[{\"key\":\"lr\",\"from\":\"0.02\",\"to\":\"0.125\"},"
             "{\"key\":\"epochs\",\"from\":\"2\",\"to\":\"4\"}]}\n");
  const RunRecipe read = run_recipe(Directory(root / "run"));
  BOOST_TEST((read.first.lr == 0.02 && read.first.epochs == 2 && read.now.lr == 0.125 && read.now.epochs == 4));
  // What the optimizer has to say of other settings.
  const std::string said = "changed: group \"decayed\" was \"decay decoupled_lr";
  BOOST_TEST(has(more.output, said), more.output);
  BOOST_TEST(has(file("run", "log.jsonl"), "{\"event\":\"change\",\"step\":6,\"epochs\":2,\"text\":\"changed: group "));
  BOOST_TEST(has(more.output, "lr 0.02"), more.output);
  const std::string page = file("run", "report.html");
  BOOST_TEST(has(page, "Changed on the way"));
  BOOST_TEST(has(page, ">lr<"));
  BOOST_TEST(has(page, ">0.125<"));
  // It goes on with what it has, needs no flag for that, and notes nothing twice.
  const std::string changes = file("run", "changes.jsonl");
  const Finished again = test::ebb(resume("run"));
  BOOST_TEST(again.status == 0, again.output);
  BOOST_TEST(!has(again.output, "changed: "), again.output);
  BOOST_TEST(file("run", "changes.jsonl") == changes);
  BOOST_TEST(summary("run").at("epochs") == 4);
  // The recipe alone is the beginning, and says so.
  const Finished anew =
      test::ebb("train " + (root / "run" / "recipe.toml").string() + " --out " + (root / "anew").string());
  BOOST_TEST(anew.status == 0, anew.output);
  BOOST_TEST(has(anew.output, "is what that run was begun with"), anew.output);
  BOOST_TEST(has(anew.output, "lr: \"0.02\" until batch 6, then \"0.125\""), anew.output);
  BOOST_TEST(weights("anew") == first_weights);
  BOOST_TEST(weights("run") != first_weights);
}

// What changes no result is kept too, and is no other training.
BOOST_AUTO_TEST_CASE(harmless_changes_need_no_flag_and_no_warning) {
  BOOST_REQUIRE(begin("run").status == 0);
  BOOST_REQUIRE(test::ebb(resume("run", "--threads 2")).status == 0);
  BOOST_TEST(run_recipe(Directory(root / "run")).now.threads == 2);
  const Finished anew =
      test::ebb("train " + (root / "run" / "recipe.toml").string() + " --out " + (root / "anew").string());
  BOOST_TEST(anew.status == 0, anew.output);
  BOOST_TEST(!has(anew.output, "was begun with"), anew.output);
  BOOST_TEST(weights("anew") == weights("run"));
}

// Whatever the message recommends is then accepted; what cannot be accepted is refused with and without the flag, and
// the run is as it was.
BOOST_AUTO_TEST_CASE(a_flag_is_recommended_where_it_helps) {
  BOOST_REQUIRE(begin("whole").status == 0);
  const std::map<std::string, bool> settings{{"lr=0.1", true},
                                             {"momentum=0.5", true},
                                             {"lambda=0.1", true},
                                             {"decay=coupled_l2", true},
                                             {"epochs=3", true},
                                             {"seed=9", true},
                                             {"schedule=linear", true},
                                             {"ema=0.9", true},
                                             {"lookahead=2", true},
                                             {"swa_from=2", true},
                                             {"flip=random", true},
                                             {"clip=norm", true},
                                             {"batch=30", false},
                                             {"batch=60", false},
                                             {"hidden=9", false},
                                             {"validation=0.5", false},
                                             {"model=lenet --set hidden=default", false},
                                             {"optimizer=adam --set momentum=default --set nesterov=default", false}};
  const std::string run = (root / "run").string();
  for (const auto& [setting, fits] : settings) {
    const std::string key = setting.substr(0, setting.find('='));
    for (const bool allow : {false, true}) {
      fs::remove_all(run);
      fs::copy(root / "whole", run, fs::copy_options::recursive);
      const Finished done = test::ebb(resume("run", "--set " + setting + (allow ? " --allow-change" : "")));
      BOOST_TEST(done.status == (allow && fits ? 0 : 1), setting << ": " << done.output);
      if (!allow) {
        BOOST_TEST(has(done.output, "ebb: [" + key + "] got \""), setting << ": " << done.output);
        BOOST_TEST(has(done.output, "--allow-change") == fits, setting << ": " << done.output);
      }
      BOOST_TEST(fs::exists(root / "run" / "changes.jsonl") == (allow && fits), setting);
      for (const char* const name : {"recipe.toml", "environment.json"})
        BOOST_TEST(file("run", name) == file("whole", name), setting << ' ' << name);
      if (!allow || !fits)
        for (const char* const name : {"summary.json", "log.jsonl", "model.safetensors"})
          BOOST_TEST(file("run", name) == file("whole", name), setting << ' ' << name);
    }
  }
}

BOOST_AUTO_TEST_CASE(averages_begin_and_end_on_the_way) {
  BOOST_REQUIRE(begin("run").status == 0);
  const Finished on = test::ebb(resume("run", "--set epochs=3 --set ema=0.9 --set lookahead=2 --allow-change"));
  BOOST_TEST(on.status == 0, on.output);
  BOOST_TEST(has(on.output, "EMA begins with the weights that were saved"), on.output);
  BOOST_TEST(has(on.output, "lookahead begins with the weights that were saved"), on.output);
  const Finished off = test::ebb(resume("run", "--set epochs=4 --set ema=0 --set lookahead=0 --allow-change"));
  BOOST_TEST(off.status == 0, off.output);
  BOOST_TEST(has(off.output, "EMA was left"), off.output);
  BOOST_TEST(has(off.output, "lookahead was left"), off.output);
  BOOST_TEST(run_recipe(Directory(root / "run")).changes.size() == 2u);
  // An average that begins is the weights; without permission it does not begin.
  test::SmallTraining plain, averaged({.ema = EmaOptions{.keep = 0.99}, .lookahead = LookaheadOptions{.every = 3}});
  for (int i = 0; i < 9; ++i) plain.trainer.step();
  for (int i = 0; i < 4; ++i) averaged.trainer.step();
  const TrainState state = plain.trainer.save_state();
  BOOST_TEST(test::fails_with({"EMA missing"}, [&] { averaged.trainer.load_state(state); }));
  BOOST_TEST(averaged.trainer.batches_done() == 4);
  BOOST_TEST(averaged.trainer.load_state(state, {.other_averages = true}).changed.size() == 2u);
  for (const auto& [name, tensor] : plain.model.state())
    BOOST_TEST(test::same_bits(averaged.trainer.final_weights().at(name), tensor), name);
  const TrainState both = averaged.trainer.save_state();
  BOOST_TEST(both.tensors.count("ema/updates") + both.tensors.count("lookahead/calls") == 2u);
  BOOST_TEST(test::fails_with({"EMA of a training without it"}, [&] { plain.trainer.load_state(both); }));
  BOOST_TEST(plain.trainer.load_state(both, {.other_averages = true}).changed.size() == 2u);
}

BOOST_AUTO_TEST_CASE(other_data_are_a_change) {
  BOOST_REQUIRE(begin("run").status == 0);
  const std::string environment = file("run", "environment.json");
  test::write_idx(root / "data", "train", 60, Rng(9));
  BOOST_TEST(test::ebb(resume("run", "--set epochs=3")).status == 1);
  BOOST_REQUIRE(test::ebb(resume("run", "--set epochs=3 --allow-change")).status == 0);
  BOOST_TEST(file("run", "environment.json") == environment);
  BOOST_TEST(has(file("run", "changes.jsonl"), "{\"key\":\"checksums\",\"from\":\""));
  BOOST_TEST(test::ebb(resume("run")).status == 0);  // these are its data from here on
  test::write_idx(root / "data", "train", 60, Rng(1));
  BOOST_TEST(has(test::ebb(resume("run")).output, "checksums of other data"));
}

// Behind an older checkpoint what was changed later is forgotten, and noted where it holds from.
BOOST_AUTO_TEST_CASE(changes_behind_the_place_of_a_run_move_there) {
  RunRecipe run{.first = {}, .changes = {}, .now = {}};
  const auto change = [&](const char* key, const char* value, std::int64_t step) {
    Recipe next = run.now;
    set(next, key, value);
    run.changes = changes_at(run, next, step, step / 3, "a/b", "a/b");
    run.now = next;
  };
  change("lr", "0.5", 6);
  change("lambda", "0.25", 12);
  BOOST_TEST(to_json_lines(run.changes) ==
             "{\"step\":6,\"epochs\":2,\"settings\":[{\"key\":\"lr\",\"from\":\"0.02\",\"to\":\"0.5\"}]}\n"
             "{\"step\":12,\"epochs\":4,\"settings\":[{\"key\":\"lambda\",\"from\":\"5e-04\",\"to\":\"0.25\"}]}\n");
  BOOST_TEST(to_json_lines(changes_from_json_lines(to_json_lines(run.changes), "x")) == to_json_lines(run.changes));
  const std::vector<RecipeChange> back = changes_at(run, run.now, 9, 3, "a/b", "c/d");
  BOOST_TEST(to_json_lines(back) ==
             "{\"step\":6,\"epochs\":2,\"settings\":[{\"key\":\"lr\",\"from\":\"0.02\",\"to\":\"0.5\"}]}\n"
             "{\"step\":9,\"epochs\":3,\"settings\":[{\"key\":\"lambda\",\"from\":\"5e-04\",\"to\":\"0.25\"},"
             "{\"key\":\"checksums\",\"from\":\"a/b\",\"to\":\"c/d\"}]}\n");
  BOOST_TEST(checksums_after(back, "a/b") == "c/d");
  BOOST_TEST(checksums_after(run.changes, "a/b") == "a/b");
}

BOOST_AUTO_TEST_CASE(damaged_changes_name_file_and_line) {
  const test::TemporaryDirectory folder;
  write_file(folder / "recipe.toml", to_toml(Recipe{}));
  const std::string good =
      "{\"step\":6,\"epochs\":2,\"settings\":[{\"key\":\"lr\",\"from\":\"0.02\",\"to\":\"0.5\"}]}\n";
  const auto refused = [&](const std::string& lines, const char* place) {
    write_file(folder / "changes.jsonl", lines);
    return test::fails_with({place}, [&] { run_recipe(Directory(folder.path())); });
  };
  write_file(folder / "changes.jsonl", good + good);
  BOOST_TEST(run_recipe(Directory(folder.path())).changes.size() == 2u);
  BOOST_TEST(refused(good + good.substr(0, good.size() - 1), "changes.jsonl:2"));
  for (const char* const line :
       {"", "3", "{}", "{\"step\":6,\"epochs\":2,\"settings\":[]}", "{\"step\":6,\"epochs\":2,\"settings\":[3]}",
        "{\"step\":1e300,\"epochs\":2,\"settings\":[{\"key\":\"lr\",\"from\":\"1\",\"to\":\"2\"}]}",
        "{\"step\":5,\"epochs\":2,\"settings\":[{\"key\":\"lr\",\"from\":\"1\",\"to\":\"2\"}]}",
        "{\"step\":6,\"epochs\":2,\"settings\":[{\"key\":\"lr\",\"from\":\"1\",\"to\":2}]}",
        "{\"step\":6,\"epochs\":2,\"settings\":[{\"key\":\"lr\",\"from\":\"1\",\"to\":\"much\"}]}",
        "{\"step\":6,\"epochs\":2,\"settings\":[{\"key\":\"rl\",\"from\":\"1\",\"to\":\"2\"}]}"})
    BOOST_TEST(refused(good + line + "\n", "changes.jsonl:2"), line);
  constexpr std::size_t depth = 300'000;
  BOOST_TEST(refused(good + std::string(depth, '[') + std::string(depth, ']') + "\n", "changes.jsonl:2"));
}

// Runs that were changed are no seeds of those that were not.
BOOST_AUTO_TEST_CASE(comparisons_tell_changed_runs_apart) {
  const test::TemporaryDirectory folder;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    test::MadeUpRun run{.epochs = 2, .steps = 20};
    run.recipe.seed = seed;
    test::write_made_up_run(folder / text("run", seed), run);
  }
  const auto page = [&] {
    return comparison_page({read_run(folder / "run1"), read_run(folder / "run2"), read_run(folder / "run3")});
  };
  BOOST_TEST(!has(page(), "after batch"));
  const auto put = [&](const char* key, const char* from, const char* to) {
    write_file(folder / "run3" / "changes.jsonl", to_json_lines({{20, 1, {{key, from, to}}}}));
  };
  put("threads", "0", "1");
  BOOST_TEST(!has(page(), "after batch"));
  put("lr", text(find_recipe("mnist").lr).c_str(), "0.5");
  BOOST_TEST(has(page(), text("lr from ", find_recipe("mnist").lr, " after batch 20")));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::changed_runs_test
