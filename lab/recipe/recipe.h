/// \file
/// Recipe: everything that decides a training, as keys and values.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/augment.h"
#include "lab/recipe/group_recipe.h"
#include "lab/recipe/picture_recipe.h"
#include "models/shortcut.h"

namespace ebb {

struct Extensions;

/// The settings of one training. Every member is a key of `ebb train --set key=value` and of recipe files, where
/// `ebb train --help` lists them with their choices; the defaults are those of a recipe that says nothing. What is
/// optional and not set is the model's or the optimizer's own default.
struct Recipe {
  std::string name = "custom";              ///< Printed, and part of the default run directory.
  std::string data = "fashion-mnist";       ///< Data set: a name, or a packed set's file.
  std::string data_dir;                     ///< Where its files are; empty: EBB_DATA, then the system's directory.
  PictureRecipe pictures;                   ///< Of a folder; its members are keys.
  double validation = 0;                    ///< Share of the training set that is held out for evaluations.
  std::int64_t batch = 128;                 ///< Images in a step.
  std::int64_t train_samples = 0;           ///< Learn from so many, each class with its share; 0: from all.
  bool drop_last = false;                   ///< Leave out a last batch that is smaller than the others.
  std::int64_t prefetch = 2;                ///< Batches made ahead by a thread; 0: none.
  Augmentation augment;                     ///< Random changes of training images; its members are keys.
  std::string model = "lenet";              ///< A name of model_names().
  std::string init;                         ///< Weights to begin with, of a run's model.safetensors; empty: random.
  std::string init_except;                  ///< Beginning of the names that begin at random all the same.
  std::optional<std::string> norm;          ///< Normalisation of convolutional networks; see norm_names().
  std::optional<std::int64_t> norm_groups;  ///< Groups of channels of norm = "group".
  std::optional<Shortcut> shortcut;         ///< Where the shape changes, of resnets.
  std::optional<double> dropout;            ///< Of wrn, preresnet, mobilenetv2 and vit.
  std::optional<std::int64_t> width;        ///< Channels of the first convolution, of resnet9.
  std::optional<std::vector<std::int64_t>> hidden;  ///< Widths of the hidden layers, of mlp.
  std::string optimizer = "sgd";                    ///< A name of optimizer_names().
  double lr = 0.02;                                 ///< Learning rate at the peak of the schedule.
  std::optional<double> momentum;                   ///< Of SGD (recipes: 0.9), LARS, RMSprop and Muon.
  std::optional<double> dampening;                  ///< Of SGD's momentum.
  std::optional<bool> nesterov;                     ///< Nesterov's form of momentum: SGD, Muon.
  std::optional<double> beta1;                      ///< Mean of gradients: the Adam family, Lion.
  std::optional<double> beta2;                      ///< Mean of squares: the Adam family, Lion.
  std::optional<double> alpha;                      ///< Mean of squares of RMSprop, rho of Adadelta.
  std::optional<double> eps;                        ///< Under or beside the root, of all that have one.
  std::optional<bool> amsgrad;                      ///< Largest second moment so far: Adam, AdamW.
  std::optional<bool> centered;                     ///< RMSprop without the mean.
  std::optional<double> trust;                      ///< Trust coefficient of LARS.
  std::optional<double> momentum_decay;             ///< psi of NAdam.
  std::optional<double> lr_decay;                   ///< Of Adagrad.
  std::optional<double> adam_lr;                    ///< Learning rate of the groups that Muon leaves to Adam.
  std::int64_t epochs = 5;                          ///< Passes over the training data.
  std::string schedule = "cosine";                  ///< A name of schedule_names().
  double warmup_epochs = 0;                         ///< Linear warm-up before the schedule, in epochs.
  double warmup_start = 0.04;                       ///< Multiplier that the warm-up begins with.
  double schedule_start = 0.04;                     ///< Multiplier that one_cycle begins with.
  double schedule_end = 0;                          ///< Multiplier that the falling schedules end with.
  double rising = 0.3;                              ///< Share of the run that one_cycle, triangular, trapezoid rise.
  double falling = 0.3;                             ///< Share of the run that trapezoid falls.
  double momentum_low = 1;                          ///< What one_cycle multiplies the momentum by at the lr's peak.
  double power = 2;                                 ///< Of the schedule polynomial.
  double factor = 0.1;                              ///< Of step, multi_step and exponential.
  double step_epochs = 30;                          ///< Epochs between the steps of the schedule step.
  std::vector<double> milestones;                   ///< Epochs of the steps of multi_step.
  double period_epochs = 10;                        ///< First period of cosine_restarts.
  double period_growth = 2;                         ///< Growth of its periods.
  bool plateau = false;                             ///< Reduce the lr when the loss of evaluations stops falling.
  double plateau_factor = 0.1;                      ///< What it multiplies the lr by.
  std::int64_t plateau_patience = 5;                ///< Evaluations without improvement that it bears.
  std::string decay = "decoupled_lr";               ///< A name of decay_names().
  double lambda = 5e-4;                             ///< Its strength.
  double l1 = 0;                                    ///< Strength of the L1 part of the elastic nets.
  std::string decay_on = "weights";                 ///< A name of decay_policies(); "groups": the table below.
  std::string lambda_schedule = "constant";         ///< "constant", "cosine" or "linear" to zero, "same" as the lr.
  double decay_from_epoch = 0;                      ///< No decay before this epoch.
  double decay_until_epoch = 0;                     ///< No decay from this epoch on; 0: to the end.
  bool toward_start = false;                        ///< Decay towards the starting values instead of zero.
  double layerwise_lr = 1;                          ///< Each layer's lr is this times that of the next one.
  double label_smoothing = 0;                       ///< Of the cross-entropy, in [0, 1).
  std::string clip = "none";                        ///< "value", "norm", "group_norm" or "none".
  double clip_limit = 1;                            ///< Largest size of what is clipped.
  std::int64_t shards = 1;                          ///< Parts of every batch that are computed each by itself.
  std::string batch_norm_over = "shard";            ///< "shard" or "batch": what batch norms normalise over then.
  std::int64_t accumulate = 1;                      ///< Batches whose gradients are averaged for one update.
  double ema = 0;                                   ///< Moving average of the weights: share that stays; 0: none.
  bool ema_warm_up = true;                          ///< Whether its start is forgotten quickly.
  std::int64_t swa_from = 0;                        ///< First epoch of the mean that the run ends with; 0: none.
  std::int64_t lookahead = 0;                       ///< Steps between the synchronisations of lookahead; 0: none.
  double lookahead_alpha = 0.5;                     ///< How far its slow weights go.
  std::int64_t evaluate_every = 1;                  ///< Epochs between evaluations; the last epoch always has one.
  bool tta_flip = false;                            ///< Evaluate the mean over each image and its mirror image.
  std::int64_t tta_translate = 0;                   ///< Evaluate the mean over shifts by this many pixels, too.
  bool tta_at_end = false;                          ///< These means in the last evaluation alone.
  bool use_best = false;                            ///< End with the weights of the best evaluation; needs validation.
  std::int64_t patience = 0;                        ///< Evaluations without improvement that end the run; 0: never.
  double min_improvement = 0;                       ///< Accuracy that counts as an improvement.
  std::string non_finite = "abort";                 ///< "abort", "skip" or "rollback" at NaN or infinity.
  std::uint64_t seed = 1;                           ///< Of initialisation, order, augmentation and dropout.
  std::int64_t threads = 0;                         ///< 0: as many as the process may use.
  std::string out;                                  ///< Run directory; empty: runs/NAME-seedN.
  std::int64_t log_every = 50;                      ///< Steps between lines of the log; 0: epochs only.
  double save_minutes = 5;                          ///< Minutes between checkpoints within an epoch; 0: none.
  std::int64_t save_steps = 0;                      ///< Steps between checkpoints; 0: none.
  bool overlap = true;                              ///< Whether gradients are sent while others are made.
  double comm_timeout = 120;                        ///< Seconds that a process waits for the others of a training.
  bool tensorboard = false;                         ///< Write event files; see TensorBoard.
  bool diagnose = false;                            ///< Measure what decay and updates do to the weights.
  std::int64_t diagnose_every = 0;                  ///< Updates between measurements; 0: what 5 % of the time allow.
  std::vector<GroupRecipe> groups;                  ///< `[[groups]]` of a file, for decay_on = "groups".
  std::map<std::string, double> own;                ///< Values of the keys that the extensions bring, by name.
  std::shared_ptr<const Extensions> extensions;     ///< What its names may mean beside Ebb's; no key. Null: nothing.
};

Recipe blank_recipe(const std::shared_ptr<const Extensions>& extensions);  ///< One that says nothing.

/// One key of a recipe, as text.
struct RecipeKey {
  const char* section;  ///< What it belongs to, e.g. "schedule".
  std::string key;      ///< Name of the member, or of one's own.
  std::string help;     ///< What it means and what it may be, in a line.
  bool list;            ///< Whether it takes a list of numbers.
  std::string initial;  ///< Its value in a recipe that says nothing.
};

/// All keys of a recipe but `groups`, in the order of the members, then those of its extensions.
std::vector<RecipeKey> recipe_keys(const Recipe& recipe = {});
std::vector<RecipeKey> group_keys(const Recipe& recipe = {});  ///< The keys of its `[[groups]]`.

/// Sets `key` from text. Lists are numbers with commas between them; "default" sets all but free texts back. Names may
/// be written in any case, with or without hyphens and underscores.
/// \param place where that stands, for messages: a file and its line; empty for the command line.
/// \throws Error on an unknown key, with the one that may be meant, and on values that are none or out of range.
void set(Recipe& recipe, std::string_view key, std::string_view value, std::string_view place = {});

/// As above, for a key of `[[groups]]` of a recipe; "default" leaves what is the recipe's to it.
void set(GroupRecipe& group, std::string_view key, std::string_view value, std::string_view place = {},
         const Recipe& recipe = {});

/// The recipe as it is for one of its groups: with the group's own schedule and decay.
Recipe recipe_of_group(const Recipe& recipe, const GroupRecipe& group);

/// Sets the keys of `recipe` from texts "key=value". \throws Error naming what is no setting.
void apply_settings(Recipe& recipe, const std::vector<std::string>& settings);

/// The value of `key` as set() takes it; empty for a key that only another program knows.
std::string get(const Recipe& recipe, std::string_view key);

std::string to_toml(const Recipe& recipe);  ///< The text of a recipe file: all keys by section, and the groups.

/// A recipe from the text of a TOML file: top-level keys and `[[groups]]`.
/// \param where the file's name for messages. \param extensions of the program.
/// \throws Error naming the line on text that is too large or deep or not TOML, other tables, unknown keys or values.
Recipe recipe_from_toml(std::string_view text, const std::string& where,
                        const std::shared_ptr<const Extensions>& extensions = {});

std::vector<std::string> recipe_names();  ///< Of the built-in recipes.

/// The built-in recipe `what`, or the recipe in the file `what` when that ends in ".toml". Names may be written in any
/// case. \throws Error naming the built-in recipes when there is none of this name.
Recipe find_recipe(const std::string& what, const std::shared_ptr<const Extensions>& extensions = {});

}  // namespace ebb
