/// \file
/// From a recipe to the objects of a training.
#pragma once

#include <memory>

#include "data/loader.h"
#include "framework/nn/layer.h"
#include "lab/recipe.h"
#include "optim/optimizer.h"

namespace ebb {

/// The data of a recipe.
/// \throws Error naming where the files were looked for when they are not there.
Loader make_train_loader(const Recipe& recipe);

/// As above: the test half, in the order of the files.
Loader make_test_loader(const Recipe& recipe);

/// The model of a recipe for the images and classes of `data`; its numbers depend on the recipe's seed.
std::unique_ptr<Layer> make_model(const Recipe& recipe, const Dataset& data);

/// The optimizer of a recipe with its decay groups and schedule.
/// \param steps_per_epoch optimizer steps in an epoch, for the schedule.
std::unique_ptr<Optimizer> make_optimizer(const Recipe& recipe, Layer& model, std::int64_t steps_per_epoch);

/// The recipe's run directory: `out`, or runs/NAME-seedN.
std::string run_directory(const Recipe& recipe);

}  // namespace ebb
