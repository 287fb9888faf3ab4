/// \file
/// Extensions: what a program adds to the things that its recipes may name. See ebb_main().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/image_dataset.h"
#include "data/split.h"
#include "framework/nn/layer.h"
#include "lab/export/onnx_op.h"
#include "lab/recipe/own_key.h"
#include "lab/recipe/recipe.h"
#include "lab/setup/build.h"
#include "models/registry.h"
#include "optim/optimizer.h"

namespace ebb {

// In all of these, `keys` are the keys of recipes that mean something beside this name, of Ebb (`momentum`) or one's
// own (see OwnKey): `--help` says so, and where the recipe chooses something else that does not list them they are
// refused. A key of one's own that nothing lists means something everywhere. Values of one's own keys are in
// Recipe::own.

/// `model = "NAME"`.
struct OwnModel {
  std::string name;                    ///< As recipes write it.
  std::vector<std::string> keys = {};  ///< See above; of Ebb's norm, shortcut, dropout, width, hidden: others of them
                                       ///< are refused.
  /// The model for images and classes as the options say, its numbers from the rng.
  std::function<std::unique_ptr<Layer>(const ModelOptions& options, const Rng& rng, const Recipe& recipe)> make;
};

/// `norm = "NAME"`, in Ebb's convolutional networks too.
struct OwnNorm {
  std::string name;  ///< As above.
  /// Normalises `[n, h, w, channels]`.
  std::function<std::unique_ptr<Layer>(std::int64_t channels, const Recipe& recipe)> make;
};

/// `data = "NAME"`.
struct OwnData {
  std::string name;  ///< As above.
  /// Reads one split of the set. \param directory of --data; may be empty.
  std::function<ImageDataset(const std::string& directory, Split split)> read;
};

/// `optimizer = "NAME"`.
struct OwnOptimizer {
  std::string name;                    ///< As above.
  std::vector<std::string> keys = {};  ///< See above.
  /// The optimizer of groups, with the settings that all of them have.
  std::function<std::unique_ptr<Optimizer>(const Groups& groups, const CommonOptions& common, const Recipe& recipe)>
      make;
};

/// `schedule = "NAME"`, behind the recipe's warm-up.
struct OwnSchedule {
  std::string name;                    ///< As above.
  std::vector<std::string> keys = {};  ///< See above.
  /// The multipliers of the learning rate. \param steps of the run behind the warm-up.
  std::function<Schedule(const StepCounts& steps, const Recipe& recipe)> make;
};

/// `decay = "NAME"`.
struct OwnDecay {
  std::string name;                    ///< As above.
  std::vector<std::string> keys = {};  ///< Beside lambda and its course, which every kind has.
  std::function<Decay(const Lambda& lambda, const Recipe& recipe)> make;  ///< The kind with its strength.
};

/// Things of one's own, by value.
struct Extensions {
  std::vector<OwnModel> models = {};          ///< See OwnModel.
  std::vector<OwnNorm> norms = {};            ///< See OwnNorm.
  std::vector<OwnData> data = {};             ///< See OwnData.
  std::vector<OwnOptimizer> optimizers = {};  ///< See OwnOptimizer.
  std::vector<OwnSchedule> schedules = {};    ///< See OwnSchedule.
  std::vector<OwnDecay> decays = {};          ///< See OwnDecay.
  std::vector<OwnKey> keys = {};              ///< Of recipes.
  std::vector<OnnxOp> onnx = {};              ///< How ops of one's own are exported, see OnnxOp.
  /// Whether recipes may name what is not here, and have other keys with numbers: to read what other programs wrote.
  bool unknown_names = false;
};

/// The extensions as recipes hold them.
/// \throws Error for a name that is empty, no word, Ebb's own, or given twice; for a thing without its function; and
///     for keys that there are not.
std::shared_ptr<const Extensions> checked(Extensions extensions);

/// The recipe of a run as a program with these extensions can build it.
/// \throws Error naming what the run names and this program does not know.
Recipe for_program(Recipe recipe, const std::shared_ptr<const Extensions>& extensions);

/// What the extensions add, in a line: "model tiny, norm rms"; empty for none.
std::string own_things(const Extensions& extensions);

}  // namespace ebb
