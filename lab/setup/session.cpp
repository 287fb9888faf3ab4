#include "lab/setup/session.h"

#include <algorithm>

#include "framework/compute/instruction_set.h"
#include "framework/nn/eval_mode.h"
#include "framework/nn/summary.h"
#include "framework/ops/shape.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/machine_error.h"
#include "lab/format/numbers.h"
#include "lab/recipe/names.h"
#include "lab/runs/version.h"
#include "lab/setup/warnings.h"
#include "optim/report.h"

namespace ebb {

namespace {

// Samples of a pass that shows positions only: enough for every norm.
constexpr std::int64_t few = 8;

// A line about files that are not what they were taken for; nothing when there is nothing to say.
std::string warning(const ImageDataset& data, const char* which) {
  return data.remark().empty() ? std::string() : text("warning: the ", which, " data are ", data.remark(), '\n');
}

// An audit of the first samples of the first epoch. \param optimizer may be null.
Audit first_audit(const Recipe& recipe, const Loader& train, Layer& model, const Optimizer* optimizer,
                  std::int64_t samples, bool probe) {
  const Batch first = train.epoch(0)[0];
  const std::int64_t count = std::min(samples, first.images.dim(0));
  const StepCounts steps = step_counts(recipe, train.batches());
  return audit(model, slice(first.images, 0, 0, count).value(), slice(first.labels, 0, 0, count).value(), optimizer,
               {.steps_per_epoch = steps.per_epoch,
                .steps = steps.total,
                .probe = probe,
                .label_smoothing = recipe.label_smoothing});
}

// Why a model does not take images of a size; nothing where it does.
std::optional<std::string> refusal_of(const Recipe& recipe, const ImageDataset& data, const Shape& image) {
  try {
    const std::unique_ptr<Layer> model = make_model(recipe, image, data.classes());
    const EvalMode mode(*model);
    const Tape::Pause pause;
    (*model)(Tensor::zeros(image.insert(0, 1)));
  } catch (const MachineError&) {
    throw;
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

// Pictures of one's own have any size: one that the model does not take is told together with one that it does. What
// is wrong with every size is something else.
std::unique_ptr<Layer> model_for(const Recipe& recipe, const RecipeData& data) {
  const Shape& image = data.train->sample_shape();
  if (const auto refusal = data.pictures ? refusal_of(recipe, *data.train, image) : std::nullopt)
    for (const std::int64_t side : {28, 32})
      if (!refusal_of(recipe, *data.train, {side, side, image[2]}))
        fail("image_size", text("pictures of ", to_text({image[0], image[1]}), " for ", recipe.model, ": ", *refusal),
             text("a size that it takes, as ", to_text({side, side})), size_remedy(recipe, {side, side}));
  return make_model(recipe, *data.train);
}

// A training that goes on has its weights in a checkpoint.
std::unique_ptr<Layer> begun(std::unique_ptr<Layer> model, const Recipe& recipe, bool goes_on) {
  if (!goes_on) load_initial(*model, recipe);
  return model;
}

}  // namespace

const Recipe& use_threads(const Recipe& recipe) {
  if (recipe.threads > 0) parallel::set_thread_count(static_cast<int>(recipe.threads));
  return recipe;
}

LoaderOptions in_order(const Recipe& recipe) {
  return {.batch = std::min<std::int64_t>(recipe.batch, 500), .shuffle = false, .prefetch = recipe.prefetch};
}

TrainerOptions trainer_options(const Recipe& recipe) {
  TrainerOptions options{
      .epochs = recipe.epochs,
      .label_smoothing = recipe.label_smoothing,
      .evaluate_every = recipe.evaluate_every,
      .evaluation = {.flip = recipe.tta_flip, .translate = recipe.tta_translate},
      .views_at_end = recipe.tta_at_end,
      .keep_best = recipe.use_best,
      .patience = recipe.patience,
      .min_improvement = recipe.min_improvement,
      .non_finite = non_finite_policy(recipe.non_finite),
      .measure_every = recipe.log_every,
      .shards = static_cast<int>(recipe.shards),
      .batch_norm_over = recipe.batch_norm_over == "batch" ? BatchNormOver::batch : BatchNormOver::shard,
      .overlap = recipe.overlap};
  if (recipe.ema > 0) options.ema = EmaOptions{.keep = recipe.ema, .warm_up = recipe.ema_warm_up};
  options.swa_from = recipe.swa_from;
  if (recipe.lookahead > 0)
    options.lookahead = LookaheadOptions{.every = static_cast<int>(recipe.lookahead), .alpha = recipe.lookahead_alpha};
  return options;
}

std::vector<std::string> non_finite_policies() { return non_finite_names(); }

Session::Session(const Recipe& r, const std::optional<PixelStatistics>& standardisation,
                 const PictureProgress& progress, parallel::Communicator& ranks, const memory::Guard& /*guard*/)
    : recipe(use_threads(r)),
      data(read_data(recipe, standardisation, progress)),
      train(data.train, {.batch = recipe.batch,
                         .seed = recipe.seed,
                         .drop_last = recipe.drop_last,
                         .augment = recipe.augment,
                         .prefetch = recipe.prefetch}),
      evaluated(data.validation ? data.validation : data.test, in_order(recipe)),
      test(data.test, in_order(recipe)),
      model(begun(model_for(recipe, data), recipe, standardisation.has_value())),
      optimizer(make_optimizer(recipe, *model, train.batches(),
                               [this] { return first_audit(recipe, train, *model, nullptr, few, false); })),
      trainer(*model, *optimizer, train, evaluated, trainer_options(recipe), ranks) {
  // Another picture more would be another median: a run keeps the size that it began with.
  if (data.pictures) {
    recipe.pictures.image_size = data.pictures->size;
    recipe.pictures.fit = data.pictures->fit;
  }
  if (recipe.use_best && !data.validation)
    fail("use_best", "true without validation data", "validation = 0.1 or so",
         "weights that were chosen by their test accuracy would make that accuracy worthless");
}

Audit Session::audited(std::int64_t samples, bool probe) const {
  return first_audit(recipe, train, *model, optimizer.get(), samples, probe);
}

const Audit& Session::beginning() {
  if (!beginning_) beginning_ = audited(recipe.batch, false);
  return *beginning_;
}

Evaluation Session::test_evaluation() {
  // The last evaluation was just that, unless other data or other weights were evaluated.
  return data.validation || recipe.use_best ? trainer.evaluate_final(test) : trainer.evaluation();
}

TrainSummary Session::summary(const Evaluation& tested) {
  TrainSummary out = trainer.summary();
  out.recipe = recipe.name;
  out.data = recipe.data;
  out.model = recipe.model;
  out.seed = recipe.seed;
  out.evaluated_on = evaluated_on();
  out.test_accuracy = tested.accuracy;
  out.test_loss = tested.loss;
  return out;
}

std::vector<std::string> Session::warnings() const { return run_warnings(recipe, *optimizer, train.batches()); }

std::string Session::header() const {
  const int threads = parallel::thread_count();
  const StepCounts steps = step_counts(recipe, train.batches());
  return text(
      "Ebb ", version(), ", ", instruction_set(), " kernels, ", threads, threads == 1 ? " thread, " : " threads, ",
      parallel::backend(), "\n\ndata    ", recipe.data, ": ", grouped(train.dataset().size()), " training",
      data.validation ? text(", ", grouped(data.validation->size()), " validation and ") : std::string(" and "),
      grouped(test.dataset().size()), " test images of ", train.dataset().sample_shape(), '\n',
      data.pictures ? data.pictures->note : std::string(), warning(*data.train, "training"),
      warning(*data.test, "test"), '\n', ebb::summary(*model, train.dataset().sample_shape().insert(0, 1)).text(), '\n',
      report(*optimizer, {.steps_per_epoch = steps.per_epoch, .steps = steps.total}), "\nlr ", recipe.lr, ", schedule ",
      optimizer->common().schedule.text(), ", batch ", recipe.batch, ", seed ", recipe.seed,
      recipe.init.empty() ? "" : ", weights from " + recipe.init, "\n\n");
}

}  // namespace ebb
