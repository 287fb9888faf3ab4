#include "lab/setup/extensions.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "lab/recipe/names.h"
#include "optim/sgd.h"
#include "tests/lab/program.h"
#include "tests/support/tensors.h"

namespace ebb::extensions_test {
namespace {

using test::has;

BOOST_AUTO_TEST_SUITE(extensions)

using test::error_of;

std::unique_ptr<Layer> no_layer(std::int64_t, const Recipe&) { return nullptr; }

BOOST_AUTO_TEST_CASE(names_that_cannot_be_are_errors) {
  const auto norms = [](const std::string& name) { return Extensions{.norms = {{.name = name, .make = no_layer}}}; };
  BOOST_TEST(checked(norms("mine")) != nullptr);
  for (const char* const name : {"", "two words", "new\nline", "batch", "BATCH", "lay-er", "\"", "default"})
    BOOST_TEST(has(error_of([&] { checked(norms(name)); }), "Extensions: norm"), name);
  BOOST_TEST(has(error_of([] {
                   checked({.norms = {{.name = "a", .make = no_layer}, {.name = "A", .make = no_layer}}});
                 }),
                 "norm \"A\"] got a name that is given twice"));
  BOOST_TEST(has(error_of([&] { checked(norms("batch")); }), "norm \"batch\"] got a name of Ebb's"));
  BOOST_TEST(has(error_of([] { checked({.norms = {{.name = "a", .make = {}}}}); }), "no function"));
  BOOST_TEST(has(error_of([] { checked({.keys = {{.name = "lr"}}}); }), "a name of Ebb's"));
  BOOST_TEST(has(error_of([] { checked({.keys = {{.name = "groups"}}}); }), "a name of Ebb's"));
  BOOST_TEST(has(error_of([] { checked({.keys = {{.name = "a", .initial = 2, .high = 1}}}); }), "from"));
  const auto model = [](const char* name, const char* key) {
    return Extensions{.models = {{.name = name,
                                  .keys = {key},
                                  .make = [](const ModelOptions&, const Rng&, const Recipe&) -> std::unique_ptr<Layer> {
                                    return nullptr;
                                  }}}};
  };
  BOOST_TEST(has(error_of([&] { checked(model("resnet8", "norm")); }), "a name of Ebb's"));
  BOOST_TEST(has(error_of([&] { checked(model("mine", "nrm")); }), "did you mean \"norm\"?"));
}

// An optimizer, a schedule and a decay of one's own, with a key that they alone read.
BOOST_AUTO_TEST_CASE(keys_beside_other_choices_are_refused) {
  const auto own = checked(
      {.optimizers = {{.name = "plain",
                       .keys = {"rate", "momentum"},
                       .make = [](const Groups& groups, const CommonOptions& common,
                                  const Recipe& recipe) -> std::unique_ptr<Optimizer> {
                         return std::make_unique<Sgd>(
                             groups, SgdOptions{.lr = common.lr * recipe.own.at("rate"), .schedule = common.schedule});
                       }}},
       .schedules = {{.name = "half",
                      .make =
                          [](const StepCounts& steps, const Recipe&) {
                            return step_decay(std::max<std::int64_t>(1, steps.total / 2), 0.25);
                          }}},
       .decays = {{.name = "twice",
                   .make = [](const Lambda& lambda,
                              const Recipe&) { return decoupled_lr(Lambda(2 * lambda.value())); }}},
       .keys = {{.name = "rate", .initial = 1, .low = 0}}});
  const auto made = [&](const std::string& toml) {
    Parameter w("w", Role::weight, Tensor::full({1, 1}, 1));
    Sequential model{Rng(1)};
    model.add<Linear>({.in = 2, .out = 2});
    const Recipe recipe = recipe_from_toml(toml, "my.toml", own);
    const auto optimizer = make_optimizer(recipe, model, 10);
    return text(optimizer->lr(), ' ', optimizer->decay(1).text(), ' ', optimizer->common().schedule(30));
  };
  BOOST_TEST(made("optimizer = \"plain\"\nrate = 3\nlr = 0.5\nepochs = 4\nschedule = \"half\"\ndecay = \"twice\"\n") ==
             "1.5 decoupled_lr 0.001 0.25");
  BOOST_TEST(has(error_of([&] { made("rate = 3"); }), "beside optimizer = \"sgd\", which ignores it"));
  BOOST_TEST(has(error_of([&] { made("optimizer = \"plain\"\nnesterov = true"); }), "which ignores it"));
  BOOST_TEST(has(error_of([&] { made("schedule = \"half\"\npower = 3"); }), "which ignores it"));
  BOOST_TEST(has(error_of([&] { made("decay = \"twice\"\nl1 = 3"); }), "which ignores it"));
}

// A key of one's own belongs to the models that list it; one that nothing lists belongs to all.
BOOST_AUTO_TEST_CASE(own_keys_of_models_are_refused_beside_other_models) {
  const auto none = [](const ModelOptions&, const Rng&, const Recipe&) { return std::unique_ptr<Layer>(); };
  const auto own = checked(
      {.models = {{.name = "small", .keys = {"norm", "small_width"}, .make = none}, {.name = "plain", .make = none}},
       .keys = {{.name = "small_width", .initial = 8}, {.name = "free", .initial = 1}}});
  const auto read = [&](const std::string& toml) { return recipe_from_toml(toml, "my.toml", own); };
  BOOST_TEST(read("model = \"small\"\nsmall_width = 20\nfree = 2").own.at("small_width") == 20);
  BOOST_TEST(read("model = \"resnet-8\"\nfree = 2").own.at("free") == 2);
  BOOST_TEST(read("model = \"resnet-8\"\nsmall_width = 8").own.at("small_width") == 8);
  for (const char* const other : {"resnet-8", "plain"}) {
    const std::string said = error_of([&] {
      const Recipe recipe = read(text("model = \"", other, "\"\nsmall_width = 20"));
      require_no_idle_keys(recipe);
    });
    BOOST_TEST(has(said, text("small_width = 20 beside model = \"", other, "\", which ignores it")), said);
    BOOST_TEST(has(said, "choose model = \"small\""), said);
  }
  const auto keys = recipe_keys(read(""));
  BOOST_TEST(std::ranges::any_of(keys, [](const RecipeKey& key) { return has(key.help, "; of small"); }));
}

BOOST_AUTO_TEST_CASE(things_that_are_not_made_are_errors_that_name_them) {
  const auto own =
      checked({.optimizers = {{.name = "nothing", .make = [](const Groups&, const CommonOptions&, const Recipe&) {
                                 return std::unique_ptr<Optimizer>();
                               }}}});
  Sequential model{Rng(1)};
  model.add<Linear>({.in = 2, .out = 2});
  const Recipe recipe = recipe_from_toml("optimizer = \"nothing\"", "my.toml", own);
  BOOST_TEST(has(error_of([&] { make_optimizer(recipe, model, 10); }), "none from \"nothing\""));
  const NormOptions norm{.own = [](std::int64_t) { return std::unique_ptr<Layer>(); }};
  BOOST_TEST(has(error_of([&] { make_model("resnet-8", {.norm = norm}, Rng(1)); }), "[Child norm1] got no layer"));
  BOOST_TEST(has(error_of([&] { make_model("vgg11bn", {.image = {32, 32, 3}, .norm = norm}, Rng(1)); }), "no layer"));
}

BOOST_AUTO_TEST_CASE(recipes_of_unknown_programs_are_read_and_printed_as_they_are) {
  const Recipe recipe = recipe_from_toml(
      "model = \"swirl\"\noptimizer = \"Mine\"\nrho = 0.25\nnorm = \"odd\"\n[[groups]]\nname = \"a\"\ndecay = "
      "\"own\"\n",
      "my.toml", any_names());
  BOOST_TEST(get(recipe, "rho") == "0.25");
  BOOST_TEST(get(recipe, "other").empty());
  BOOST_TEST(to_toml(recipe_from_toml(to_toml(recipe), "printed", any_names())) == to_toml(recipe));
  for (const char* const wrong : {"rho = \"text\"", "rho = [1]", "rho = true", "decay_on = \"foo\"", "clip = \"foo\"",
                                  "Rho = 1", "\"\" = 1", "\"a b\" = 1", "lr = \"foo\""})
    BOOST_CHECK_THROW(recipe_from_toml(wrong, "my.toml", any_names()), Error);
  BOOST_TEST(has(error_of([&] { for_program(recipe, nullptr); }), "the program that the run was made with"));
  std::string many;
  for (int i = 0; i < 101; ++i) many += text("key", i, " = 1\n");
  BOOST_CHECK_THROW(recipe_from_toml(many, "my.toml", any_names()), Error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::extensions_test
