// Keys of groups: their own schedule and decay, the epoch from which they stay; keys that mean nothing are refused.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "framework/ops/loss.h"
#include "lab/recipe/names.h"
#include "lab/setup/build.h"
#include "lab/setup/warnings.h"
#include "models/resnet.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::fails_with;
using test::message_of;

constexpr std::int64_t batches = 10;

struct Net {
  Net() : model({.widths = {2, 4, 4}, .blocks = {1, 1, 1}, .channels = 1, .classes = 3}, Rng(1)) {}
  ResNet model;

  std::unique_ptr<Optimizer> optimizer(const std::string& recipe) {
    return make_optimizer(recipe_from_toml(recipe, "my.toml"), model, batches);
  }
};

const std::string head = R"toml(
decay_on = "groups"
epochs = 10
lr = 0.5
[[groups]]
name = "head"
select = "path(\"fc.*\")"
)toml";

BOOST_AUTO_TEST_SUITE(keys_of_groups)

BOOST_FIXTURE_TEST_CASE(a_group_has_its_own_schedule_and_decay_and_inherits_the_rest, Net) {
  const auto made = optimizer(head + R"(
schedule = "multi_step"
milestones = [2, 5]
factor = 0.25
decay = "decoupled_constant"
lambda = 0.125
lambda_schedule = "linear"
decay_from_epoch = 1
decay_until_epoch = 4
[[groups]]
name = "rest"
toward_start = true
)");
  BOOST_REQUIRE(made->groups().size() == 2u);
  const auto lr = [&](std::size_t group, std::int64_t step) { return made->planned_context(group, step).lr; };
  BOOST_TEST(lr(0, 19) == 0.5);
  BOOST_TEST(lr(0, 20) == 0.125);
  BOOST_TEST(lr(0, 50) == 0.03125);
  BOOST_TEST(lr(1, 50) == 0.25, boost::test_tools::tolerance(1e-12));  // the recipe's cosine
  const auto shrink = [&](std::size_t group, std::int64_t step) {
    return made->terms(group, made->planned_context(group, step)).shrink;
  };
  BOOST_TEST(shrink(0, 9) == 0);
  BOOST_TEST(shrink(0, 20) == 0.125 * 0.8, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(shrink(0, 40) == 0);
  BOOST_TEST(shrink(1, 0) == 0.5 * Recipe{}.lambda, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(!made->decay(0).from_start);
  BOOST_TEST(made->decay(1).from_start);
}

BOOST_FIXTURE_TEST_CASE(from_its_last_epoch_on_a_group_stays_as_it_is, Net) {
  const auto made = optimizer(
      head + "until_epoch = 0.3\ndecay = \"decoupled_constant\"\nlambda = 0.1\n[[groups]]\nname = \"rest\"\n");
  State before;
  for (std::int64_t step = 0; step < 6; ++step) {
    before = model.state();
    Tape tape;
    tape.backward(
        softmax_cross_entropy(model(Tensor::full({2, 8, 8, 1}, 0.5)), Tensor::from<std::int64_t>({0, 2}, {2})));
    BOOST_TEST(made->step());
    made->zero_grad();
    for (const ParameterState& p : made->parameters()) {
      if (p.group != 0) continue;
      const bool moved = !std::ranges::equal(p.parameter->value().bytes(), before.at(p.path).bytes());
      BOOST_TEST(moved == (step < 3), p.path << " at step " << step);
      BOOST_TEST(p.updates == std::min<std::int64_t>(step + 1, 3));
    }
    BOOST_TEST((made->lr(0) > 0) == (step + 1 < 3));
    BOOST_TEST((made->terms(0).shrink > 0) == (step + 1 < 3));
    BOOST_TEST(made->lr(1) > 0);
  }
  BOOST_TEST(made->save_state().metadata.at("group/0/settings").find("until step 3") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(every_key_of_a_schedule_changes_it_and_no_other_does, Net) {
  for (const Choice& choice : schedule_choices())
    for (const RecipeKey& key : recipe_keys()) {
      if (std::string_view(key.section) != "schedule") continue;
      const std::string name = key.key;
      if (name == "epochs" || name == "schedule" || name.starts_with("plateau")) continue;
      const bool reads = std::ranges::find(choice.keys, name) != choice.keys.end();
      Recipe recipe;
      recipe.epochs = 40;
      recipe.schedule = choice.name;
      recipe.milestones = {4, 20};
      recipe.schedule_end = 0.125;
      recipe.warmup_epochs = name == "warmup_start" && reads ? 2 : 0;
      const StepCounts steps = step_counts(recipe, batches);
      // Of the learning rate, and of the momentum where it has one.
      const auto course = [&] {
        std::vector<double> all = make_schedule(recipe, steps).series(steps.total);
        if (choice.name != "one_cycle") return all;
        for (const double share : make_momentum_schedule(recipe, steps).series(steps.total)) all.push_back(share);
        return all;
      };
      const std::vector<double> before = course();
      if (name == "warmup_epochs" && !reads) continue;  // is refused
      set(recipe, name,
          key.list                                                                      ? "5, 9"
          : name == "period_growth" || name == "warmup_epochs" || name == "step_epochs" ? "3"
          : name == "period_epochs" || name == "warmup_epochs" || name == "power"       ? "5"
                                                                                        : "0.25");
      BOOST_TEST((before != course()) == reads, choice.name << " and " << name);
    }
}

BOOST_FIXTURE_TEST_CASE(a_bad_selector_is_told_with_file_and_line, Net) {
  const auto told = [&](const std::string& select, const std::string& said) {
    const std::string message = message_of([&] {
      optimizer("decay_on = \"groups\"\n\n[[groups]]\nname = \"rest\"\n\n[[groups]]\nname = \"mine\"\nselect = '" +
                select + "'\n");
    });
    BOOST_TEST(message.find(":8: group \"mine\"" + said) != std::string::npos, message);
  };
  told("wieghts()", ": select] got \"wieghts()\" at character 1");
  told("weights() &&", ": select] got");
  told("role(wight)", ": select] got the role \"wight\"");
}

BOOST_FIXTURE_TEST_CASE(keys_that_the_choice_ignores_are_refused, Net) {
  for (const auto& [text, said] :
       {std::pair{"schedule = \"cosine\"\nrising = 0.2",
                  "[rising] got rising = 0.2 beside schedule = \"cosine\", which ignores it; wanted one of its keys: "
                  "schedule_end, warmup_epochs, warmup_start; leave it out, set rising = \"default\", or choose "
                  "schedule = \"one_cycle\", \"triangular\", \"trapezoid\""},
        {"schedule = \"constant\"\nschedule_end = 0.2", "beside schedule = \"constant\""},
        {"schedule = \"one_cycle\"\nwarmup_epochs = 2", "beside schedule = \"one_cycle\""},
        {"milestones = [1, 2]", "beside schedule = \"cosine\""},
        {"l1 = 0.5", "[l1] got l1 = 0.5 beside decay = \"decoupled_lr\""},
        {"beta1 = 0.5", "beside optimizer = \"sgd\""},
        {"optimizer = \"adamw\"\nmomentum = 0.8\nnesterov = true",
         "momentum = 0.8, nesterov = true beside optimizer = \"adamw\", which ignores them; wanted one of its keys: "},
        {"optimizer = \"adamw\"\nmomentum = 0.8\nnesterov = true",
         "leave them out, set momentum = \"default\", nesterov = \"default\", or choose optimizer = "},
        {"decay_on = \"groups\"\n[[groups]]\nname = \"mine\"\nselect = \"norm()\"",
         "[my.toml:4: group \"mine\": select] got \"norm()\" at character "}}) {
    const std::string message = message_of([&, t = text] { optimizer(t); });
    BOOST_TEST(message.find(said) != std::string::npos, message);
  }
  // In a group any of its own, whatever its value; what it inherits is none of its doing.
  const std::string rest = "[[groups]]\nname = \"rest\"\n";
  for (const char* const idle : {"rising = 0.3\n", "decay = \"none\"\nlambda = 5e-4\n", "l1 = 0\n", "adam = true\n"})
    BOOST_TEST(fails_with({"group \"head\""}, [&] { optimizer(head + idle + rest); }), idle);
  for (const char* const fine :
       {"decay = \"none\"\n", "decay = \"elastic_net\"\nl1 = 0.5\n", "schedule = \"one_cycle\"\nrising = 0.5\n"})
    BOOST_TEST(message_of([&] { optimizer(head + fine + rest); }) == "no error", fine);
  BOOST_TEST(message_of([&] { optimizer("l1 = 0.25" + head + "decay = \"elastic_net\"\n" + rest); }) == "no error");
  // "none" and "nothing" turn decay off, with all its keys.
  for (const char* const off : {"decay = \"none\"", "decay_on = \"nothing\""})
    BOOST_TEST(message_of([&] { optimizer(std::string("lambda = 0.5\ndecay_from_epoch = 1\n") + off); }) == "no error");
}

BOOST_FIXTURE_TEST_CASE(moments_of_groups_that_never_come_are_named, Net) {
  const Recipe recipe =
      recipe_from_toml(head + "until_epoch = 12\ndecay_from_epoch = 11\n[[groups]]\nname = \"rest\"\n", "my.toml");
  std::string all;
  for (const std::string& warning : run_warnings(recipe, *make_optimizer(recipe, model, batches), batches))
    all += warning + '\n';
  BOOST_TEST(all.find("group \"head\": until_epoch: epoch 12 is not within the 10 of the run: it learns to the end") !=
                 std::string::npos,
             all);
  BOOST_TEST(all.find("group \"head\": decay_from_epoch: epoch 11 is not within the 10 of the run: nothing decays") !=
                 std::string::npos,
             all);
}

BOOST_AUTO_TEST_CASE(groups_go_through_toml_with_their_own_keys) {
  const Recipe recipe = recipe_from_toml(
      head + "milestones = [2, 5.5]\nschedule = \"multi_step\"\nuntil_epoch = 3\ntoward_start = true\n", "my.toml");
  BOOST_TEST(recipe.groups.at(0).own.at("milestones") == "2, 5.5");
  BOOST_TEST(recipe.groups.at(0).until_epoch == 3);
  const std::string printed = to_toml(recipe);
  BOOST_TEST(printed.find("milestones = [2, 5.5]\n") != std::string::npos, printed);
  BOOST_TEST(printed.find("toward_start = true\n") != std::string::npos);
  BOOST_TEST(to_toml(recipe_from_toml(printed, "printed")) == printed);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
