#include "lab/setup/build.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "framework/ops/loss.h"
#include "lab/recipe/names.h"
#include "models/resnet.h"
#include "optim/sgd.h"
#include "tests/support/errors.h"

namespace ebb::build_test {
namespace {

using test::message_of;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// A model with every role that image nets have: weights, biases, norm scales and shifts.
struct Net {
  Net() : model({.widths = {2, 4, 4}, .blocks = {1, 1, 1}, .channels = 1, .classes = 3}, Rng(1)) {}
  ResNet model;
};

BOOST_AUTO_TEST_SUITE(recipe_objects)

BOOST_FIXTURE_TEST_CASE(every_optimizer_is_made_and_moves_the_weights, Net) {
  for (const std::string& name : optimizer_names()) {
    Recipe recipe;
    recipe.optimizer = name;
    recipe.lr = 0.01;
    const State before = model.state();
    const auto optimizer = make_optimizer(recipe, model, 10);
    BOOST_TEST(optimizer->name() == name);
    Tape tape;
    const Var logits = model(Tensor::full({2, 8, 8, 1}, 0.5));
    tape.backward(softmax_cross_entropy(logits, Tensor::from<std::int64_t>({0, 2}, {2})));
    BOOST_TEST(optimizer->step());
    std::size_t moved = 0;
    for (const ParameterState& p : optimizer->parameters())
      moved += std::ranges::equal(p.parameter->value().bytes(), before.at(p.path).bytes()) ? 0u : 1u;
    BOOST_TEST(moved >= optimizer->parameters().size() - 2, name << " moved " << moved);
    model.zero_grad();
  }
}

BOOST_FIXTURE_TEST_CASE(settings_reach_the_optimizer_and_none_is_set_in_vain, Net) {
  const auto settings = [&](const std::string& optimizer, const char* key, const char* value) {
    Recipe recipe;
    recipe.optimizer = optimizer;
    set(recipe, key, value);
    return make_optimizer(recipe, model, 10)->save_state().metadata.at("settings");
  };
  BOOST_TEST(has(settings("sgd", "nesterov", "true"), "nesterov"));
  BOOST_TEST(has(settings("adam", "beta2", "0.95"), "0.95"));
  BOOST_TEST(has(settings("nadam", "momentum_decay", "0.25"), "0.25"));
  BOOST_TEST(has(settings("rmsprop", "alpha", "0.75"), "0.75"));
  BOOST_TEST(has(settings("lars", "trust", "0.0625"), "0.0625"));
  BOOST_TEST(has(settings("adadelta", "alpha", "0.75"), "0.75"));
  BOOST_TEST(has(settings("adagrad", "lr_decay", "0.125"), "0.125"));
  struct Vain {
    const char *optimizer, *key, *value;
  };
  for (const Vain& vain : {Vain{"adam", "momentum", "0.9"},
                           {"sgd", "beta1", "0.9"},
                           {"lion", "eps", "0.1"},
                           {"sgd", "centered", "true"},
                           {"adamw", "adam_lr", "0.1"}}) {
    const std::string message = message_of([&] { settings(vain.optimizer, vain.key, vain.value); });
    BOOST_TEST(has(message, std::string("beside optimizer = \"") + vain.optimizer + '"'), message);
  }
}

BOOST_AUTO_TEST_CASE(options_reach_the_model_and_none_is_set_in_vain) {
  const TensorDataset data(Tensor::zeros({4, 32, 32, 3}), Tensor::zeros({4}, DType::i64), 10);
  const auto made = [&](const char* model, const std::vector<std::pair<const char*, const char*>>& settings) {
    Recipe recipe;
    set(recipe, "model", model);
    for (const auto& [key, value] : settings) set(recipe, key, value);
    return make_model(recipe, data);
  };
  const auto count = [&](const char* model, const char* key, const char* value) {
    return made(model, {{key, value}})->parameter_count();
  };
  BOOST_TEST(count("resnet20", "shortcut", "default") == 272474);
  BOOST_TEST(count("resnet20", "shortcut", "padding") == 269722);
  BOOST_TEST(count("mlp", "hidden", "4, 3") == 3072 * 4 + 4 + 4 * 3 + 3 + 3 * 10 + 10);
  BOOST_TEST(count("resnet9", "width", "8") < count("resnet9", "width", "16") / 3);
  const auto modules = [&](const std::unique_ptr<Layer>& model, const char* type) {
    return std::ranges::count(model->named_modules(), type, [](const NamedModule& m) { return m.module->type(); });
  };
  BOOST_TEST(modules(made("resnet20", {}), "BatchNorm2d") == 21);
  BOOST_TEST(modules(made("resnet20", {{"norm", "layer"}}), "GroupNorm") == 21);
  BOOST_TEST(modules(made("resnet20", {{"norm", "none"}}), "BatchNorm2d") == 0);
  BOOST_TEST(modules(made("wrn-10-1", {}), "Dropout") == 0);
  BOOST_TEST(modules(made("wrn-10-1", {{"dropout", "0.25"}}), "Dropout") == 3);
  const auto answer = [&](const std::vector<std::pair<const char*, const char*>>& settings) {
    const auto model = made("resnet8", settings);
    return (*model)(Tensor::full({1, 32, 32, 3}, 0.5)).value().at({0, 0});
  };
  BOOST_TEST(answer({{"norm", "group"}, {"norm_groups", "1"}}) == answer({{"norm", "layer"}}));
  BOOST_TEST(answer({{"norm", "group"}, {"norm_groups", "4"}}) != answer({{"norm", "layer"}}));
  for (const auto& [model, key, value, part] :
       {std::tuple{"lenet", "norm", "batch", "got norm for lenet; wanted no option"},
        {"resnet20", "dropout", "0.1", "got dropout for resnet20; wanted one of norm, shortcut"},
        {"wrn-16-4", "shortcut", "padding", "shortcut for wrn-16-4"},
        {"resnet18", "width", "8", "width for resnet18"},
        {"linear", "hidden", "8", "hidden for linear"},
        {"resnet20", "norm_groups", "4", "[norm_groups] got norm_groups = 4 beside norm = \"default\""},
        {"resnet-7", "norm", "batch", "depth 7"},
        {"resnet2O", "norm", "batch", "resnet20"}}) {
    const std::string message = message_of([&, m = model, k = key, v = value] { made(m, {{k, v}}); });
    BOOST_TEST(has(message, part), message);
  }
}

BOOST_AUTO_TEST_CASE(schedules_have_their_values) {
  Recipe recipe;
  recipe.epochs = 10;
  const StepCounts steps = step_counts(recipe, 20);  // 200 steps
  const auto at = [&](std::int64_t step) { return make_schedule(recipe, steps)(step); };
  const double pi = std::acos(-1);
  recipe.schedule = "cosine";
  recipe.schedule_end = 0.1;
  BOOST_TEST(at(50) == 0.1 + 0.9 * (1 + std::cos(pi / 4)) / 2, boost::test_tools::tolerance(1e-12));
  recipe.warmup_epochs = 2;  // 40 steps, 160 are left
  recipe.warmup_start = 0.5;
  BOOST_TEST(at(0) == 0.5);
  BOOST_TEST(at(20) == 0.75);
  BOOST_TEST(at(40) == 1);
  BOOST_TEST(at(120) == 0.55, boost::test_tools::tolerance(1e-12));
  recipe.schedule = "linear";
  BOOST_TEST(at(120) == 0.55, boost::test_tools::tolerance(1e-12));
  recipe.schedule = "polynomial";
  recipe.power = 3;
  BOOST_TEST(at(120) == 0.1 + 0.9 * 0.125, boost::test_tools::tolerance(1e-12));
  recipe.schedule = "multi_step";
  recipe.milestones = {4, 6};
  recipe.factor = 0.5;
  BOOST_TEST(at(79) == 1);
  BOOST_TEST(at(80) == 0.5);
  BOOST_TEST(at(120) == 0.25);
  recipe.warmup_epochs = 0;
  recipe.schedule = "step";
  recipe.step_epochs = 3;
  BOOST_TEST(at(59) == 1);
  BOOST_TEST(at(60) == 0.5);
  recipe.schedule = "exponential";
  BOOST_TEST(at(40) == 0.25, boost::test_tools::tolerance(1e-12));
  recipe.schedule = "cosine_restarts";
  recipe.period_epochs = 2;
  BOOST_TEST(at(20) == 0.55, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(at(40) == 1);
  BOOST_TEST(at(80) == 0.55, boost::test_tools::tolerance(1e-12));
  recipe.schedule = "triangular";
  recipe.rising = 0.25;
  BOOST_TEST(at(25) == 0.5);
  BOOST_TEST(at(50) == 1);
  BOOST_TEST(at(125) == 0.55, boost::test_tools::tolerance(1e-12));
  recipe.schedule = "trapezoid";
  recipe.falling = 0.5;
  BOOST_TEST(at(75) == 1);
  BOOST_TEST(at(150) == 0.55, boost::test_tools::tolerance(1e-12));
  recipe.schedule = "one_cycle";
  BOOST_TEST(at(0) == recipe.schedule_start, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(at(49) == 1);
  BOOST_TEST(at(199) == 0.1, boost::test_tools::tolerance(1e-12));
  recipe.schedule = "constant";
  BOOST_TEST(at(150) == 1);
}

// The legal ones: shares in steps of 0.05 that add to 1 at most.
BOOST_AUTO_TEST_CASE(rising_and_falling_fit_into_every_number_of_steps) {
  for (std::int64_t total = 1; total <= 200; ++total)
    for (int rising = 0; rising <= 20; ++rising)
      for (int falling = 0; rising + falling <= 20; ++falling) {
        Recipe recipe;
        recipe.epochs = total;
        recipe.rising = rising * 0.05;
        recipe.falling = falling * 0.05;
        recipe.schedule_end = 0.25;
        for (const char* const name : {"trapezoid", "triangular"}) {
          if (name == std::string("triangular") && falling > 0) continue;
          recipe.schedule = name;
          const Schedule made = make_schedule(recipe, step_counts(recipe, 1));
          const std::vector<double> course = made.series(total + 1);
          const auto share = [&](int twentieths) { return static_cast<double>(total * twentieths) / 20; };
          // The rise is off by half a step at most, and the end is reached with the run.
          const auto rises = std::ranges::find(course, 1.0) - course.begin();
          const bool fine = std::ranges::all_of(course, [](double m) { return m >= 0 && m <= 1; }) &&
                            course.back() == 0.25 &&
                            (std::abs(static_cast<double>(rises) - share(rising)) <= 0.5 || rises == total + 1);
          if (!fine) BOOST_ERROR(text(made.text(), " for ", total, " steps, rising ", rising, ", falling ", falling));
        }
      }
  // Shares as people write them.
  Recipe recipe;
  recipe.epochs = 7;
  recipe.schedule = "trapezoid";
  for (const auto& [rising, falling] : {std::pair{0.7, 0.3}, {0.1 + 0.2, 0.7}, {0.35, 0.65}, {1.0, 0.0}, {0.0, 1.0}}) {
    recipe.rising = rising;
    recipe.falling = falling;
    BOOST_TEST(make_schedule(recipe, step_counts(recipe, 1))(3) > 0);
  }
}

BOOST_FIXTURE_TEST_CASE(every_built_in_recipe_has_a_schedule_for_every_number_of_epochs, Net) {
  for (const std::string& name : recipe_names())
    for (std::int64_t epochs = 1; epochs <= 40; ++epochs) {
      Recipe recipe = find_recipe(name);
      recipe.epochs = epochs;  // cifar10-speed: 50 batches an epoch
      const StepCounts steps = step_counts(recipe, 50);
      double peak = 0;
      for (const double multiplier : make_schedule(recipe, steps).series(steps.total))
        peak = std::max(peak, multiplier);
      BOOST_TEST(peak > 0.9, name << " with " << epochs << " epochs");
      BOOST_TEST(peak <= 1);
    }
}

// As PyTorch's OneCycleLR with cycle_momentum: 0.95 at both ends and 0.85 at the peak of the learning rate.
BOOST_FIXTURE_TEST_CASE(momentum_falls_where_one_cycle_rises, Net) {
  Recipe recipe;
  recipe.epochs = 10;
  recipe.schedule = "one_cycle";
  recipe.rising = 0.25;
  recipe.momentum_low = 0.85 / 0.95;
  const auto at = [&](const char* name, std::int64_t step) {
    recipe.optimizer = name;
    const auto optimizer = make_optimizer(recipe, model, 20);
    return optimizer->planned_context(0, step).momentum;
  };
  recipe.momentum = 0.95;
  for (const char* const name : {"sgd", "muon", "lars"}) {
    BOOST_TEST(at(name, 0) == 0.95, name);
    BOOST_TEST(at(name, 49) == 0.85, boost::test_tools::tolerance(1e-12));  // the last step of the rise: 0.25 of 200
    BOOST_TEST(at(name, 124) == 0.9, boost::test_tools::tolerance(1e-12));  // half of the fall
    BOOST_TEST(at(name, 199) == 0.95, boost::test_tools::tolerance(1e-12));
  }
  recipe.momentum.reset();
  recipe.beta1 = 0.9;
  for (const char* const name : {"adam", "adamw", "nadam", "radam", "lamb", "lion"}) {
    BOOST_TEST(at(name, 0) == 0.9, name);
    BOOST_TEST(at(name, 49) == 0.9 * 0.85 / 0.95, boost::test_tools::tolerance(1e-12));
  }
  recipe.beta1.reset();
  for (const char* const name : {"adagrad", "adadelta"}) {
    recipe.optimizer = name;
    BOOST_TEST(has(message_of([&] { make_optimizer(recipe, model, 20); }),
                   text("[momentum_low] got momentum_low = ", recipe.momentum_low, " beside optimizer = \"", name)));
  }
  recipe.optimizer = "sgd";
  recipe.schedule = "cosine";
  BOOST_TEST(has(message_of([&] { make_optimizer(recipe, model, 20); }), "beside schedule = \"cosine\""));
  recipe.momentum_low = 1;
  recipe.schedule = "one_cycle";
  BOOST_TEST(at("sgd", 49) == 0.9);
}

BOOST_AUTO_TEST_CASE(schedules_that_contradict_themselves_are_refused) {
  Recipe recipe;
  const auto message = [&] { return message_of([&] { make_schedule(recipe, step_counts(recipe, 20)); }); };
  recipe.schedule = "one_cycle";
  recipe.warmup_epochs = 1;
  BOOST_TEST(has(message(), "[warmup_epochs] got warmup_epochs = 1 beside schedule = \"one_cycle\""));
  recipe.schedule = "multi_step";
  BOOST_TEST(has(message(), "[milestones]"));
  recipe.warmup_epochs = 0;
  recipe.schedule = "trapezoid";
  recipe.rising = recipe.falling = 0.6;
  BOOST_TEST(has(message(), "a sum of at most 1"));
  for (const std::string& name : schedule_names()) {
    Recipe plain;
    plain.schedule = name;
    plain.milestones = {1, 2};
    BOOST_TEST(make_schedule(plain, step_counts(plain, 20))(0) >= 0);
  }
}

BOOST_AUTO_TEST_CASE(kinds_of_decay_have_their_names_windows_and_schedules) {
  Recipe recipe;
  recipe.epochs = 10;
  recipe.schedule = "constant";
  const StepCounts steps = step_counts(recipe, 20);
  for (const std::string& name : decay_names()) {
    const bool two = has(name, "elastic_net");
    recipe.decay = name;
    recipe.lambda = 0.25;
    recipe.l1 = two ? 0.5 : 0.0;
    const Decay decay = make_decay(recipe, steps);
    BOOST_TEST(decay.name == name);
    if (name == "none") continue;
    BOOST_TEST(decay.lambda.at(3) == 0.25, name);
    if (two) BOOST_TEST(decay.l1.at(3) == 0.5, name);
  }
  recipe.decay_from_epoch = 1;
  recipe.decay_until_epoch = 5;
  recipe.lambda_schedule = "linear";
  recipe.decay = "decoupled_lr";
  recipe.lambda = 0.5;
  const Decay window = make_decay(recipe, steps);
  BOOST_TEST(window.lambda.at(19) == 0);
  BOOST_TEST(window.lambda.at(20) == 0.45, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(window.lambda.at(99) > 0);
  BOOST_TEST(window.lambda.at(100) == 0);
  recipe.toward_start = true;
  BOOST_TEST(make_decay(recipe, steps).from_start);
}

BOOST_FIXTURE_TEST_CASE(own_groups_have_their_settings, Net) {
  Recipe recipe = recipe_from_toml(R"toml(
decay_on = "groups"
lambda = 0.5
lr = 0.1
schedule = "constant"
[[groups]]
name = "norms"
select = "norms() || biases()"
decay = "none"
[[groups]]
name = "head"
select = "path(\"fc.*\")"
lr_scale = 10
lambda = 0.25
momentum = 0.5
[[groups]]
name = "rest"
)toml",
                                   "test");
  const auto optimizer = make_optimizer(recipe, model, 10);
  BOOST_REQUIRE(optimizer->groups().size() == 3u);
  BOOST_TEST(optimizer->terms(0).shrink == 0);
  BOOST_TEST(optimizer->lr(1) == 1);
  BOOST_TEST(optimizer->terms(1).shrink == 0.25);
  BOOST_TEST(optimizer->context(1).momentum == 0.5);
  BOOST_TEST(optimizer->context(2).momentum == 0.9);
  BOOST_TEST(optimizer->terms(2).shrink == 0.05);
  recipe.decay_on = "weights";
  BOOST_TEST(has(message_of([&] { make_optimizer(recipe, model, 10); }), "beside [[groups]]"));
  recipe.decay_on = "groups";
  recipe.groups.clear();
  BOOST_TEST(has(message_of([&] { make_optimizer(recipe, model, 10); }), "without a table"));
}

BOOST_FIXTURE_TEST_CASE(muon_leaves_vectors_and_the_last_layer_to_adam, Net) {
  Recipe recipe;
  recipe.optimizer = "muon";
  recipe.adam_lr = 0.004;
  recipe.schedule = "constant";
  const auto optimizer = make_optimizer(recipe, model, 10);
  std::set<std::string> adam;
  for (const ParameterState& p : optimizer->parameters())
    if (has(optimizer->groups()[p.group].name, "by Adam")) adam.insert(p.path);
  for (const ParameterState& p : optimizer->parameters()) {
    const bool matrix = p.parameter->role() == Role::weight && p.path != "fc.weight";
    BOOST_TEST(adam.count(p.path) == (matrix ? 0u : 1u), p.path);
  }
}

BOOST_FIXTURE_TEST_CASE(clipping_accumulation_layers_and_plateau_reach_the_optimizer, Net) {
  Recipe recipe;
  recipe.clip = "group_norm";
  recipe.clip_limit = 2.5;
  recipe.accumulate = 4;
  recipe.plateau = true;
  recipe.plateau_factor = 0.25;
  recipe.layerwise_lr = 0.5;
  recipe.schedule = "constant";
  const auto optimizer = make_optimizer(recipe, model, 8);
  BOOST_TEST(optimizer->common().gradient.clip.text() == "group_norm 2.5 without decay");
  BOOST_TEST(optimizer->common().gradient.accumulate == 4);
  BOOST_TEST(optimizer->common().plateau->factor == 0.25);
  BOOST_TEST(step_counts(recipe, 8).total == 10);
  recipe.accumulate = 7;  // 40 batches: five updates of seven, one of five
  BOOST_TEST(step_counts(recipe, 8).total == 6);
  recipe.accumulate = 100;
  BOOST_TEST(step_counts(recipe, 8).total == 1);
  std::set<double> rates;
  for (std::size_t g = 0; g < optimizer->groups().size(); ++g) rates.insert(optimizer->lr(g));
  BOOST_TEST(rates.size() > 5u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::build_test
