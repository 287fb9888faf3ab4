// Norm and rotation of the filters of a trained net beside what was predicted.
#include <algorithm>
#include <cmath>
#include <memory>

#include "data/loader.h"
#include "framework/tensor/error.h"
#include "lab/diagnose/diagnostics.h"
#include "lab/format/numbers.h"
#include "lab/study/figures.h"
#include "lab/study/number_text.h"
#include "lab/study/study.h"
#include "lab/study/workloads.h"
#include "lab/training/trainer.h"
#include "optim/adam.h"
#include "optim/lion.h"
#include "optim/sgd.h"

namespace ebb::studies::equilibrium_net_study {
namespace {

constexpr const char* images = "cifar10";
constexpr std::int64_t batch = 64, epochs = 16, measured = 4;  // epochs, of which the last ones are measured
constexpr double most_drift = 0.1;

// lr lambda is 0.002, but for Adam with L2, times what the arm says. All but the filters shrinks by 0.002 a step in
// every arm, so that only the filters' decay differs and the loss comes to rest.
std::unique_ptr<Optimizer> optimizer_of(const Trial& trial, Module& model) {
  const std::string& name = trial.word("optimizer");
  const double times = trial.number("lambda");
  const auto table = [&](Decay decay) {
    return groups(model, {{"filters", path("conv*.weight"), {.decay = decay}},
                          {"rest", everything_else(), {.decay = decoupled_constant(0.002)}}});
  };
  const auto sgd = [&](double lr, double mu, bool nesterov, Decay decay) {
    return std::make_unique<Sgd>(table(decay), SgdOptions{.lr = lr, .momentum = mu, .nesterov = nesterov});
  };
  const auto adam = [&](Decay decay) {
    return std::make_unique<Adam>(table(decay), AdamOptions{.lr = 2e-3, .beta2 = 0.99});
  };
  if (name == "sgd") return sgd(0.1, 0, false, decoupled_lr(0.02 * times));
  if (name == "coupled momentum") return sgd(0.01, 0.9, false, coupled_l2(0.02 * times));
  if (name == "decoupled momentum") return sgd(0.01, 0.9, false, decoupled_lr(0.2 * times));
  if (name == "nesterov") return sgd(0.01, 0.9, true, coupled_l2(0.02 * times));
  if (name == "adamw") return adam(decoupled_lr(1 * times));
  if (name == "adam + l2") return adam(coupled_l2(0.3 * times));
  return std::make_unique<Lion>(table(decoupled_lr(10 * times)), LionOptions{.lr = 2e-4});
}

// A layer over the measured epochs. \param rows of its epochs, all of them.
void put_layer(Record& record, const std::string& layer, const std::vector<DiagnosisRow>& rows) {
  const auto put = [&](const char* what, auto number) {
    double sum = 0;
    for (auto row = rows.end() - measured; row != rows.end(); ++row) sum += number(*row) / measured;
    record.put(layer + ' ' + what, sum);
    return sum;
  };
  put("norm", [](const DiagnosisRow& row) { return row.norm.median; });
  put("predicted norm", [](const DiagnosisRow& row) { return row.predicted_norm; });
  put("predicted norm at twice lambda", [](const DiagnosisRow& row) { return row.doubled_norm; });
  put("norm ratio", [](const DiagnosisRow& row) { return row.norm_ratio.median; });
  put("angle", [](const DiagnosisRow& row) { return row.angle.median; });
  put("predicted angle", [](const DiagnosisRow& row) { return row.predicted_angle; });
  put("predicted angle at twice lambda", [](const DiagnosisRow& row) { return row.doubled_angle; });
  put("angle ratio", [](const DiagnosisRow& row) { return row.angle_ratio.median; });
  put("lag", [](const DiagnosisRow& row) { return row.lag.median; });
  put("gradient over lambda", [](const DiagnosisRow& row) { return row.gradient_at_unit.median / row.lambda; });
  record.put(layer + " drift", std::abs(rows.back().drift));
}

void run(const Trial& trial, Record& record) {
  const std::shared_ptr<const ImageDataset> samples = trial.data->train(images);
  workloads::SmallCnn model({.side = samples->sample_shape()[0], .channels = samples->sample_shape()[2]},
                            trial.rng().at("model"));
  const std::unique_ptr<Optimizer> optimizer = optimizer_of(trial, model);
  const Loader train(samples, {.batch = batch, .seed = trial.pair, .drop_last = true, .prefetch = 0});
  const Loader test(trial.data->test(images).images(), {.batch = 500, .shuffle = false, .prefetch = 0});
  Trainer trainer(model, *optimizer, train, test, {.epochs = epochs, .evaluate_every = epochs});
  const Batch first = train.epoch(0)[0];
  Diagnostics diagnostics(*optimizer, audit(model, first.images, first.labels, optimizer.get(), {.probe = false}),
                          {.every = 1, .window = train.batches()});
  trainer.add(diagnostics);
  trainer.run();
  for (const std::string layer : {"conv1", "conv2"}) {
    std::vector<DiagnosisRow> rows;
    for (const DiagnosisRow& row : diagnostics.rows())
      if (row.parameter == layer + ".weight") rows.push_back(row);
    put_layer(record, layer, rows);
    if (trial.word("optimizer") != "sgd" || trial.word("lambda") != "1") continue;
    for (const DiagnosisRow& row : rows) {
      record.put(layer + " norm by step", row.step, row.norm.median);
      record.put(layer + " predicted norm by step", row.step, row.predicted_norm);
    }
  }
  const std::vector<Measured> all = record.all();
  const auto angle = [&](const std::string& layer) {
    return std::ranges::find(all, layer + " angle", &Measured::measure)->value;
  };
  record.put("spread of rotation", std::abs(std::log(angle("conv1") / angle("conv2"))));
  record.put("test accuracy", 100 * trainer.evaluation().accuracy);
}

// A claim that is undecided where the layer is still on its way.
Claim at_rest(Claim claim, const std::string& layer, const Arm& arm) {
  claim.judge = [judge = claim.judge, layer, arm](const Results& results) {
    Verdict verdict = judge(results);
    const double drift = mean_or_nan(results.values(layer + " drift", arm));
    if (drift <= most_drift) return verdict;
    verdict.is = Verdict::Is::undecided;
    verdict.sentence = text("not at rest: |drift| ", significant(drift, 2), " on average");
    return verdict;
  };
  return claim;
}

// A measure at twice the lambda over what the run at lambda predicts for it.
Claim doubled(ClaimText text, const std::string& measure, double tolerance, const Arm& arm) {
  const std::string predicted = "that predicted at lambda", now = measure + " at twice lambda";
  Claim claim = within(std::move(text), now, predicted, tolerance);
  claim.judge = [=, judge = claim.judge](const Results& results) {
    Arm once = arm, twice = arm;
    once["lambda"] = "1", twice["lambda"] = "2";
    const auto space = measure.find(' ');
    const std::vector<double> seen = results.values(measure, twice);
    const std::vector<double> foreseen =
        results.values(measure.substr(0, space) + " predicted" + measure.substr(space) + " at twice lambda", once);
    Results both;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      Record record;
      record.put(now, seen[i]);
      record.put(predicted, foreseen.at(i));
      both.add({}, i, record);
    }
    return judge(both);
  };
  return claim;
}

Plot norms(const Results& results) {
  Plot plot{.title = "Norm of the filters, SGD", .unit = "|w|, median of the channels", .x = "step", .curves = {}};
  const Arm arm{{"optimizer", "sgd"}, {"lambda", "1"}};
  for (const std::string layer : {"conv1", "conv2"})
    for (Curve& curve : course(results, {.title = layer,
                                        .measured = layer + " norm by step",
                                        .predicted = layer + " predicted norm by step",
                                        .arm = arm,
                                        .colour = layer == "conv1" ? "var(--c0)" : "var(--c1)"}))
      plot.curves.push_back(std::move(curve));
  return plot;
}

Plot agreement(const Results& results, const std::string& what, const std::string& unit) {
  std::vector<Scatter> points;
  for (const std::string& optimizer : results.levels("optimizer"))
    for (const std::string layer : {"conv1", "conv2"})
      points.push_back({.title = optimizer + ", " + layer,
                        .measured = layer + ' ' + what,
                        .predicted = layer + " predicted " + what,
                        .arm = {{"optimizer", optimizer}}});
  return against_prediction({.title = "Measured " + what, .unit = unit, .x = "predicted " + what, .curves = {}},
                            results, points);
}

// Bands of a layer.
struct Bands {
  const char* optimizer;
  const char* layer;
  double norm, angle;
  Verdict::Is expected = Verdict::Is::confirmed;
};

// As the pilot pairs left them; see Study::pilot.
const std::vector<Bands>& bands() {
  static const std::vector<Bands> all{
      {"sgd", "conv1", 0.03, 0.05},
      {"sgd", "conv2", 0.03, 0.05},
      {"coupled momentum", "conv1", 0.2, 0.05},
      {"coupled momentum", "conv2", 0.1, 0.03},
      {"decoupled momentum", "conv1", 0.2, 0.05},
      {"decoupled momentum", "conv2", 0.1, 0.05},
      {"nesterov", "conv1", 0.3, 0.3},
      {"nesterov", "conv2", 0.2, 0.1},
      {"adamw", "conv2", 0.03, 0.1},
      {"adam + l2", "conv1", 0.2, 0.2},
      {"adam + l2", "conv2", 0.05, 0.1},
      {"lion", "conv2", 0.1, 0.2},
      // Stated before the pilot; 0: the pilot did not speak against it.
      {"coupled momentum", "conv1", 0.1, 0, Verdict::Is::refuted},
      {"decoupled momentum", "conv1", 0.1, 0, Verdict::Is::refuted},
      {"nesterov", "conv1", 0.1, 0.05, Verdict::Is::refuted},
      {"nesterov", "conv2", 0.1, 0.05, Verdict::Is::refuted},
  };
  return all;
}

// One band of rotation for plain SGD and one for momentum, whatever the pilot pairs showed of a layer.
const std::vector<Bands>& added() {
  static const std::vector<Bands> all{
      {"sgd", "conv1", 0, 0.03}, {"sgd", "conv2", 0, 0.03}, {"coupled momentum", "conv2", 0, 0.05}};
  return all;
}

std::vector<Claim> claims() {
  std::vector<Claim> out;
  const auto said = [&](const std::string& statement, Verdict::Is expected = Verdict::Is::confirmed,
                        std::vector<std::string> answers = {}) {
    return ClaimText{std::to_string(out.size() + 1), statement, std::move(answers), expected};
  };
  for (const Bands& of : bands()) {
    const Arm arm{{"optimizer", of.optimizer}, {"lambda", "1"}};
    const std::string layer = of.layer, where = text(of.optimizer, ", ", layer, ": filters ");
    const auto add = [&](const std::string& what, const std::string& measure, double band) {
      const std::string statement = text(where, what, " within ", percent(band, 0));
      if (band > 0)
        out.push_back(at_rest(within(said(statement, of.expected), layer + measure, 1, band, arm), layer, arm));
    };
    add("are as long as predicted", " norm ratio", of.norm);
    add("turn as fast as predicted", " angle ratio", of.angle);
  }
  for (const std::string layer : {"conv1", "conv2"})
    for (const auto& [what, band] : {std::pair{" norm", 0.1}, std::pair{" angle", 0.03}})
      out.push_back(doubled(said(text("sgd, ", layer, ": twice the lambda brings the", what, " foretold at lambda")),
                            layer + what, band, {{"optimizer", "sgd"}}));
  for (const std::string layer : {"conv1", "conv2"})
    out.push_back(slope(said(text("adam + l2, ", layer, ": norms follow g~ / lambda by its cube root"),
                             Verdict::Is::confirmed, {"B13"}),
                        layer + " norm", layer + " gradient over lambda", 1.0 / 3, 0.1, {{"optimizer", "adam + l2"}}));
  out.push_back(greater(said("layers turn at rates that differ more under Adam with L2 than under AdamW",
                             Verdict::Is::confirmed, {"B13"}),
                        "spread of rotation", Arm{{"optimizer", "adam + l2"}, {"lambda", "1"}},
                        Arm{{"optimizer", "adamw"}, {"lambda", "1"}}));
  out.push_back(estimate(said("the nets learn: test accuracy in percent, all arms"), "test accuracy"));
  for (const Bands& of : added()) {
    const Arm arm{{"optimizer", of.optimizer}, {"lambda", "1"}};
    out.push_back(at_rest(within(said(text(of.optimizer, ", ", of.layer, ": filters turn as fast as predicted within ",
                                           percent(of.angle, 0), ", a claim that was added after the run")),
                                 text(of.layer, " angle ratio"), 1, of.angle, arm),
                          of.layer, arm));
  }
  return out;
}

}  // namespace

