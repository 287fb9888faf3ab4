// Label smoothing beside decay: what it adds to the loss, and how far apart it lets logits go.
#include <cmath>

#include "framework/ops/loss.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "optim/sgd.h"

namespace ebb::studies::label_smoothing_study {
namespace {

using namespace toys;

constexpr std::int64_t samples = 16, classes = 10;
constexpr int levels = 10;
double at_level(double level) { return 0.005 * std::pow(1.8, level); }

Tensor smoothed(const Tensor& labels, double e) {
  Tensor out = Tensor::full({labels.size(), classes}, e / static_cast<double>(classes), DType::f64);
  for (std::int64_t i = 0; i < labels.size(); ++i)
    out.mutable_data<double>()[i * classes + labels.data<std::int64_t>()[i]] += 1 - e;
  return out;
}

double loss_of(const Tensor& logits, const Tensor& targets) {
  return softmax_cross_entropy(logits, targets).value().item();
}

// (1 - e) CE + e (KL(u || p) + log K), and with the entropy of p in place of KL.
void terms(const Trial& trial, Record& record) {
  constexpr double e = 0.1;
  const Tensor logits = normals({samples, classes}, trial.rng().at("logits"), 2);
  Tensor labels({samples}, DType::i64);
  for (std::int64_t i = 0; i < samples; ++i)
    labels.mutable_data<std::int64_t>()[i] =
        static_cast<std::int64_t>(trial.rng().at("labels").below(classes, static_cast<std::uint64_t>(i)));
  const Tensor p = softmax(logits).value(), targets = smoothed(labels, e);
  double kl = 0, negative_entropy = 0;
  for (const double x : p.span<double>()) {
    kl += std::log(1.0 / classes / x) / classes / samples;
    negative_entropy += x * std::log(x) / samples;
  }
  const double whole = softmax_cross_entropy(logits, labels, {.label_smoothing = e}).value().item(),
               hard = loss_of(logits, smoothed(labels, 0));
  put_exact(record, "divergence", whole - (1 - e) * hard - e * (kl + std::log(classes)), e * (kl - hard));
  put_exact(record, "entropy", whole - (1 - e) * hard - e * (negative_entropy + std::log(classes)),
            e * (negative_entropy + std::log(classes)));
  Parameter z("z", Role::weight, logits.clone());
  Tape tape;
  tape.backward(softmax_cross_entropy(Var(z), labels, {.label_smoothing = e}));
  double worst = 0, effect = 0;
  const Tensor unsmoothed = smoothed(labels, 0);
  for (std::int64_t i = 0; i < z.value().size(); ++i) {
    const double g = z.grad().data<double>()[i] * samples;
    worst = std::max(worst, std::abs(g - (p.data<double>()[i] - targets.data<double>()[i])));
    effect = std::max(effect, std::abs(g - (p.data<double>()[i] - unsmoothed.data<double>()[i])));
  }
  put_exact(record, "gradient", worst, effect);
}

// Logits of one sample that are free: the gap between its class and the others after training.
double gap(double e, double lambda, double start, int steps) {
  Parameter z("z", Role::weight, Tensor::full({1, classes}, 0, DType::f64));
  z.value().mutable_data<double>()[1] = start;
  const Tensor label = Tensor::from({std::int64_t{0}}, {1}), targets = smoothed(label, e);
  Sgd optimizer(alone(z), {.lr = 1, .decay = decoupled_lr(lambda)});
  for (int step = 0; step < steps; ++step) {
    z.zero_grad();
    Tape tape;
    tape.backward(softmax_cross_entropy(Var(z), targets));
    optimizer.step();
  }
  return z.value().at({0, 0}) - z.value().at({0, 1});
}

// Where both hold: p_0 - (1 - e + e / K) + lambda z_0 = 0, and sum z = 0, by halving.
double balanced(double e, double lambda) {
  double low = 0, high = 50;
  for (int step = 0; step < 200; ++step) {
    const double middle = (low + high) / 2, p = 1 / (1 + (classes - 1) * std::exp(-middle));
    const double pull = p - (1 - e + e / classes) + lambda * middle * (classes - 1) / classes;
    (pull < 0 ? low : high) = middle;
  }
  return low;
}

void gaps(const Trial& trial, Record& record) {
  const double start = trial.rng().at("start").uniform(0);
  double worst = 0, both = 0, effect = 0;
  for (int level = 4; level < levels; ++level) {
    const double e = at_level(level), formula = std::log(1 + classes * (1 - e) / e);
    worst = std::max(worst, std::abs(gap(e, 0, start, 4000) - formula));
    record.put("gap without decay", level, gap(e, 0, start, 4000));
    const double held = gap(e, 0.01, start, 4000);
    record.put("gap with decay", level, held);
    both = std::max(both, std::abs(held - balanced(e, 0.01)));
    effect = std::max(effect, formula - held);
  }
  for (int level = 0; level < levels; ++level) {
    const double e = at_level(level);
    record.put("gap by formula", level, std::log(1 + classes * (1 - e) / e));
    record.put("gap by balance", level, balanced(e, 0.01));
  }
  put_exact(record, "gap", worst, std::log(1 + classes * 9) - std::log(1 + classes * 4));
  put_exact(record, "gap under both", both, effect);
  record.put("growth without either", gap(0, 0, start, 4000) - gap(0, 0, start, 2000));
  // Lesser than by each alone, but by less than both take together.
  const double e = 0.05, none = balanced(0, 0.0005), of_e = balanced(e, 0.0005), of_l = balanced(0, 0.02),
               of_both = balanced(e, 0.02);
  record.put("interaction of gaps", none - of_e - of_l + of_both);
}

void run(const Trial& trial, Record& record) {
  terms(trial, record);
  gaps(trial, record);
}

Plot curves(const Results& results) {
  Plot plot{.title = "Gap between the logits of the class and of the others",
            .unit = "nats",
            .x = "smoothing e",
            .curves = {}};
  plot.x_axis = {.scale = AxisOptions::Scale::log};
  for (const CourseOptions& each :
       {CourseOptions{
            .title = "smoothing alone", .measured = "gap without decay", .predicted = "gap by formula", .at = at_level},
        CourseOptions{.title = "with decay of 0.01",
        .measured = "gap with decay",
        .predicted = "gap by balance",
        .colour = "var(--c1)",
        .at = at_level}})
    for (Curve& curve : course(results, each)) plot.curves.push_back(std::move(curve));
  return plot;
}

}  // namespace

Study study() {
  return {
      .name = "label_smoothing",
      .title = "Label smoothing beside decay",
      .statement =
          "Label smoothing adds a divergence from the uniform distribution, not the entropy, and bounds the gap of "
          "logits; decay bounds it too, in another way.",
      .answer =
          "Both bound the gap of a sample's free logits, which otherwise grows by log 2 whenever steps double: "
          "smoothing of e at log(1 + K (1 - e) / e), and with decay as well where their pulls balance. What smoothing "
          "adds to the loss is a divergence from the uniform distribution, not the negative entropy.",
      .reference = "Szegedy et al. 2016; Pereyra et al. 2017 for the penalty on entropy",
      .limits = "Logits that are free, of one sample: no network, and nothing on accuracy or calibration.",
      .pairs = 4,
      .tier = Tier::T1,
      .minutes = 0.1,
      .run = run,
      .claims = {exact({"1", "the loss is (1 - e) CE + e (KL(u || p) + log K)", {"G8"}}, "divergence", 1e-13),
                 exact({"2", "what it adds is the negative entropy of p", {"G8"}, Verdict::Is::refuted}, "entropy",
                       1e-13),
                 exact({"3", "its gradient at the logits is p less the smoothed target", {"G8"}}, "gradient", 1e-13),
                 exact({"4", "trained logits stand log(1 + K (1 - e) / e) apart", {"G8"}}, "gap", 1e-6),
                 at_least({"5", "without smoothing and decay the gap still grows, by log 2 when steps double", {"G8"}},
                          "growth without either", 0.6),
                 exact({"6", "with both it is where the pulls of p, target and decay balance", {"G8"}},
                       "gap under both", 1e-8),
                 estimate({"7", "interaction: what both leave of the gap beside the sum of what each takes", {"G8"}},
                          "interaction of gaps")},
      .figures = {
          {"gap", "Smoothing bounds the gap of logits; decay bounds it more where smoothing is weak.", curves}}};
}

}  // namespace ebb::studies::label_smoothing_study
