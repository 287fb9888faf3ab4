// The table of keys: parsing, printing, files and help follow it.
#include "lab/recipe/keys.h"

#include <limits>

#include "data/packed_set.h"
#include "framework/parallel/shards.h"
#include "lab/recipe/names.h"
#include "lab/recipe/selector_text.h"
#include "lab/recipe/word_field.h"
#include "models/registry.h"

namespace ebb::detail {
namespace {

constexpr double most = 1e6;
constexpr std::int64_t many = 1'000'000;
constexpr std::uint64_t most_seed = std::numeric_limits<std::int64_t>::max();  // TOML has no larger whole number

// A key that a group may have of its own.
Field<Recipe> own(Field<Recipe> field) {
  field.of_groups = true;
  return field;
}

// A power of two.
Field<Recipe> shard_count(const char* key, const char* help, std::int64_t Recipe::*member) {
  return field(
      key, help, Written::plain, member,
      [](std::string_view value, std::string_view where, const Extensions*) {
        const auto count = parse_number(value, where, Range<std::int64_t>{.low = 1, .high = parallel::most_shards});
        if (!parallel::is_shard_count(count))
          fail(where, as_written(value), text("a power of two from 1 to ", parallel::most_shards));
        return count;
      },
      [](std::int64_t count) { return text(count); });
}

bool is_packed_set(std::string_view name) { return name.ends_with(packed_set_ending); }

}  // namespace

// A key is a member of Recipe and a line here.
// clang-format off
const std::vector<Section>& sections() {
  using R = Recipe;
  using A = Augmentation;
  using P = PictureRecipe;
  static const std::vector<Section> all = {
    {"data", {
      line("name", "name of the recipe", &R::name),
      named("data", "data set, or the file of a packed one (.safetensors)", &R::data, data_names, is_packed_set),
      line("data_dir", "directory of its files", &R::data_dir),
      picture_size("image_size", "size that pictures are brought to, as 32x48: height x width; default their median", &P::image_size),
      word("fit", "how they get it; default crop", &P::fit, fit_names()),
      flag("grey", "make them grey; otherwise they are where all files are", &P::grey),
      number("test", "share that is the test set where there is none, by their pixels and the seed; default 0.2", &P::test, {.low = 0, .high = 1, .above = true, .below = true}),
      flag("skip_broken", "leave out files that cannot be read", &P::skip_broken),
      number("validation", "share of the training set that is held out for evaluations", &R::validation, 0.0, 0.9),
      number("batch", "images in a step", &R::batch, 1, many),
      number("train_samples", "learn from so many images, each class with its share; 0: from all", &R::train_samples, 0, 1'000 * many),
      flag("drop_last", "leave out a last, smaller batch", &R::drop_last),
      number("prefetch", "batches made ahead by a thread; 0: none", &R::prefetch, 0, 64),
    }},
    {"augmentation", {
      word("flip", "mirror left to right", &A::flip, {"none", "random", "alternating"}),
      number("crop", "pad by this, then cut out at random", &A::crop, 0, 1024),
      word("border", "what lies outside", &A::border, {"zero", "reflect"}),
      number("translate", "largest shift along each axis, in pixels", &A::translate, 0.0, 1024.0),
      number("rotate", "largest turn, in degrees", &A::rotate, 0.0, 180.0),
      number("brightness", "largest number added to an image", &A::brightness, 0.0, 100.0),
      number("contrast", "factor 1 +- this on the distance from the image's mean", &A::contrast, 0.0, 1.0),
      number("saturation", "factor 1 +- this on the distance from the grey value", &A::saturation, 0.0, 1.0),
      number("cutout", "side of a square that is erased", &A::cutout, 0, 1024),
      number("mixup", "alpha of mixup; 0: none", &A::mixup, 0.0, 1000.0),
      number("cutmix", "alpha of cutmix; 0: none", &A::cutmix, 0.0, 1000.0),
      number("mix_share", "share of samples that are mixed", &A::mix_share, 0.0, 1.0),
      number("label_noise", "share of samples with a wrong label", &A::label_noise, 0.0, 1.0),
    }},
    {"model", {
      named("model", "model by name, of any depth", &R::model, recipe_model_names, is_model_name),
      line("init", "weights to begin with: a run's model.safetensors; empty: random ones", &R::init),
      line("init_except", "beginning of the names that begin at random all the same, as fc.", &R::init_except),
      named("norm", "of convolutional networks but lenet, mnistcnn; of vit", &R::norm, norm_names),
      number("norm_groups", "groups of channels of the norm group", &R::norm_groups, 1, 4096),
      word("shortcut", "where the shape changes, of resnets", &R::shortcut, {"padding", "projection"}),
      number("dropout", "probability of dropping: wrn, preresnet, mobilenetv2, vit", &R::dropout, below_one),
      number("width", "channels of the first convolution of resnet9", &R::width, 1, 4096),
      numbers("hidden", "widths of the hidden layers of mlp", &R::hidden, 1, 65536),
    }},
    {"optimizer", {
      named("optimizer", "optimizer by name", &R::optimizer, optimizer_names),
      number("lr", "learning rate at the peak of the schedule", &R::lr, 0.0),
      number("momentum", "momentum, of sgd 0.9 here", &R::momentum, below_one),
      number("dampening", "dampening of momentum", &R::dampening, 0.0, 1.0),
      flag("nesterov", "Nesterov's form of momentum", &R::nesterov),
      number("beta1", "share of the mean of gradients that stays", &R::beta1, below_one),
      number("beta2", "likewise of the mean of squares", &R::beta2, below_one),
      number("alpha", "likewise, as some call it; rho of adadelta", &R::alpha, below_one),
      number("eps", "under or beside the root", &R::eps, 0.0, 1.0),
      flag("amsgrad", "divide by the largest second moment so far", &R::amsgrad),
      flag("centered", "second moment about the mean", &R::centered),
      number("trust", "trust coefficient", &R::trust, 0.0, most),
      number("momentum_decay", "psi, by which its beta1 rises", &R::momentum_decay, 0.0, most),
      number("lr_decay", "fall of its learning rate", &R::lr_decay, 0.0, most),
      number("adam_lr", "learning rate of what muon leaves to adam", &R::adam_lr, 0.0, most),
    }},
    {"schedule", {
      number("epochs", "passes over the training data", &R::epochs, 0, many),
      own(named("schedule", "learning rate over the run", &R::schedule, schedule_names)),
      own(number("warmup_epochs", "linear warm-up before the schedule, in epochs", &R::warmup_epochs, 0.0, most)),
      own(number("warmup_start", "multiplier that the warm-up begins with", &R::warmup_start, 0.0, 1.0)),
      own(number("schedule_start", "multiplier that it begins with", &R::schedule_start, 0.0, 1.0)),
      own(number("schedule_end", "multiplier that it ends with", &R::schedule_end, 0.0, 1.0)),
      own(number("rising", "share of the run that it rises", &R::rising, 0.0, 1.0)),
      own(number("falling", "share of the run that it falls", &R::falling, 0.0, 1.0)),
      number("momentum_low", "what it multiplies the momentum (beta1) by at the peak of the lr", &R::momentum_low, 0.0, 1.0),
      own(number("power", "exponent", &R::power, 0.0, 100.0)),
      own(number("factor", "what a step, or an epoch of exponential, multiplies the lr by", &R::factor, 0.0, 1.0)),
      own(number("step_epochs", "epochs between its steps", &R::step_epochs, 0.0, most)),
      own(numbers("milestones", "epochs of its steps", &R::milestones, 0.0, most)),
      own(number("period_epochs", "epochs of its first period", &R::period_epochs, 0.0, most)),
      own(number("period_growth", "factor from one period to the next", &R::period_growth, 1.0, 100.0)),
      flag("plateau", "reduce the lr when the loss of evaluations stops falling", &R::plateau),
      number("plateau_factor", "what it multiplies the lr by", &R::plateau_factor, {.low = 0, .high = 1, .above = true, .below = true}),
      number("plateau_patience", "evaluations without improvement that it bears", &R::plateau_patience, 0, many),
    }},
    {"weight decay", {
      own(named("decay", "kind of weight decay", &R::decay, decay_names)),
      own(number("lambda", "its strength", &R::lambda, 0.0)),
      own(number("l1", "strength of the L1 part", &R::l1, 0.0)),
      words("decay_on", "what decays", &R::decay_on, decay_policies()),
      own(words("lambda_schedule", "lambda over the run", &R::lambda_schedule, lambda_schedules())),
      own(number("decay_from_epoch", "no decay before it", &R::decay_from_epoch, 0.0, most)),
      own(number("decay_until_epoch", "no decay from it on; 0: to the end", &R::decay_until_epoch, 0.0, most)),
      own(flag("toward_start", "decay towards the starting values instead of zero", &R::toward_start)),
      number("layerwise_lr", "each layer's lr is this times that of the next one", &R::layerwise_lr, {.low = 0, .high = 1, .above = true}),
    }},
    {"loss and gradient", {
      number("label_smoothing", "share of the target spread over all classes", &R::label_smoothing, below_one),
      words("clip", "what is clipped of the gradient", &R::clip, clip_names()),
      number("clip_limit", "its largest size", &R::clip_limit, positive),
      shard_count("shards", "parts of a batch that are computed each by itself, a power of two", &R::shards),
      words("batch_norm_over", "what batch norms normalise over where there are two shards or more", &R::batch_norm_over, {"shard", "batch"}),
      number("accumulate", "batches whose gradients are averaged for one update", &R::accumulate, 1, many),
      words("non_finite", "at NaN or infinity", &R::non_finite, non_finite_policies()),
    }},
    {"averages", {
      number("ema", "moving average of the weights: share that stays; 0: none", &R::ema, below_one),
      flag("ema_warm_up", "forget its start quickly", &R::ema_warm_up),
      number("swa_from", "first epoch whose end counts in the mean of weights that the run ends with; 0: none", &R::swa_from, 0, many),
      number("lookahead", "steps between the synchronisations of lookahead; 0: none", &R::lookahead, 0, many),
      number("lookahead_alpha", "how far its slow weights go", &R::lookahead_alpha, {.low = 0, .high = 1, .above = true}),
    }},
    {"evaluation", {
      number("evaluate_every", "epochs between evaluations", &R::evaluate_every, 1, many),
      flag("tta_flip", "evaluate the mean over an image and its mirror image", &R::tta_flip),
      number("tta_translate", "evaluate the mean over shifts by this many pixels too", &R::tta_translate, 0, 16),
      flag("tta_at_end", "take these means in the last evaluation alone, which costs least time", &R::tta_at_end),
      flag("use_best", "end with the weights of the best evaluation; needs validation", &R::use_best),
      number("patience", "evaluations without improvement that end the run; 0: never", &R::patience, 0, many),
      number("min_improvement", "accuracy that counts as an improvement", &R::min_improvement, 0.0, 1.0),
    }},
    {"run", {
      number("seed", "seed of everything random", &R::seed, 0, most_seed),
      number("threads", "threads; 0 for as many as the process may use", &R::threads, 0, 1024),
      line("out", "run directory", &R::out),
      number("log_every", "steps between lines of the log; 0: epochs only", &R::log_every, 0, many),
      number("save_minutes", "minutes between checkpoints within an epoch; 0: none", &R::save_minutes, 0.0, most),
      number("save_steps", "steps between checkpoints; 0: none", &R::save_steps, 0, many),
      flag("overlap", "whether processes send gradients while they compute others", &R::overlap),
      number("comm_timeout", "seconds that a process waits for the others before it gives up", &R::comm_timeout, positive),
      flag("tensorboard", "write what happens for TensorBoard, into tensorboard/ of the run directory", &R::tensorboard),
      flag("diagnose", "measure what decay and updates do to the weights", &R::diagnose),
      number("diagnose_every", "updates between measurements; 0: what 5 % of the time allow", &R::diagnose_every, 0, many),
    }},
  };
  return all;
}

const std::vector<Field<GroupRecipe>>& group_fields() {
  using G = GroupRecipe;
  static const std::vector<Field<G>> all = {
    line("name", "name of the group", &G::name),
    line("select", "which parameters", &G::select, longest_selector),
    number("lr_scale", "multiplies the learning rate", &G::lr_scale, 0.0),
    number("momentum", "momentum, beta1 of the Adam family", &G::momentum, below_one),
    number("max_norm", "largest norm of an output channel", &G::max_norm, positive),
    number("until_epoch", "from this epoch on it stays as it is; 0: never", &G::until_epoch, 0.0, most),
    flag("adam", "whether Adam updates the group of Muon", &G::adam),
    flag("may_be_empty", "whether the group may take no parameter", &G::may_be_empty),
  };
  return all;
}
// clang-format on

}  // namespace ebb::detail