Study study() {
  const std::vector<std::string> optimizers{
      "sgd", "coupled momentum", "decoupled momentum", "nesterov", "adamw", "adam + l2", "lion"};
  std::vector<Arm> arms;
  for (const std::string& optimizer : optimizers)
    for (const std::string times : {"1", "2"})
      if (times == "1" || optimizer == "sgd" || optimizer == "adam + l2")
        arms.push_back({{"optimizer", optimizer}, {"lambda", times}});
  return {
      .name = "equilibrium_net",
      .title = "Norm and rotation in a net that learns images",
      .statement =
          "Filters in front of batch norms come to the norm and the rotation that follow from learning "
          "rate, lambda and the size of their gradients.",
      .answer =
          "Yes, within 4 % under plain SGD. Under momentum and Adam filters are up to 22 % shorter than predicted, "
          "since gradients depend on the ones before; they turn within 3 % of the prediction under momentum, and "
          "within about a fifth under Nesterov's and under Adam and Lion.",
      .reference = "Wan et al. 2021; Kosson et al. 2024",
      .limits =
          "One small net, 5,000 images, a constant learning rate, 16 epochs of which the last four are "
          "measured. Medians of the channels of a layer, not every channel. Nothing about accuracy. Which groups "
          "decay, the "
          "lambda of adam + l2 and the number of epochs were chosen on two earlier trials of pair 101, and arms of "
          "half the "
          "lambda left out after the pilot. Bands of 20 and 30 % are wide: that they hold says little.",
      .factors = {{"optimizer", optimizers}, {"lambda", {"1", "2"}}},
      .arms = std::move(arms),
      .data = {images},
      .pairs = 8,
      .tier = Tier::T3,
      .minutes = 15,
      .run = run,
      .claims = claims(),
      .figures = {{"course", "Filters come to the predicted norm in some epochs and then follow it.", norms},
                  {"norm",
                   "Norms are as predicted under plain SGD, and shorter under momentum, most so under Nesterov's.",
                   [](const Results& r) { return agreement(r, "norm", "|w|, median of the channels"); }},
                  {"angle", "Rotation follows the prediction over a ninefold range.",
                   [](const Results& r) { return agreement(r, "angle", "degrees a step"); }}},
      .pilot =
          "Pairs 101 to 104, whose numbers are in equilibrium_net-pilot.csv. Each band is the least of 3, 5, 10, "
          "20 and 30 % that is 1.25 times as wide as the "
          "pilot's mean was off. Bands of 10 % for norms and 5 % for rotation under any momentum had been "
          "stated before the pilot, which spoke against them in six places: these claims are kept, and "
          "expected to be refuted; pairs 1 to 8 refute four and leave two undecided. conv1 under AdamW and Lion was "
          "not at rest (mean drift 0.25 and 0.59), and "
          "has no claim. Claims 39 to 41 were added when pairs 1 to 8 had been run and judged: rotation within 3 % for "
          "plain SGD and within 5 % for momentum, which another net had suggested before. No other band was changed. "
          "The relaxation time in which drift is "
          "counted was corrected after that run, to a half under SGD and two thirds under Adam with L2, by theory "
          "alone; no "
          "verdict changed. Claim 40 was expected to hold and does not: the command ends with status 3 for it.",
      .explanation =
          "The formula takes gradients for uncorrelated in time. Over the ten steps that momentum remembers they "
          "are not: its sum of past gradients foresees a part of the next one, and that part is negative. The study "
          "memory shows on random gradients of known correlation what follows: without momentum nothing, under "
          "momentum another norm and the same rotation, under Nesterov's another norm and another rotation, all by "
          "one number. So the norms tell that number, and the rotations test it. Momentum: norms of 0.89 "
          "and 0.95 of the predicted (conv1, conv2) mean a memory of -0.19 and -0.09, and rotations stay as "
          "predicted; measured 1.02 and 1.02. Nesterov: norms of 0.78 and 0.90 mean -0.35 and -0.20, with which "
          "rotations are 1.15 and 1.05 of the predicted; measured 1.17 and 1.07. Plain SGD has no memory: its norms "
          "are "
          "right, though successive gradients have a correlation of -0.26 and -0.18. Part of it is known beforehand: "
          "the "
          "batches of an epoch are drawn without replacement, so that the noise of one is -1/77 of that of each "
          "other. That alone is a memory of -0.10 and a norm of 0.94 under momentum. The rest, larger in "
          "conv1 and under Nesterov's momentum, was not told apart; the correlation of neighbours (0.20, 0.13 under "
          "momentum) has the other sign."};
}

}  // namespace ebb::studies::equilibrium_net_study
