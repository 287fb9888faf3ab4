// Kinds of decay in a net whose learning rate falls to zero along a cosine.
#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "data/loader.h"
#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/audit/predict.h"
#include "lab/diagnose/diagnostics.h"
#include "lab/format/numbers.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/workloads.h"
#include "lab/training/trainer.h"
#include "optim/adam.h"
#include "optim/channels.h"
#include "optim/sgd.h"

namespace ebb::studies::schedules_net_study {
namespace {

constexpr const char* images = "fashion-mnist";
constexpr std::int64_t batch = 64, epochs = 15, middle = 8;
constexpr double mu = 0.9, label_noise = 0.2;
// Of momentum, from batches that are drawn without replacement; see docs/laboratory.md.
constexpr double memory = -0.1;

// Peak lr and the lambda of decoupled_lr, which together take 0.002 a step at the peak under both optimizers.
struct Rates {
  double lr, lambda;
};
Rates rates(const Trial& trial) { return trial.word("optimizer") == "adam" ? Rates{2e-3, 1} : Rates{0.01, 0.2}; }

// What decay leaves over a cosine. \param shrink of a step, by the multiplier of the schedule.
double left(std::int64_t steps, const std::function<double(double)>& shrink) {
  const Schedule schedule = cosine(steps);
  double product = 1;
  for (std::int64_t step = 0; step < steps; ++step) product *= 1 - shrink(schedule(step));
  return product;
}

// The shrink at the peak with which the square of the schedule leaves `share`.
double peak_of_square(std::int64_t steps, double share) {
  double low = 0, high = 0.5;
  for (int i = 0; i < 60; ++i) {
    const double peak = (low + high) / 2;
    (left(steps, [&](double s) { return peak * s * s; }) > share ? low : high) = peak;
  }
  return low;
}

// Of one product over the training where the kind has one: what no gradient touches ends alike.
Decay decay_of(const Trial& trial, std::int64_t steps) {
  const auto [lr, lambda] = rates(trial);
  const double peak = lr * lambda, share = left(steps, [&](double s) { return peak * s; });
  const std::string& kind = trial.word("kind");
  if (kind == "coupled_l2") return coupled_l2(trial.word("optimizer") == "adam" ? 1e-3 : lambda * (1 - mu));
  if (kind == "decoupled_schedule") return decoupled_schedule(peak);
  if (kind == "decoupled_constant") return decoupled_constant(1 - std::pow(share, 1 / static_cast<double>(steps)));
  if (kind == "stable") return stable(0.01);
  if (kind == "cautious") return cautious(lambda);
  if (kind.starts_with("corrected")) return corrected(peak_of_square(steps, share) / lr);
  return decoupled_lr(lambda);
}

// Keeps of what gradients do to filters only what turns them, or only what stretches them; decay is left as it is.
AfterStep keeping(bool turning, Module& model, double peak, std::int64_t steps) {
  struct Before {
    Tensor w;
    std::int64_t step = 0;
  };
  const auto all = std::make_shared<std::map<const Parameter*, Before>>();
  for (const NamedParameter& named : model.named_parameters())
    (*all)[named.parameter] = {.w = named.parameter->value().clone()};
  const Schedule schedule = cosine(steps);
  return {turning ? "turned only" : "stretched only", [=](Parameter& p) {
            Before& before = all->at(&p);
            const double s = schedule(before.step++), keep = 1 - peak * s * s;
            const ChannelView view = channel_view(p);
            const auto channels = static_cast<std::size_t>(view.channels());
            std::vector<double> square(channels), along(channels), factor(channels);
            channel_dots(view, before.w, before.w, square.data());
            channel_dots(view, before.w, p.value(), along.data());
            for (std::size_t c = 0; c < channels; ++c) {
              const double share = square[c] > 0 ? along[c] / square[c] : 0;
              factor[c] = turning ? keep - share : share;
            }
            if (turning) {
              channel_axpy(view, factor.data(), before.w, p.value());
            } else {
              channel_scale(view, factor.data(), before.w);
              copy_into(p.value(), before.w);
            }
            before.w = p.value().clone();
          }};
}

constexpr const char* constant_lr = "decoupled_lr at constant lr";

std::unique_ptr<Optimizer> optimizer_of(const Trial& trial, Module& model, std::int64_t steps) {
  const double lr = rates(trial).lr;
  const std::string& kind = trial.word("kind");
  const Schedule schedule = kind == constant_lr ? constant() : cosine(steps);
  const Decay decay = decay_of(trial, steps);
  GroupOptions filters{.decay = decay};
  if (const bool turned = kind == "corrected turned only"; turned || kind == "corrected stretched only")
    filters.after_step = keeping(turned, model, lr * decay.lambda.value(), steps);
  // Where it says so, corrected stands in front of norms alone.
  const Decay rest = kind == "corrected before norms" ? decoupled_lr(rates(trial).lambda) : decay;
  Groups table =
      groups(model, {{"filters", path("fc1.weight"), filters}, {"rest", everything_else(), {.decay = rest}}});
  if (trial.word("optimizer") == "adam")
    return std::make_unique<Adam>(std::move(table), AdamOptions{.lr = lr, .beta2 = 0.99, .schedule = schedule});
  return std::make_unique<Sgd>(std::move(table), SgdOptions{.lr = lr, .momentum = mu, .schedule = schedule});
}

// Where updates and decay of the step would balance, for kinds that say so beforehand.
std::optional<Equilibrium> at_step(const Optimizer& optimizer, std::int64_t step, const DiagnosisRow& row) {
  const StepContext at = optimizer.planned_context(0, step);
  return equilibrium(optimizer.update_model(0), optimizer.terms(0, at), at.lr, row.gradient_at_unit.median,
                     static_cast<double>(row.values) / static_cast<double>(row.channels), memory);
}

// |w| from the middle epoch to the end, as a mean over each epoch: |w|^4 of linear updates and |w|^2 of normalised ones
// come as near to where they would rest as the relaxation says, step by step, with the g~ of each epoch.
// \param rows of the filters by epoch.
std::map<std::int64_t, double> foreseen_norms(const Optimizer& optimizer, const std::vector<DiagnosisRow>& rows,
                                              std::int64_t batches) {
  const bool linear = optimizer.update_model(0).kind == UpdateModel::Kind::linear;
  const double power = linear ? 4 : 2;
  std::map<std::int64_t, double> out;
  double now = std::pow(rows.at(middle - 1).norm.median, power);
  for (std::int64_t step = (middle - 1) * batches + batches / 2; step < epochs * batches; ++step) {
    const std::int64_t epoch = step / batches + 1;
    if (const auto rest = at_step(optimizer, step, rows.at(static_cast<std::size_t>(epoch - 1))))
      now += rest->relaxation * (std::pow(rest->norm, power) - now);
    if (epoch > middle) out[epoch] += std::pow(now, 2 / power) / static_cast<double>(batches);
  }
  for (auto& [epoch, square] : out) square = std::sqrt(square);
  return out;
}

// Kinds whose coefficients are known before the training. Adam with L2 rests by another law.
bool foreseen(const Trial& trial) {
  const std::string& kind = trial.word("kind");
  return (kind.starts_with("decoupled") && kind != constant_lr) || kind == "corrected" ||
         kind == "corrected before norms" || (kind == "coupled_l2" && trial.word("optimizer") == "sgdm");
}

void put_filters(const Trial& trial, Record& record, const std::vector<DiagnosisRow>& all, const Optimizer& optimizer,
                 std::int64_t batches) {
  std::vector<DiagnosisRow> rows;
  for (const DiagnosisRow& row : all)
    if (row.parameter == "fc1.weight") rows.push_back(row);
  const DiagnosisRow &from = rows.at(middle - 1), &to = rows.at(epochs - 1);
  record.put("growth", to.relative_gradient.median / from.relative_gradient.median);
  const std::string& kind = trial.word("kind");
  const bool main_kind = kind == "decoupled_lr" || kind == "corrected before norms";
  const bool drawn = main_kind && trial.word("optimizer") == "sgdm";
  if (main_kind)
    record.put("growth of gradients at unit norm", to.gradient_at_unit.median / from.gradient_at_unit.median);
  if (main_kind || kind.ends_with("only")) {
    double cosine_update = 0;
    for (std::int64_t i = middle; i < epochs; ++i)
      cosine_update += rows.at(static_cast<std::size_t>(i)).cosine_update.median / static_cast<double>(epochs - middle);
    record.put("cosine of update and weight", cosine_update);
  }
  if (drawn)
    for (const DiagnosisRow& row : rows) record.put("relative gradient", row.epoch, row.relative_gradient.median);
  if (!foreseen(trial)) return;
  record.put("norm", to.norm.median / from.norm.median);
  for (const auto& [epoch, norm] : foreseen_norms(optimizer, rows, batches)) {
    const DiagnosisRow& row = rows.at(static_cast<std::size_t>(epoch - 1));
    if (drawn)
      record.put("relative gradient foreseen", epoch,
                 row.relative_gradient.median * std::pow(row.norm.median / norm, 2));
    if (epoch == epochs) record.put("foreseen norm", norm / from.norm.median);
  }
}

// |mean column| of the head, f64.
double class_mean(const workloads::BnMlp& model) {
  const Tensor& w = model.fc2->weight.value();
  const double* const numbers = w.data<double>();
  double squares = 0;
  for (std::int64_t row = 0; row < w.dim(0); ++row) {
    double sum = 0;
    for (std::int64_t c = 0; c < w.dim(1); ++c) sum += numbers[row * w.dim(1) + c];
    squares += sum * sum;
  }
  return std::sqrt(squares) / static_cast<double>(w.dim(1));
}

// Some steps in f64.
struct Short {
  State end;
  double tracer = 0;   // what is left of the mean column
  double product = 1;  // what decay alone leaves
};

Short in_f64(const Trial& trial, const Loader& batches) {
  constexpr std::int64_t steps = 20;
  workloads::BnMlp model({}, trial.rng().at("model"));
  model.to(DType::f64);
  const auto optimizer = optimizer_of(trial, model, steps);
  const Epoch order = batches.epoch(0);
  const double start = class_mean(model);
  Short out;
  double buffer = 0;
  for (std::int64_t step = 0; step < steps; ++step) {
    const DecayTerms terms = optimizer->terms(1);
    buffer = mu * buffer + terms.l2_gradient * out.product;
    out.product -= terms.shrink * out.product + optimizer->lr(1) * buffer;
    const Batch one = order[step];
    workloads::gradients(model, {cast(one.images, DType::f64), one.labels});
    optimizer->step();
  }
  out.end = model.state();
  out.tracer = class_mean(model) / start;
  return out;
}

// What holds exactly: the product, where gradients reach weights by momentum alone, and two forms of one decay.
void put_identities(const Trial& trial, Record& record, const Loader& batches) {
  const std::string& kind = trial.word("kind");
  // The mask of cautious decay reads the signs of roundings; others leave the head to another kind.
  if (trial.word("optimizer") != "sgdm" || kind == "cautious" || kind.starts_with("corrected ")) return;
  const Short here = in_f64(trial, batches);
  put_exact(record, "tracer", here.tracer - here.product, 1 - here.product);
  if (kind != "decoupled_schedule") return;
  const auto apart = [&](const std::string& other) {
    Trial twin = trial;
    twin.arm.at("kind") = other;
    const State end = in_f64(twin, batches).end;
    double worst = 0, size = 0;
    for (const std::string layer : {"fc1.weight", "fc2.weight"}) {
      const auto x = here.end.at(layer).span<double>(), y = end.at(layer).span<double>();
      for (std::size_t i = 0; i < x.size(); ++i)
        worst = std::max(worst, std::abs(x[i] - y[i])), size = std::max(size, std::abs(x[i]));
    }
    return worst / size;
  };
  put_exact(record, "forms", apart("decoupled_lr"), apart("decoupled_constant"));
}

// Largest less smallest test loss of the last four epochs.
double spread_at_the_end(const std::vector<EpochResult>& curve) {
  const auto [low, high] = std::ranges::minmax_element(curve.end() - 4, curve.end(), {}, &EpochResult::evaluation_loss);
  return high->evaluation_loss - low->evaluation_loss;
}

void run(const Trial& trial, Record& record) {
  const std::shared_ptr<const ImageDataset> samples = trial.data->train(images);
  workloads::BnMlp model({}, trial.rng().at("model"));
  const Loader train(
      samples,
      {.batch = batch, .seed = trial.pair, .drop_last = true, .augment = {.label_noise = label_noise}, .prefetch = 0});
  put_identities(trial, record, train);
  if (trial.tier < Tier::T2) return;
  const Loader test(trial.data->test(images).images(), {.batch = 500, .shuffle = false, .prefetch = 0});
  const std::int64_t steps = epochs * train.batches();
  const std::unique_ptr<Optimizer> optimizer = optimizer_of(trial, model, steps);
  const bool steadiness = trial.word("kind") == "decoupled_lr" || trial.word("kind") == constant_lr;
  Trainer trainer(model, *optimizer, train, test, {.epochs = epochs, .evaluate_every = steadiness ? 1 : epochs});
  const Batch first = train.epoch(0)[0];
  Diagnostics diagnostics(
      *optimizer, audit(model, first.images, first.labels, optimizer.get(), {.probe = false}),
      {.every = 6, .window = train.batches(), .steps_per_epoch = static_cast<double>(train.batches())});
  trainer.add(diagnostics);
  trainer.run();
  put_filters(trial, record, diagnostics.rows(), *optimizer, train.batches());
  record.put("test accuracy", 100 * trainer.evaluation().accuracy);
  if (steadiness) record.put("spread of the test loss", spread_at_the_end(trainer.curve()));
}

Arm arm(const std::string& optimizer, const std::string& kind) { return {{"optimizer", optimizer}, {"kind", kind}}; }

Plot courses(const Results& results) {
  Plot plot{.title = "Filters under sgdm, cosine to 0", .unit = "|g| / |w|, median of the channels", .curves = {}};
  for (const std::string kind : {"decoupled_lr", "corrected before norms"})
    for (Curve& curve : course(results, {.title = kind,
                                        .measured = "relative gradient",
                                        .predicted = "relative gradient foreseen",
                                        .arm = arm("sgdm", kind),
                                        .colour = kind == "decoupled_lr" ? "var(--c0)" : "var(--c1)"}))
      plot.curves.push_back(std::move(curve));
  return plot;
}

Plot norms(const Results& results) {
  return against_prediction(
      {.title = "Norm, end over middle", .unit = "measured", .x = "foreseen", .curves = {}}, results,
      {{.title = "sgdm", .measured = "norm", .predicted = "foreseen norm", .arm = {{"optimizer", "sgdm"}}},
       {.title = "adam", .measured = "norm", .predicted = "foreseen norm", .arm = {{"optimizer", "adam"}}}});
}

Plot accuracies(const Results& results) {
  const std::vector<std::string> kinds{"coupled_l2", "decoupled_constant", "corrected", "corrected before norms",
                                       "cautious"};
  Plot plot{.title = "Test accuracy above that under decoupled_lr",
            .unit = "points, all pairs and their mean",
            .x = "kind of decay",
            .curves = {},
            .x_names = {"coupled", "constant", "corrected", "at norms", "cautious"}};
  for (const std::string optimizer : {"sgdm", "adam"}) {
    const std::string colour = optimizer == "sgdm" ? "var(--c0)" : "var(--c1)";
    Curve all{.title = {}, .points = {}, .faint = true, .dots = true, .colour = colour};
    Curve mean{.title = optimizer, .points = {}, .dots = true, .colour = colour};
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const std::vector<double> above =
          results.differences("test accuracy", arm(optimizer, kinds[i]), arm(optimizer, "decoupled_lr"));
      const double x = static_cast<double>(i) + (optimizer == "sgdm" ? -0.1 : 0.1);
      for (const double one : above) all.points.emplace_back(x, one);
      mean.points.emplace_back(x, mean_of(above));
    }
    plot.curves.push_back(std::move(all)), plot.curves.push_back(std::move(mean));
  }
  return plot;
}

// Within which norms are as foreseen, of kinds of decay for which they are, by optimizer: as the pilot left them.
const std::vector<std::pair<std::string, double>>& bands() {
  static const std::vector<std::pair<std::string, double>> all{{"sgdm", 0.03}, {"adam", 0.1}};
  return all;
}

std::vector<Claim> claims() {
  std::vector<Claim> out;
  const auto said = [&](const std::string& statement, std::vector<std::string> answers = {},
                        Verdict::Is expected = Verdict::Is::confirmed) {
    return ClaimText{std::to_string(out.size() + 1), statement, std::move(answers), expected};
  };
  for (const std::string optimizer : {"sgdm", "adam"}) {
    out.push_back(above(said(optimizer + ": under decoupled_lr |g| / |w| of filters grows to the end", {"B14"}),
                        "growth", 1.15, arm(optimizer, "decoupled_lr")));
    for (const std::string kind : {"corrected before norms", "corrected"})
      out.push_back(within(said(text(optimizer, ": ", kind, " keeps |g| / |w| within 15 %"), {}, Verdict::Is::refuted),
                           "growth", 1, 0.15, arm(optimizer, kind)));
  }
  out.push_back(
      exact(said("sgdm: what classes share shrinks by prod(1 - shrink) under every kind that has one, f64", {"B14"}),
            "tracer", 1e-12));
  out.push_back(exact(said("decoupled_lr and decoupled_schedule are one, f64"), "forms", 20 * 8 * 0x1p-53));
  for (const auto& [optimizer, band] : bands())
    for (const std::string kind :
         {"decoupled_lr", "coupled_l2", "decoupled_constant", "corrected", "corrected before norms"})
      if (optimizer == "sgdm" || kind != "coupled_l2")
        out.push_back(within(
            said(text(optimizer, ", ", kind, ": at the end filters are as long as foreseen within ", percent(band, 0))),
            "norm", "foreseen norm", band, arm(optimizer, kind)));
  for (const std::string optimizer : {"sgdm", "adam"})
    out.push_back(estimate(said(optimizer + ": by what gradients at unit norm grow under corrected before norms"),
                           "growth of gradients at unit norm", arm(optimizer, "corrected before norms")));
  for (const std::string optimizer : {"sgdm", "adam"})
    out.push_back(
        greater(said(optimizer + ": the test loss wanders more from epoch to epoch without a schedule", {"D8"}),
                "spread of the test loss", arm(optimizer, constant_lr), arm(optimizer, "decoupled_lr")));
  const std::string accuracy = "test accuracy";
  for (const std::string optimizer : {"sgdm", "adam"})
    out.push_back(equivalent(said(optimizer + ": corrected before norms is as accurate as decoupled_lr, 0.5 points"),
                             accuracy, arm(optimizer, "corrected before norms"), arm(optimizer, "decoupled_lr"), 0.5));
  out.push_back(equivalent(said("sgdm: coupled_l2 is as accurate as decoupled_lr, 0.5 points"), accuracy,
                           arm("sgdm", "coupled_l2"), arm("sgdm", "decoupled_lr"), 0.5));
  for (const std::string optimizer : {"sgdm", "adam"})
    for (const std::string kind : {"coupled_l2", "decoupled_constant", "corrected", "stable", "cautious"})
      if (optimizer == "adam" || kind != "stable")
        out.push_back(
            estimate(said(text(optimizer, ": points of test accuracy by which ", kind, " is above decoupled_lr")),
                     accuracy, arm(optimizer, kind), arm(optimizer, "decoupled_lr")));
  for (const std::string optimizer : {"sgdm", "adam"})
    for (const std::string part : {"turned", "stretched"})
      out.push_back(estimate(
          said(text(optimizer, ": points by which corrected is above itself with filters that are ", part, " only")),
          accuracy, arm(optimizer, "corrected"), arm(optimizer, text("corrected ", part, " only"))));
  for (Claim& claim : out)
    if (claim.kind != Claim::Kind::identity) claim.least = Tier::T2;
  return out;
}

}  // namespace

