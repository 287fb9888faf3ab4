// Words of other frameworks, misspelt names and wrong values: what is meant is found, and messages can be read.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"
#include "lab/recipe/names.h"
#include "lab/recipe/recipe.h"
#include "models/registry.h"
#include "tests/support/errors.h"

namespace ebb::words_test {
namespace {

using test::fails_with;
using test::message_of;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string message(const char* key, const char* value = "1") {
  Recipe recipe;
  return message_of([&] { set(recipe, key, value); });
}

BOOST_AUTO_TEST_SUITE(words)

BOOST_AUTO_TEST_CASE(foreign_keys_find_what_they_mean_and_never_the_nearest_wrong_one) {
  for (const auto& [word, key] : {std::pair{"wd", "lambda"},
                                  {"WD", "lambda"},
                                  {"weight_decay", "lambda"},
                                  {"weight-decay", "lambda"},
                                  {"l2", "lambda"},
                                  {"learning_rate", "lr"},
                                  {"LR", "lr"},
                                  {"eta", "lr"},
                                  {"batch_size", "batch"},
                                  {"epoch", "epochs"},
                                  {"momentun", "momentum"},
                                  {"label_smoothign", "label_smoothing"},
                                  {"dataset", "data"},
                                  {"optimiser", "optimizer"},
                                  {"smoothing", "label_smoothing"},
                                  {"rl", "lr"},
                                  {"Lambda", "lambda"},
                                  {"epsilon", "eps"},
                                  {"pretrained", "init"},
                                  {"lamda", "lambda"}}) {
    BOOST_TEST(has(message(word), std::string("did you mean \"") + key + "\"?"), word << ": " << message(word));
    // In [[groups]] too, where the key may stand there.
    GroupRecipe group;
    const bool of_groups =
        std::ranges::any_of(group_keys(), [k = key](const RecipeKey& g) { return g.key == std::string(k); });
    if (of_groups)
      BOOST_TEST(has(message_of([&, w = word] { set(group, w, "1"); }), std::string("\"") + key + '"'), word);
  }
  for (const char* const weight_decay : {"wd", "weight_decay", "l2"})
    BOOST_TEST(has(message(weight_decay), "SGD and Adam of PyTorch have \"coupled_l2\", AdamW \"decoupled_lr\""));
  for (const char* const unknown : {"wx", "zz", "foo", "thing_of_mine"}) {
    BOOST_TEST(!has(message(unknown), "did you mean"), message(unknown));
    BOOST_TEST(has(message(unknown), "`ebb train --help` lists them"));
  }
  BOOST_TEST(has(message("plateau_f"), "\"plateau_factor\""));
  BOOST_TEST(has(message("warmup"), "did you mean \"warmup_epochs\" or \"warmup_start\"?"), message("warmup"));
}

BOOST_AUTO_TEST_CASE(synonyms_lead_to_names_that_exist) {
  std::vector<std::string> all{"true", "false"};
  for (const RecipeKey& key : recipe_keys()) all.emplace_back(key.key);
  for (const std::vector<std::string>& some :
       {optimizer_names(), schedule_names(), decay_names(), data_names(), decay_policies(), recipe_names()})
    all.insert(all.end(), some.begin(), some.end());
  for (const Synonym& synonym : recipe_synonyms()) {
    BOOST_TEST((std::ranges::find(all, synonym.name) != all.end()), synonym.name);
    for (const char c : synonym.word) BOOST_TEST(((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')), synonym.word);
  }
}

BOOST_AUTO_TEST_CASE(names_are_found_in_any_case_with_or_without_hyphens) {
  Recipe recipe;
  for (const auto& [key, value, name] : {std::tuple{"optimizer", "AdamW", "adamw"},
                                         {"optimizer", "SGD", "sgd"},
                                         {"optimizer", "RMSprop", "rmsprop"},
                                         {"data", "CIFAR-10", "cifar10"},
                                         {"data", "Fashion_MNIST", "fashion-mnist"},
                                         {"data", "FashionMNIST", "fashion-mnist"},
                                         {"schedule", "OneCycle", "one_cycle"},
                                         {"decay", "Decoupled-LR", "decoupled_lr"},
                                         {"clip", "Norm", "norm"},
                                         {"flip", "Random", "random"},
                                         {"nesterov", "True", "true"}}) {
    set(recipe, key, value);
    BOOST_TEST(get(recipe, key) == name);
  }
  BOOST_TEST(is_model_name("ResNet-20"));
  BOOST_TEST(is_model_name("WRN-16-4"));
  BOOST_TEST(find_recipe("MNIST").name == "mnist");
  BOOST_TEST(find_recipe("Fashion_MNIST").name == "fashion-mnist");
}

BOOST_AUTO_TEST_CASE(foreign_and_misspelt_names_find_what_they_mean) {
  for (const auto& [key, value, meant] :
       {std::tuple{"decay", "AdamW", "did you mean \"decoupled_lr\"?"},
        {"decay", "l2", "did you mean \"coupled_l2\"?"},
        {"decay", "decoupled", "did you mean \"decoupled_lr\", \"decoupled_schedule\" or \"decoupled_constant\"?"},
        {"optimizer", "adamm", "did you mean \"adam\"?"},
        {"schedule", "CosineAnnealingLR", "did you mean \"cosine\"?"},
        {"schedule", "poly", "did you mean \"polynomial\"?"},
        {"schedule", "cosin", "did you mean \"cosine\" or \"cosine_restarts\"?"},
        {"data", "cifar", "did you mean \"cifar10\" or \"cifar100\"?"},
        {"nesterov", "yes", "wanted true or false; did you mean \"true\"?"},
        {"non_finite", "skipp", "did you mean \"skip\"?"}})
    BOOST_TEST(has(message(key, value), meant), message(key, value));
  BOOST_TEST(has(message("swa", "true"), "did you mean \"swa_from\"?"), message("swa", "true"));
  BOOST_TEST(
      has(message_of([] { find_recipe("cifar10"); }), "did you mean \"cifar10-resnet20\" or \"cifar10-speed\"?"));
  BOOST_TEST(has(message_of([] { find_recipe("cifar"); }), "did you mean \"cifar10-resnet20\" or \"cifar10-speed\"?"));
  BOOST_TEST(has(message_of([] { find_recipe("mnits"); }), "did you mean \"mnist\"?"));
}

BOOST_AUTO_TEST_CASE(a_message_has_its_list_once) {
  for (const auto& [key, name] : {std::pair{"optimizer", "adadelta"},
                                  {"decay", "proximal_l2"},
                                  {"schedule", "linear"},
                                  {"data", "optdigits"},
                                  {"model", "mobilenetv2"},
                                  {"norm", "layer"}})
    BOOST_TEST(count_of(message(key, "nothing of the kind"), std::string("\"") + name + '"') == 1u,
               message(key, "nothing of the kind"));
  const std::string recipes = message_of([] { find_recipe("nothing of the kind"); });
  BOOST_TEST(count_of(recipes, "cifar10-speed") == 1u, recipes);
}

BOOST_AUTO_TEST_CASE(ranges_can_be_read) {
  for (const auto& [key, value, wanted] :
       {std::tuple{"seed", "-1", "[seed] got -1; wanted a whole number of at least 0"},
        {"epochs", "-1", "[epochs] got -1; wanted a whole number from 0 to 1 million"},
        {"step_epochs", "-1", "[step_epochs] got -1; wanted a number from 0 to 1 million"},
        {"lr", "fast", "[lr] got \"fast\"; wanted a number of at least 0"},
        {"clip_limit", "0", "[clip_limit] got 0; wanted a number above 0"},
        {"momentum", "1", "[momentum] got 1; wanted a number from 0 to below 1"},
        {"plateau_factor", "1", "[plateau_factor] got 1; wanted a number above 0 and below 1"}})
    BOOST_TEST(message(key, value) == wanted);
  // No bound is written with an exponent or with a million digits.
  for (const RecipeKey& key : recipe_keys()) {
    if (key.list || key.initial.empty()) continue;
    const std::string said = message(key.key.c_str(), "-0.5x");
    BOOST_TEST(!has(said, "e+"), said);
    BOOST_TEST(!has(said, "000000"), said);
  }
}

BOOST_AUTO_TEST_CASE(messages_about_a_file_name_file_and_line_and_speak_toml) {
  const auto refused = [](const std::string& text) { return message_of([&] { recipe_from_toml(text, "my.toml"); }); };
  for (const auto& [text, said] :
       {std::pair{"lr = 0.1\n\nwd = 5e-4\n",
                  "[my.toml:3: recipe] got the key \"wd\"; wanted a known key; did you mean \"lambda\"?"},
        {"lr = 0.1\nmomentum = 1\n", "[my.toml:2: momentum] got 1; wanted a number from 0 to below 1"},
        {"norm = \"instance\"",
         "[my.toml:1: norm] got \"instance\"; wanted one of \"batch\", \"layer\", \"group\", \"none\""},
        {"[[groups]]\nname = \"a\"\nweight_decay = 1\n",
         "[my.toml:3: groups] got the key \"weight_decay\"; wanted a known key; did you mean \"lambda\"?"},
        {"[[groups]]\nname = \"a\"\nlambda = -1\n", "[my.toml:3: lambda] got -1; wanted a number of at least 0"},
        {"[[groups]]\nname = \"a\"\nbatch = 1\n", "[my.toml:3: groups] got the key \"batch\"; wanted a known key"},
        {"\n[optimizer]\nlr = 0.1\n", "recipes have no tables but [[groups]]"},
        {"nesterov = 1\n", "[my.toml:1: nesterov] got 1; wanted true or false"}})
    BOOST_TEST(has(refused(text), said), refused(text));
  BOOST_TEST(has(refused("\n[optimizer]\nlr = 0.1\n"), "my.toml:2"));
}

BOOST_AUTO_TEST_CASE(default_sets_every_key_back) {
  Recipe recipe;
  for (const RecipeKey& key : recipe_keys()) {
    set(recipe, key.key, key.initial);
    BOOST_TEST(get(recipe, key.key) == key.initial, key.key);
    BOOST_TEST(!key.help.empty());
  }
  set(recipe, "rising", "0.5");
  set(recipe, "rising", "default");
  set(recipe, "flip", "random");
  set(recipe, "flip", "default");
  set(recipe, "name", "default");  // a name like another
  BOOST_TEST(recipe.rising == Recipe{}.rising);
  BOOST_TEST((recipe.augment.flip == Flip::none));
  BOOST_TEST(recipe.name == "default");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::words_test
