// Calibration: where decay acts as a temperature, and where it cannot.
#include <cmath>

#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "lab/study/workloads.h"
#include "lab/training/temperature.h"
#include "optim/sgd.h"

namespace ebb::studies::calibration_study {
namespace {

using namespace workloads;

constexpr std::int64_t inputs = 12, classes = 4;

double share_right(const std::vector<EvaluatedSample>& samples) {
  double right = 0;
  for (const EvaluatedSample& s : samples) right += s.predicted == s.truth;
  return right / static_cast<double>(samples.size());
}

// What a net in training mode says of the samples, its head and its first weight multiplied.
Tensor logits(const Trial& trial, const workloads::Batch& batch, double head, double first, double eps) {
  BnMlp net({.in = inputs, .hidden = 16, .classes = classes, .eps = eps}, trial.rng().at("net"));
  net.to(DType::f64);
  scale(net.fc2->weight.value(), head), scale(net.fc2->bias->value(), head);
  scale(net.fc1->weight.value(), first);
  return net(batch.x).value().clone();
}

void temperatures(const Trial& trial, Record& record) {
  workloads::Batch batch = made_up({400, inputs}, classes, trial.rng().at("batch"));
  const Tensor plain = logits(trial, batch, 1, 1, 0);
  // Right six times of ten: what the net says, or a class at random.
  const std::vector<EvaluatedSample> said = evaluated_samples(plain, batch.labels);
  for (std::size_t i = 0; i < said.size(); ++i)
    batch.labels.mutable_data<std::int64_t>()[i] =
        trial.rng().at("right").uniform(i) < 0.5
            ? *said[i].predicted
            : static_cast<std::int64_t>(trial.rng().at("at random").below(classes, i));
  const Tensor small = logits(trial, batch, 0.125, 1, 0);
  Tensor cooled = plain.clone();
  scale(cooled, 0.125);
  put_exact(record, "head", toys::farthest(small, cooled), toys::farthest(plain, cooled));
  const auto right = [&](const Tensor& of) { return share_right(evaluated_samples(of, batch.labels)); };
  const auto error = [&](const Tensor& of, double t) {
    return calibration_error_by_mass(evaluated_samples(of, batch.labels, t));
  };
  const double fitted = fit_temperature(plain, batch.labels),
               of_third = fit_temperature(logits(trial, batch, 3, 1, 0), batch.labels);
  put_exact(record, "fitted temperature", of_third / (3 * fitted) - 1, of_third / fitted - 1);
  Tensor shifted = plain.clone();
  for (std::int64_t i = 0; i < shifted.size(); i += classes) shifted.mutable_data<double>()[i] += 1;
  put_exact(record, "accuracy", right(small) - right(plain), right(shifted) - right(plain));
  put_exact(record, "error at the fitted temperature",
            error(small, fit_temperature(small, batch.labels)) - error(plain, fitted),
            error(plain, 8 * fitted) - error(plain, fitted));
  // A weight in front of the norm: a power of two and none.
  put_exact(record, "before the norm", fit_temperature(logits(trial, batch, 1, 0.125, 0), batch.labels) / fitted - 1,
            fit_temperature(logits(trial, batch, 1, 0.125, 0.05), batch.labels) /
                    fit_temperature(logits(trial, batch, 1, 1, 0.05), batch.labels) -
                1);
}

// A net trained on noisy labels with decay of the weight in front of the norm, of the rest, or of neither.
struct Trained {
  double temperature, error, accuracy;
};

Trained trained(const Trial& trial, double before, double behind) {
  BnMlp net({.in = inputs, .hidden = 32, .classes = classes}, trial.rng().at("net"));
  net.to(DType::f64);
  const workloads::Batch all = made_up_noisy({300, inputs}, classes, 0.2, trial.rng().at("training")),
                         fresh = made_up_noisy({2000, inputs}, classes, 0.2, trial.rng().at("fresh"));
  Sgd optimizer(groups(net, {{"before the norm", path("fc1.weight"), {.decay = decoupled_lr(before)}},
                             {"rest", everything_else(), {.decay = decoupled_lr(behind)}}}),
                {.lr = 0.1, .momentum = 0.9, .schedule = cosine(250)});
  for (int step = 0; step < 250; ++step) {
    gradients(net, all);
    optimizer.step();
  }
  const Tensor said = net(fresh.x).value();
  const std::vector<EvaluatedSample> samples = evaluated_samples(said, fresh.labels);
  return {fit_temperature(said, fresh.labels), calibration_error_by_mass(samples), share_right(samples)};
}

void run(const Trial& trial, Record& record) {
  temperatures(trial, record);
  const Trained none = trained(trial, 0, 0);
  const auto put = [&](const std::string& of, const Trained& one) {
    record.put("temperature: " + of, one.temperature);
    record.put("calibration error: " + of, one.error);
    record.put("accuracy: " + of, one.accuracy);
  };
  put("no decay", none);
  std::array<double, 2> moved{};
  int level = 0;
  for (const double lambda : {0.003, 0.01, 0.03}) {
    const Trained before = trained(trial, lambda, 0), behind = trained(trial, 0, lambda);
    record.put("temperature with decay before the norm", level, before.temperature);
    record.put("temperature with decay of the rest", level, behind.temperature);
    if (++level != 2) continue;
    put("decay before the norm", before), put("decay of the rest", behind);
    moved = {std::abs(std::log(before.temperature / none.temperature)),
             std::abs(std::log(behind.temperature / none.temperature))};
  }
  record.put("moved by decay of the rest beyond that before the norm", moved[1] - moved[0]);
}

Plot fitted(const Results& results) {
  Plot plot{.title = "Temperature that fits", .unit = "T", .x = "lambda", .curves = {}};
  plot.x_axis = {.scale = AxisOptions::Scale::log};
  const auto at = [](double level) { return level == 0 ? 0.003 : level == 1 ? 0.01 : 0.03; };
  for (const CourseOptions& each : {CourseOptions{.title = "decay before the norm",
                                   .measured = "temperature with decay before the norm",
                                   .at = at,
                                   .dots = true},
                                    CourseOptions{.title = "decay of head, scale and shift",
                                    .measured = "temperature with decay of the rest",
                                    .colour = "var(--c1)",
                                    .at = at,
                                    .dots = true}})
    for (Curve& curve : course(results, each)) plot.curves.push_back(std::move(curve));
  const double none = mean_of(results.values("temperature: no decay"));
  plot.curves.push_back(
      {.title = "no decay", .points = {{at(0), none}, {at(2), none}}, .dashed = true, .colour = "var(--c2)"});
  return plot;
}

}  // namespace

Study study() {
  return {
      .name = "calibration",
      .title = "Decay and calibration",
      .statement = "Decay of the head is a temperature; the size of a weight in front of a norm is none.",
      .answer =
          "A smaller head is a temperature, to the bit, and the size of a weight in front of a norm is none. After "
          "training decay of head, scale and shift had moved the temperature that fits by more than decay in front of "
          "the norm (0.10 more in its logarithm). The calibration error was 0.17 with the one and 0.19 with the "
          "other, as without decay, which was reported and not tested.",
      .reference = "Guo et al. 2017; Nixon et al. 2019 for bins of equal mass",
      .limits =
          "Small nets on made-up samples with a fifth of the labels noisy, judged in training mode. It does not say "
          "which lambda calibrates a net on images.",
      .pairs = 8,
      .tier = Tier::T1,
      .minutes = 0.1,
      .run = run,
      .claims = {exact({"1", "a head 1/8 of its size is a temperature of 8, to the bit", {"G3"}}, "head", 0),
                 exact({"2", "a head three times as large asks for three times the temperature", {"G3"}},
                       "fitted temperature", 1e-9),
                 exact({"3", "accuracy does not feel it"}, "accuracy", 0),
                 exact({"4", "nor does the calibration error at the temperature that fits"},
                       "error at the fitted temperature", 1e-9),
                 exact(
                     {"5", "the size of a weight in front of a norm does not change the temperature that fits", {"G3"}},
                     "before the norm", 1e-9),
                 above(
                     {"6",
                      "after training decay of head, scale and shift has moved it more than decay in front of the norm",
                      {"G3"}},
                     "moved by decay of the rest beyond that before the norm", 0),
                 estimate({"7", "calibration error without decay"}, "calibration error: no decay"),
                 estimate({"8", "with decay of 0.01 in front of the norm"}, "calibration error: decay before the norm"),
                 estimate({"9", "with decay of 0.01 of the rest"}, "calibration error: decay of the rest")},
      .figures = {{"temperature", "The role that decays decides how sure the net becomes.", fitted}}};
}

}  // namespace ebb::studies::calibration_study
