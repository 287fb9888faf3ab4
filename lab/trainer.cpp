#include "lab/trainer.h"

#include <chrono>
#include <cmath>
#include <system_error>

#include "framework/compute/instruction_set.h"
#include "framework/io/atomic_file.h"
#include "framework/io/checksum.h"
#include "framework/io/safetensors.h"
#include "framework/ops/loss.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "lab/progress.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string fixed(double value, int digits) {
  char out[32];
  std::snprintf(out, sizeof out, "%.*f", digits, value);
  return out;
}

}  // namespace

Evaluation evaluate(Layer& model, const Loader& batches) {
  const bool training = model.training();
  model.eval();
  Evaluation result{.confusion = Confusion(batches.dataset().classes())};
  const Epoch epoch = batches.epoch(0);
  for (const auto& [images, labels] : epoch) {
    const Var logits = model(images);
    result.confusion.add(logits.value(), labels);
    result.loss += softmax_cross_entropy(logits, labels, {.reduction = Reduction::sum}).item();
  }
  model.train(training);
  result.loss /= static_cast<double>(std::max<std::int64_t>(1, result.confusion.total()));
  result.accuracy = result.confusion.accuracy();
  return result;
}

Trainer::Trainer(Layer& model, Optimizer& optimizer, const Loader& train, const Loader& test, TrainerOptions options)
    : model_(model),
      optimizer_(optimizer),
      train_(train),
      test_(test),
      options_(std::move(options)),
      confusion_(train.dataset().classes()) {}

EpochResult Trainer::train_epoch(std::int64_t number) {
  model_.train();
  Progress progress(text("epoch ", number, "/", options_.epochs), options_.progress ? train_.samples() : 0, "images");
  const auto start = Clock::now();
  const double lr = optimizer_.lr();
  Confusion seen(train_.dataset().classes());
  double loss_sum = 0;
  std::int64_t step = 0;
  const Epoch epoch = train_.epoch(number - 1);
  for (const auto& [images, labels] : epoch) {
    Tape tape;
    const Var logits = model_(images);
    const Var loss = softmax_cross_entropy(logits, labels, {.label_smoothing = options_.label_smoothing});
    const double value = loss.item();
    if (!std::isfinite(value))
      fail("train", text("a loss of ", value, " in epoch ", number, ", step ", step), "a finite loss",
           "lower the learning rate, or lengthen the warm-up");
    tape.backward(loss);
    optimizer_.step();
    optimizer_.zero_grad();
    seen.add(logits.value(), labels);
    loss_sum += value * static_cast<double>(labels.size());
    ++step;
    if (options_.progress && progress.due())
      progress.update(seen.total(), "loss " + fixed(loss_sum / static_cast<double>(seen.total()), 4));
  }
  const double seconds = seconds_since(start);
  const auto samples = static_cast<double>(std::max<std::int64_t>(1, seen.total()));
  return {.epoch = number,
          .lr = lr,
          .train_loss = loss_sum / samples,
          .train_accuracy = seen.accuracy(),
          .seconds = seconds,
          .images_per_second = seconds > 0 ? samples / seconds : 0};
}

TrainSummary Trainer::run() {
  const auto start = Clock::now();
  TrainSummary summary;
  double training_seconds = 0;
  double images = 0;
  const auto test = [&] {
    Evaluation result = evaluate(model_, test_);
    confusion_ = result.confusion;
    summary.test_loss = result.loss;
    summary.test_accuracy = result.accuracy;
  };
  if (options_.epochs == 0) test();
  for (std::int64_t epoch = 1; epoch <= options_.epochs; ++epoch) {
    EpochResult result = train_epoch(epoch);
    test();
    result.test_loss = summary.test_loss;
    result.test_accuracy = summary.test_accuracy;
    training_seconds += result.seconds;
    images += static_cast<double>(train_.samples());
    summary.curve.push_back(result);
    if (options_.on_epoch) options_.on_epoch(result);
  }
  summary.parameters = model_.parameter_count();
  summary.images_per_second = training_seconds > 0 ? images / training_seconds : 0;
  summary.seconds = seconds_since(start);
  summary.epochs = options_.epochs;
  summary.steps = optimizer_.steps();
  summary.threads = parallel::thread_count();
  summary.instruction_set = instruction_set();
  summary.weights_sha256 = sha256(model_.state());
  return summary;
}

void save_run(const std::filesystem::path& directory, Module& model, const TrainSummary& summary) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    fail(directory.string(), text("a directory that cannot be made: ", error.message()), "a writable run directory",
         "choose another with --out");
  save_safetensors(directory / "model.safetensors", model.state(), {{"model", summary.model}});
  write_file(directory / "summary.json", to_json(summary));
}

}  // namespace ebb
