#include <boost/test/unit_test.hpp>

#include "framework/tensor/error.h"
#include "lab/recipe/recipe.h"
#include "lab/recipe/selector_text.h"
#include "lab/setup/build.h"
#include "models/lenet.h"
#include "models/registry.h"
#include "models/resnet.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"
#include "tests/support/mutate.h"

namespace ebb::recipe_test {
namespace {

// A model with every role that image nets have: weights, biases, norm scales and shifts.
struct Net {
  Net() : model({.widths = {2, 4, 4}, .blocks = {1, 1, 1}, .channels = 1, .classes = 3}, Rng(1)) {}
  ResNet model;
};

using test::message_of;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

BOOST_AUTO_TEST_SUITE(recipes)

BOOST_AUTO_TEST_CASE(every_key_goes_through_text_and_back) {
  Recipe recipe = find_recipe("fashion-mnist");
  set(recipe, "lr", "0.0375");
  set(recipe, "nesterov", "true");
  set(recipe, "out", "a \"quoted\" \\ path");
  const Recipe back = recipe_from_toml(to_toml(recipe), "test");
  BOOST_TEST(to_toml(back) == to_toml(recipe));
  BOOST_TEST(back.lr == 0.0375);
  BOOST_TEST(back.nesterov.value());
  BOOST_TEST(back.out == "a \"quoted\" \\ path");
  for (const RecipeKey& key : recipe_keys()) BOOST_TEST(get(back, key.key) == get(recipe, key.key));
}

BOOST_AUTO_TEST_CASE(options_of_models_are_optional) {
  Recipe recipe;
  const std::string untouched = to_toml(recipe);
  for (const auto& [key, value, line] : {std::tuple{"norm", "layer", "norm = \"layer\""},
                                         {"norm_groups", "4", "norm_groups = 4"},
                                         {"shortcut", "padding", "shortcut = \"padding\""},
                                         {"dropout", "0.25", "dropout = 0.25"},
                                         {"width", "8", "width = 8"},
                                         {"hidden", "64, 32", "hidden = [64, 32]"},
                                         {"hidden", "", "hidden = []"}}) {
    BOOST_TEST(get(recipe, key) == "default");
    set(recipe, key, value);
    BOOST_TEST(get(recipe, key) == value);
    BOOST_TEST(has(to_toml(recipe), std::string("\n") + line + "\n"), line << " in\n" << to_toml(recipe));
    BOOST_TEST(to_toml(recipe_from_toml(to_toml(recipe), "test")) == to_toml(recipe));
    set(recipe, key, "default");
    BOOST_TEST(to_toml(recipe) == untouched);
  }
  BOOST_TEST((recipe_from_toml("hidden = [7]", "test").hidden == std::vector<std::int64_t>{7}));
  BOOST_TEST((recipe_from_toml("norm = \"none\"", "test").norm == "none"));
  BOOST_TEST((recipe_from_toml("shortcut = \"projection\"", "test").shortcut == Shortcut::projection));
  BOOST_TEST(
      has(message_of([&] { set(recipe, "norm", "instance"); }), "one of \"batch\", \"layer\", \"group\", \"none\""));
  BOOST_TEST(has(message_of([&] { set(recipe, "hidden", "64, 0"); }), "[hidden] got 0;"));
  BOOST_TEST(has(message_of([&] { set(recipe, "dropout", "1"); }), "[dropout]"));
}

BOOST_AUTO_TEST_CASE(wrong_keys_and_values_are_named) {
  Recipe recipe;
  const auto message = [&](const char* key, const char* value) {
    try {
      set(recipe, key, value);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  BOOST_TEST(message("epoch", "3").find("did you mean \"epochs\"") != std::string::npos);
  BOOST_TEST(message("epochs", "three").find("[epochs] got \"three\"; wanted a whole number from 0 to 1 million") !=
             std::string::npos);
  BOOST_TEST(message("batch", "0").find("wanted a whole number from 1 to 1 million") != std::string::npos);
  BOOST_TEST(message("lr", "nan").find("[lr] got nan;") != std::string::npos);
  BOOST_TEST(message("lr", "-1").find("[lr]") != std::string::npos);
  BOOST_TEST(message("lr", "0.1x").find("[lr]") != std::string::npos);
  BOOST_TEST(message("decay", "decoupled").find("one of \"none\", \"coupled_l2\"") != std::string::npos);
  BOOST_TEST(to_toml(recipe) == to_toml(Recipe{}));
  BOOST_TEST(message("momentum", "1").find("[momentum]") != std::string::npos);
  BOOST_TEST(message("milestones", "3, x").find("[milestones] got \"x\"") != std::string::npos);
  BOOST_TEST(message("groups", "x").find("[[groups]] in a recipe file") != std::string::npos);
  BOOST_TEST(message("optimizer", "adamm").find("did you mean \"adam\"") != std::string::npos);
  BOOST_CHECK_THROW(recipe_from_toml("lr = ", "test"), Error);
  BOOST_CHECK_THROW(recipe_from_toml("[lr]\nx = 1", "test"), Error);
  BOOST_CHECK_THROW(recipe_from_toml("rl = 0.1", "test"), Error);
  BOOST_CHECK_THROW(recipe_from_toml("milestones = [1, \"x\"]", "test"), Error);
  BOOST_CHECK_THROW(recipe_from_toml("groups = 3", "test"), Error);
  BOOST_CHECK_THROW(recipe_from_toml("[[groups]]\nselect = \"norms()\"", "test"), Error);
  BOOST_CHECK_THROW(recipe_from_toml("[[groups]]\nname = \"a\"\nlamda = 1", "test"), Error);
  BOOST_CHECK_THROW(find_recipe("no such recipe"), Error);
  BOOST_CHECK_THROW(find_recipe("/nowhere/recipe.toml"), Error);
}

BOOST_AUTO_TEST_CASE(every_built_in_recipe_builds_its_model_and_optimizer) {
  BOOST_TEST(recipe_names().size() >= 2u);
  for (const std::string& name : recipe_names()) {
    const Recipe recipe = find_recipe(name);
    BOOST_TEST(recipe.name == name);
    BOOST_TEST(to_toml(recipe_from_toml(to_toml(recipe), name)) == to_toml(recipe));
    const bool gray = recipe.data.find("mnist") != std::string::npos;
    const auto model = make_model(recipe.model, {.image = gray ? Shape{28, 28, 1} : Shape{32, 32, 3}}, Rng(1));
    BOOST_TEST(make_optimizer(recipe, *model, 100)->lr() >= 0);
  }
}

BOOST_AUTO_TEST_CASE(groups_go_through_toml_and_back) {
  const char* const text = R"toml(
decay_on = "groups"
milestones = [30, 60.5]
[[groups]]
name = "head"
select = "path(\"fc.*\")"
decay = "coupled_l2"
lambda = 1e-3
lr_scale = 10
momentum = 0.5
max_norm = 3.5
[[groups]]
name = "rest"
adam = true
may_be_empty = true
)toml";
  const Recipe recipe = recipe_from_toml(text, "test");
  BOOST_REQUIRE(recipe.groups.size() == 2u);
  BOOST_TEST(recipe.milestones.at(1) == 60.5);
  BOOST_TEST(recipe.groups[0].select == "path(\"fc.*\")");
  BOOST_TEST(recipe.groups[0].own.at("lambda") == "0.001");
  BOOST_TEST(recipe.groups[0].lr_scale == 10);
  BOOST_TEST(recipe.groups[1].own.empty());
  BOOST_TEST(recipe.groups[1].select == "everything_else()");
  BOOST_TEST(recipe.groups[1].adam);
  const std::string printed = to_toml(recipe);
  BOOST_TEST(to_toml(recipe_from_toml(printed, "printed")) == printed);
  BOOST_TEST(has(printed, "max_norm = 3.5"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(recipe_damage)

// An error, or a recipe that prints as it was understood. Returns whether it was read.
bool read_or_refuse(const std::string& text) {
  try {
    const std::string printed = to_toml(recipe_from_toml(text, "damaged"));
    BOOST_TEST(to_toml(recipe_from_toml(printed, "printed")) == printed, text);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Everything that a file can say.
std::string rich_recipe() {
  Recipe recipe = find_recipe("mnist");
  recipe.milestones = {1, 2.5};
  GroupRecipe head, rest;
  head.name = "head \"h\"";
  head.select = "path(\"fc.*\")";
  set(head, "decay", "stable");
  set(head, "lambda", "0.5");
  set(head, "milestones", "2, 3.5");
  head.momentum = 0.5;
  rest.name = "rest";
  rest.max_norm = 2.0;
  rest.adam = rest.may_be_empty = true;
  recipe.groups = {head, rest};
  return to_toml(recipe);
}

BOOST_AUTO_TEST_CASE(every_prefix) {
  const std::string whole = rich_recipe();
  int read = 0;
  for (std::size_t n = 0; n <= whole.size(); ++n) read += read_or_refuse(whole.substr(0, n)) ? 1 : 0;
  BOOST_TEST(read > 100);
  BOOST_TEST(read < static_cast<int>(whole.size()));
}

BOOST_AUTO_TEST_CASE(random_mutations) {
  const std::string whole = rich_recipe();
  int read = 0;
  for (std::uint64_t seed = 0; seed < test::some_of(20'000U); ++seed) {
    test::Dice dice(seed);
    std::string text = whole;
    if (dice.chance(70)) test::mutate_json(text, dice);
    if (dice.chance(50)) {
      test::Bytes bytes = test::bytes_of(text);
      test::mutate_bytes(bytes, dice);
      text = test::text_of(bytes);
    }
    read += read_or_refuse(text) ? 1 : 0;
  }
  // They reach beyond the parser: many stay readable.
  BOOST_TEST(read > test::some_of(500));
  BOOST_TEST(read < test::some_of(15'000));
}

BOOST_AUTO_TEST_CASE(text_that_no_file_could_hold_is_refused) {
  Recipe recipe;
  for (const char* const bad : {"\xff", "a\nb", "\x7f", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    BOOST_CHECK_THROW(set(recipe, "name", bad), Error);
  set(recipe, "name",
      "gr\xc3\xb6\xc3\x9f"
      "e \xe2\x82\xac");
  BOOST_TEST(recipe_from_toml(to_toml(recipe), "test").name ==
             "gr\xc3\xb6\xc3\x9f"
             "e \xe2\x82\xac");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(selector_texts)

BOOST_FIXTURE_TEST_CASE(they_select_as_the_selectors_they_name, Net) {
  const std::vector<Selector> all{norms(),
                                  norms() || biases(),
                                  weights() && !path("fc.*"),
                                  !(norms() || biases()),
                                  (norms() || weights()) && depth(0, -2),
                                  module_type("Linear") || role(Role::bias),
                                  everything_else(),
                                  !weights() && (path("*.scale") || path("fc.?eight"))};
  for (const Selector& wanted : all) {
    const Selector read = selector_from_text(wanted.text());
    BOOST_TEST(read.text() == wanted.text());
    int layer = 0;
    for (const NamedParameter& p : model.named_parameters()) {
      const Candidate c{p.path, p.parameter, p.module->type(), layer++ / 3, 8};
      BOOST_TEST(read(c) == wanted(c), wanted.text() << " on " << p.path);
    }
  }
  // && before ||, ! before both, blanks anywhere.
  BOOST_TEST(selector_from_text(" norms( )||biases()&&! weights()").text() == "norms() || biases() && !weights()");
}

BOOST_AUTO_TEST_CASE(wrong_texts_are_refused_with_the_place) {
  for (const auto& [text, part] : {std::pair{"", "at character 1"},
                                   {"norm()", "did you mean \"norms\"?"},
                                   {"norms", "wanted ("},
                                   {"norms() ||", "at character 11"},
                                   {"norms() biases()", "at character 9"},
                                   {"path(fc)", "wanted \""},
                                   {"path(\"fc)", "a closing quote"},
                                   {"depth(1)", "wanted ,"},
                                   {"depth(a, 1)", "an integer"},
                                   {"(norms()", "wanted )"},
                                   {"role(weigth)", "did you mean \"weight\"?"},
                                   {"norms())", "at character 8"}}) {
    const std::string message = message_of([t = text] { selector_from_text(t); });
    BOOST_TEST(has(message, part), text << ": " << message);
  }
  const std::string deep = std::string(60'000, '!') + "norms()";
  BOOST_TEST(has(message_of([&] { selector_from_text(deep); }), "levels"));
  const std::string open = std::string(60'000, '(');
  BOOST_TEST(has(message_of([&] { selector_from_text(open); }), "levels"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::recipe_test
