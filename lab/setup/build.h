/// \file
/// From a recipe to the objects of a training.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/image_dataset.h"
#include "framework/nn/layer.h"
#include "lab/audit/audit.h"
#include "lab/recipe/recipe.h"
#include "lab/setup/picture_data.h"
#include "optim/optimizer.h"

namespace ebb {

/// The data of a recipe in memory.
struct RecipeData {
  std::shared_ptr<const ImageDataset> train;       ///< What is learned from.
  std::shared_ptr<const ImageDataset> validation;  ///< What was held out of the training set; may be null.
  std::shared_ptr<const ImageDataset> test;        ///< The test set, standardised as `train`.
  std::optional<PictureFacts> pictures;            ///< What is to be said of the pictures of a folder or packed set.
};

/// Reads the data of a recipe. Held-out samples are chosen by class and by the recipe's seed; the standardisation is
/// then fitted to the rest of the training set. \param progress of a folder of pictures.
/// \param standardisation taken in place of that where there is one: a model goes on with what it was trained with.
/// \throws Error naming where the files were looked for when they are not there.
RecipeData read_data(const Recipe& recipe, const std::optional<PixelStatistics>& standardisation = {},
                     const PictureProgress& progress = {});

/// The test set alone: with `standardisation` no file of the training set is needed.
/// \throws Error as read_data() does.
std::shared_ptr<const ImageDataset> read_test_data(const Recipe& recipe,
                                                   const std::optional<PixelStatistics>& standardisation,
                                                   const PictureProgress& progress = {});

/// The model of a recipe for the images and classes of `data`; its numbers depend on the recipe's seed.
std::unique_ptr<Layer> make_model(const Recipe& recipe, const Dataset& data);

/// As above, for images `[h, w, c]` and a number of classes.
/// \param images of the data, standardised, to which some models fit their first filters; none: see ModelOptions.
std::unique_ptr<Layer> make_model(const Recipe& recipe, const Shape& image, std::int64_t classes,
                                  std::function<Tensor()> images = {});

/// Gives the model the weights of recipe.init, but for those whose names begin with recipe.init_except.
/// \throws Error when the file cannot be read, or when its weights are not those of the model.
void load_initial(Layer& model, const Recipe& recipe);

/// Optimizer steps of an epoch of `batches` batches, and of the run: gradients may be accumulated.
struct StepCounts {
  double per_epoch = 0;    ///< Need not be whole.
  std::int64_t total = 0;  ///< Of the run, at least 1.
};

/// The steps of a recipe with `batches` batches in an epoch.
StepCounts step_counts(const Recipe& recipe, std::int64_t batches);

/// The learning-rate schedule of a recipe.
/// \throws Error for keys that contradict each other.
Schedule make_schedule(const Recipe& recipe, const StepCounts& steps);

/// What multiplies the momentum over the run, in step with the learning rate of one_cycle.
/// \throws Error where another schedule is chosen.
Schedule make_momentum_schedule(const Recipe& recipe, const StepCounts& steps);

/// The decay of a recipe: kind, strength over the run, window.
Decay make_decay(const Recipe& recipe, const StepCounts& steps);

/// Records a pass of a model: see audit().
using Recorded = std::function<Audit()>;

/// The optimizer of a recipe with its decay groups and schedule.
/// \param batches in an epoch, for the schedule.
/// \param record called once when a group selects by position, as `feeds_norm()` does.
/// \throws Error for keys that the optimizer does not have, positions where no parameter stands, and as Groups does.
std::unique_ptr<Optimizer> make_optimizer(const Recipe& recipe, Layer& model, std::int64_t batches,
                                          const Recorded& record = {});

}  // namespace ebb
