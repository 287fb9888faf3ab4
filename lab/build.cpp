#include "lab/build.h"

#include <cmath>

#include "data/mnist.h"
#include "framework/tensor/error.h"
#include "models/registry.h"
#include "optim/sgd.h"

namespace ebb {
namespace {

std::shared_ptr<const Dataset> make_data(const Recipe& recipe, Split split) {
  if (recipe.data == "mnist") return std::make_shared<Mnist>(recipe.data_dir, split);
  return std::make_shared<FashionMnist>(recipe.data_dir, split);
}

Decay make_decay(const Recipe& recipe) {
  struct Kind {
    const char* name;
    Decay (*make)(Lambda);
  };
  static constexpr Kind kinds[] = {
      {"coupled_l2", coupled_l2},
      {"decoupled_lr", decoupled_lr},
      {"decoupled_schedule", decoupled_schedule},
      {"decoupled_constant", decoupled_constant},
      {"corrected", corrected},
      {"stable", stable},
      {"cautious", cautious},
      {"coupled_l1", coupled_l1},
      {"proximal_l1", proximal_l1},
  };
  for (const Kind& kind : kinds)
    if (recipe.decay == kind.name) return kind.make(recipe.lambda);
  return no_decay();
}

Groups make_groups(const Recipe& recipe, Layer& model) {
  const Decay decay = make_decay(recipe);
  if (recipe.decay_on == "everything") return groups(model, {{"decayed", everything_else(), {.decay = decay}}});
  return groups(model, {
                           {"no decay", norms() || biases(), {.decay = no_decay(), .may_be_empty = true}},
                           {"decayed", everything_else(), {.decay = decay}},
                       });
}

Schedule make_schedule(const Recipe& recipe, std::int64_t steps_per_epoch) {
  const auto rise =
      static_cast<std::int64_t>(std::llround(recipe.warmup_epochs * static_cast<double>(steps_per_epoch)));
  const std::int64_t rest = std::max<std::int64_t>(1, recipe.epochs * steps_per_epoch - rise);
  const Schedule then = recipe.schedule == "cosine" ? cosine(rest) : constant();
  return rise > 0 ? warmup(rise, then) : then;
}

}  // namespace

Loader make_train_loader(const Recipe& recipe) {
  return Loader(make_data(recipe, Split::train), {.batch = recipe.batch, .seed = recipe.seed});
}

Loader make_test_loader(const Recipe& recipe) {
  return Loader(make_data(recipe, Split::test), {.batch = 500, .shuffle = false});
}

std::unique_ptr<Layer> make_model(const Recipe& recipe, const Dataset& data) {
  return make_model(recipe.model, {.image = data.sample_shape(), .classes = data.classes()},
                    Rng(recipe.seed).at("model"));
}

std::unique_ptr<Optimizer> make_optimizer(const Recipe& recipe, Layer& model, std::int64_t steps_per_epoch) {
  return std::make_unique<Sgd>(make_groups(recipe, model),
                               SgdOptions{.lr = recipe.lr,
                                          .momentum = recipe.momentum,
                                          .nesterov = recipe.nesterov,
                                          .schedule = make_schedule(recipe, steps_per_epoch)});
}

std::string run_directory(const Recipe& recipe) {
  return recipe.out.empty() ? text("runs/", recipe.name, "-seed", recipe.seed) : recipe.out;
}

}  // namespace ebb