Study study() {
  std::vector<std::string> kinds{"decoupled_lr", constant_lr, "coupled_l2", "decoupled_schedule", "decoupled_constant"};
  for (const char* const how : {"", " before norms", " turned only", " stretched only"})
    kinds.push_back(text("corrected", how));
  kinds.insert(kinds.end(), {"stable", "cautious"});
  std::vector<Arm> arms;
  for (const std::string optimizer : {"sgdm", "adam"})
    for (const std::string& kind : kinds)
      // Without a second moment stable is decoupled_lr; the two forms of one decay need no second optimizer.
      if (kind != (optimizer == "sgdm" ? "stable" : "decoupled_schedule")) arms.push_back(arm(optimizer, kind));
  return {
      .name = "schedules_net",
      .title = "Decay in a net while the learning rate falls",
      .statement =
          "What |g| / |w| and the norms of filters do as the lr falls along a cosine, under every kind of decay.",
      .answer = "|g| / |w| grows to the end, under corrected decay less, and norms end where they are foreseen to.",
      .reference = "Defazio 2025; Chou 2025",
      .limits =
          "One small net, 5,000 images of which a fifth has wrong labels, 15 epochs, one lambda for each kind: nothing "
          "about the best one. The foreseen norms begin with the measured one of epoch 8 and need the measured g~.",
      .factors = {{"optimizer", {"sgdm", "adam"}}, {"kind", kinds}},
      .arms = std::move(arms),
      .data = {images},
      .pairs = 16,
      .tier = Tier::T2,
      .least_tier = Tier::T1,
      .minutes = 3,
      .run = run,
      .claims = claims(),
      .figures = {{"course", "|g| / |w| grows under corrected decay, too, though less, as its norms foresee.", courses,
                   Tier::T2},
                  {"norm", "Norms end where they are foreseen to, under Adam a little longer.", norms, Tier::T2},
                  {"accuracy", "Constant decay is the most accurate.", accuracies, Tier::T2}},
      .pilot =
          "Pairs 101 to 104, whose numbers are in schedules_net-pilot.csv. Growth above 1.15 and 1 within 15 % are of "
          "the literature's formulas, stated before any run. The pilot spoke against the second (1.30 and 1.37 before "
          "norms, 1.48 and 1.56 on all): these claims are kept, and expected to be refuted. Added after the pilot: "
          "norms as foreseen, from the norm in epoch 8 and the g~ of each later epoch, which come near to their rest "
          "by the relaxation rate of each step, with a memory of -0.10 that follows from drawing without replacement. "
          "They were off by 1.2 to 1.4 % under sgdm and 5.2 to 6.5 % under adam; bands are the least of 3, 5, 10, 20 "
          "and 30 % that is 1.25 times as wide. The margin of accuracy was stated before. Before the pilot single "
          "trials of pairs 101 and 201 were looked at, to see that arms train.",
      .explanation =
          "|g| / |w| is g~ / |w|^2, and corrected decay holds the norms alone: before norms they change by +2 and +5 % "
          "(sgdm, adam) from epoch 8 to 15, where decoupled_lr takes 9 and 7 % off. g~, the gradient at unit norm, "
          "grows by 1.36 and 1.51 meanwhile, under decoupled_lr as well: that is what is left of the growth. At rest "
          "norms of sgdm would grow with g~ and undo it. They cannot: in these epochs corrected decay takes less than "
          "a tenth off, a third of the relaxation time of |w|^4. At a constant lr |g| / |w| grows by 1.10 and 1.17. "
          "Why norms under adam are 5 to 6 % longer than foreseen was not looked into."};
}

}  // namespace ebb::studies::schedules_net_study
