#include "lab/setup/warnings.h"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "framework/tensor/error.h"
#include "lab/setup/build.h"
#include "models/lenet.h"
#include "models/registry.h"
#include "optim/decay_course.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

constexpr std::int64_t batches = 469;  // of 128 images of MNIST

std::string joined(const std::vector<std::string>& sentences) {
  std::string out;
  for (const std::string& sentence : sentences) out += sentence + '\n';
  return out;
}

// What is said at the start of a run of the recipe "mnist", five epochs, with these settings.
std::string said(const std::vector<std::string>& settings) {
  Recipe recipe = find_recipe("mnist");
  apply_settings(recipe, settings);
  LeNet model(Rng(1));
  return joined(run_warnings(recipe, *make_optimizer(recipe, model, batches), batches));
}

BOOST_AUTO_TEST_SUITE(warnings_at_the_start)

BOOST_AUTO_TEST_CASE(no_built_in_recipe_has_any) {
  for (const std::string& name : recipe_names()) {
    const Recipe recipe = find_recipe(name);
    const bool gray = recipe.data.find("mnist") != std::string::npos;
    const auto model = make_model(recipe.model, {.image = gray ? Shape{28, 28, 1} : Shape{32, 32, 3}}, Rng(1));
    const std::int64_t of_it = gray ? batches : 50'000 / recipe.batch;
    BOOST_TEST(joined(run_warnings(recipe, *make_optimizer(recipe, *model, of_it), of_it)).empty(), name);
  }
}

BOOST_AUTO_TEST_CASE(moments_that_never_come_are_named) {
  using Settings = std::vector<std::string>;
  const std::string peak = "the learning rate never reaches its peak";
  for (const auto& [settings, part] :
       {std::pair{Settings{"warmup_epochs=5"}, "warmup_epochs: epoch 5 is not within the 5 of the run: " + peak},
        {Settings{"schedule=step", "step_epochs=4.5"}, "step_epochs: epoch 5 is not within the 5 of the run"},
        {Settings{"schedule=multi_step", "milestones=3, 6, 80"}, "milestones: epoch 80 is not"},
        {Settings{"schedule=cosine_restarts", "period_epochs=10"}, "period_epochs: epoch 10.5 is not within"},
        {Settings{"decay_from_epoch=7"}, "decay_from_epoch: epoch 7 is not within the 5 of the run: nothing decays"},
        {Settings{"decay_until_epoch=7"}, "decay_until_epoch: epoch 7 is not within the 5 of the run: decay goes on"},
        {Settings{"ema=0.9999"},
         "ema = 0.9999 averages over 10,000 updates and the run has 2,345: at the end it spans "
         "the last 262\n"},
        {Settings{"ema=0.9999", "ema_warm_up=false"}, "at the end 79.1 % of it are the starting values"},
        {Settings{"swa_from=5"}, "swa_from = 5 in a run of 5 epochs: a mean of one"},
        {Settings{"swa_from=6"}, "swa_from = 6 in a run of 5 epochs: nothing is averaged"},
        {Settings{"lookahead=5000"}, "lookahead = 5000 in a run of 2345 updates: it never synchronises"},
        {Settings{"patience=5"}, "patience = 5 in a run of 5 evaluations: it never ends the run"},
        {Settings{"plateau=true", "plateau_patience=5"}, "plateau_patience = 5 in a run of 5 evaluations"},
        {Settings{"plateau=true", "plateau_patience=1", "evaluate_every=5"}, "in a run of 1 evaluation: the learning"},
        {Settings{"evaluate_every=7"}, "one evaluation, at the end"}}) {
    const std::string got = said(settings);
    BOOST_TEST(got.find(part) != std::string::npos, "no \"" << part << "\" in: " << got);
    // A run that is long enough is none the worse.
    Settings longer = settings;
    longer.emplace_back("epochs=100");
    BOOST_TEST(said(longer).empty(), said(longer));
    longer.back() = "epochs=0";
    BOOST_TEST(said(longer).empty());
  }
  BOOST_TEST(said({"schedule=multi_step", "milestones=1, 6"}).find("epoch 1 ") == std::string::npos);
  BOOST_TEST(said({"decay_until_epoch=5"}).empty());
}

BOOST_AUTO_TEST_CASE(decay_that_takes_all_of_a_weight_names_its_group) {
  const std::string got = said({"lr=1", "lambda=4"});
  BOOST_TEST(got.find("group \"decayed\": decoupled_lr 4 takes 4 times each weight off it at step ") == 0u, got);
  BOOST_TEST(got.find("multiplies them by -3, and they grow without bound") != std::string::npos, got);
}

// The settings of each `ebb train` by a built-in recipe in a page's blocks of commands.
std::vector<std::pair<std::string, std::vector<std::string>>> commands_of(const std::string& page) {
  std::ifstream file(std::string(EBB_SOURCE_DIR) + '/' + page);
  std::vector<std::pair<std::string, std::vector<std::string>>> commands;
  bool block = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) block = line == "```sh";
    std::istringstream words(line);
    std::string word, name;
    if (!block || !(words >> word) || !word.ends_with("ebb") || !(words >> word) || word != "train") continue;
    words >> name;
    std::vector<std::string> settings;
    while (words >> word && word != "#")
      if (word == "--set" && words >> word) settings.push_back(word);
    if (!name.starts_with("-") && !name.ends_with(".toml")) commands.emplace_back(name, settings);
  }
  return commands;
}

BOOST_AUTO_TEST_CASE(commands_of_the_pages_that_change_the_kind_of_decay_keep_its_timescale) {
  int changed = 0;
  for (const char* const page : {"README.md", "docs/training.md"})
    for (const auto& [name, settings] : commands_of(page)) {
      LeNet model(Rng(1));
      Recipe recipe = find_recipe(name);
      const double before = decay_course(*make_optimizer(recipe, model, batches), 1, 4690).shrink;
      const std::string kind = recipe.decay;
      apply_settings(recipe, settings);
      if (recipe.decay == kind) continue;
      ++changed;
      const auto optimizer = make_optimizer(recipe, model, batches);
      const double after = decay_course(*optimizer, optimizer->groups().size() - 1, 4690).shrink;
      BOOST_TEST(after == before, boost::test_tools::tolerance(1e-9));
      BOOST_TEST(before > 0);
    }
  BOOST_TEST(changed == 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
