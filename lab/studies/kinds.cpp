// Kinds of decay on losses of one and two numbers: what each does in a step, and where each rests.
#include "framework/ops/arithmetic.h"
#include "framework/ops/penalty.h"
#include "framework/ops/reduction.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "optim/adam.h"
#include "optim/muon.h"
#include "optim/sgd.h"

namespace ebb::studies::kinds_study {
namespace {

using namespace toys;

constexpr double a = 1.3, minimum = 2, eta = 0.05, lambda = 0.3, mu = 0.9, u = 0x1p-53;

// w after each of `steps` steps under gradients that do not depend on it.
std::vector<double> path(Decay decay, double momentum, double start, int steps) {
  const auto w = parameter("w", {start});
  Sgd optimizer(alone(*w), {.lr = eta, .momentum = momentum, .decay = decay});
  std::vector<double> out;
  for (int step = 0; step < steps; ++step) {
    set_gradient(*w, {0.4 + 0.1 * step});
    optimizer.step();
    out.push_back(w->value().item());
  }
  return out;
}

// SGD with and without momentum: coupled against decoupled.
void two_forms(const Trial& trial, Record& record) {
  const auto end = [&](Decay decay) {
    const auto w = random_parameter("w", {50}, trial.rng().at("w"));
    Sgd optimizer(alone(*w), {.lr = 0.001, .decay = decay});
    for (int step = 0; step < 1000; ++step) {
      quadratic_gradient(*w, a, minimum);
      optimizer.step();
    }
    return w->value().clone();
  };
  const Tensor coupled = end(coupled_l2(lambda));
  put_exact(record, "plain SGD", farthest(coupled, end(decoupled_lr(lambda))) / 1000,
            farthest(coupled, end(no_decay())) / 1000);
  const double w0 = 0.7 + 0.1 * trial.rng().uniform(0);
  const auto l2 = path(coupled_l2(lambda), mu, w0, 2), lr = path(decoupled_lr(lambda), mu, w0, 2);
  const double gap = l2[1] - lr[1], predicted = -eta * lambda * mu * w0;
  put_exact(record, "first step", l2[0] - lr[0], gap);
  put_exact(record, "gap at step 2", (gap - predicted) / w0, gap / w0);
  put_exact(record, "no gap with momentum", gap / w0, predicted / w0);
}

// Two axes, the first with large gradients (D = 0.5), the second quiet (D = 2).
struct Preconditioned : Optimizer {
  Preconditioned(Groups table, Decay decay)
      : Optimizer("preconditioned", std::move(table), {.lr = 0.1, .decay = decay}) {}
  void base_update(const Tensor& g, ParameterState& /*p*/, const StepContext& /*context*/, Tensor& update) override {
    update.mutable_data<double>()[0] = 0.5 * g.data<double>()[0];
    update.mutable_data<double>()[1] = 2 * g.data<double>()[1];
  }
};

void two_axes(Record& record) {
  const auto frozen = [](Decay decay) {
    const auto w = parameter("w", {1, 1});
    Preconditioned optimizer(alone(*w), decay);
    zero_gradient(*w);
    optimizer.step();
    return w->value().clone();
  };
  const auto turn = [](const Tensor& w) { return std::atan2(w.at({1}), w.at({0})) - std::atan2(1, 1); };
  const Tensor coupled = frozen(coupled_l2(0.01)), decoupled = frozen(decoupled_lr(0.01));
  put_exact(record, "frozen D", farthest(coupled, Tensor::from({0.9995, 0.9980}, {2})), farthest(coupled, decoupled));
  put_exact(record, "decoupled turns", turn(decoupled), turn(coupled));
  record.put("turn to the quiet axis", turn(coupled));
  // Adam from nothing: a full step whatever lambda is.
  const auto adam = [](double strength, bool warm) {
    const auto w = parameter("w", {1, 1});
    Adam optimizer(alone(*w), {.lr = 0.1, .eps = 0, .decay = coupled_l2(strength)});
    if (warm) {
      OptimizerState state = optimizer.save_state();
      state.tensors["w/first_moment"] = Tensor::from({0.0, 0.0}, {2});
      state.tensors["w/second_moment"] = Tensor::from({4.0, 0.25}, {2});
      state.tensors["w/updates"] = Tensor::from({std::int64_t{1000000}}, {});
      optimizer.load_state(state);
    }
    zero_gradient(*w);
    optimizer.step();
    return w->value().clone();
  };
  const Tensor cold = adam(0.01, false);
  put_exact(record, "Adam from nothing", farthest(cold, Tensor::from({0.9, 0.9}, {2})), farthest(cold, coupled));
  put_exact(record, "Adam is frozen D", farthest(cold, coupled), 0.1);
  const auto moved = [](double v) { return 1 - 0.1 * 0.1 * 0.01 / std::sqrt(0.999 * v + (1 - 0.999) * 1e-4); };
  const Tensor warm = adam(0.01, true);
  put_exact(record, "Adam warmed up", farthest(warm, Tensor::from({moved(4), moved(0.25)}, {2})),
            farthest(warm, coupled));
  // With no gradient and eps = 0 lambda does not matter to Adam + L2.
  const auto alone_with_decay = [](Decay decay) {
    const auto w = parameter("w", {1.0});
    Adam optimizer(alone(*w), {.lr = 1e-3, .eps = 0, .decay = decay});
    for (int step = 0; step < 500; ++step) {
      zero_gradient(*w);
      optimizer.step();
    }
    return w->value().item();
  };
  const double weak = alone_with_decay(coupled_l2(1e-6)), strong = alone_with_decay(coupled_l2(1));
  put_exact(record, "Adam + L2 forgets lambda", weak - strong, weak - alone_with_decay(decoupled_lr(0.01)));
}

// The rows of the table of fixed points: an optimizer, a decay, and the strength of the ridge that it rests at.
struct Row {
  const char* rule;
  SgdOptions options;
  double alpha;
};

std::vector<Row> rows() {
  return {
      {"coupled", {.decay = coupled_l2(lambda)}, lambda},
      {"coupled with momentum", {.momentum = mu, .decay = coupled_l2(lambda)}, lambda},
      {"coupled with nesterov", {.momentum = mu, .nesterov = true, .decay = coupled_l2(lambda)}, lambda},
      {"decoupled_lr", {.decay = decoupled_lr(lambda)}, lambda},
      {"proximal_l2", {.decay = proximal_l2(lambda)}, lambda},
      {"decoupled_constant", {.decay = decoupled_constant(0.01)}, 0.01 / eta},
      {"decoupled_schedule", {.decay = decoupled_schedule(0.01)}, 0.01 / eta},
      {"decoupled_lr with momentum", {.momentum = mu, .decay = decoupled_lr(lambda)}, lambda * (1 - mu)},
      {"decoupled_lr with nesterov",
       {.momentum = mu, .nesterov = true, .decay = decoupled_lr(lambda)},
       lambda * (1 - mu)},
      {"decoupled_lr with half dampened",
       {.momentum = mu, .dampening = 0.5, .decay = decoupled_lr(lambda)},
       lambda * (1 - mu) / 0.5},
      {"decoupled_lr with dampened", {.momentum = mu, .dampening = mu, .decay = decoupled_lr(lambda)}, lambda},
      {"decoupled_constant with momentum", {.momentum = mu, .decay = decoupled_constant(0.01)}, 0.01 * (1 - mu) / eta},
      {"update_l2 with momentum", {.momentum = mu, .decay = update_l2(lambda)}, lambda * (1 - mu)}};
}

double rest_of(SgdOptions options, double lr = eta) {
  options.lr = lr;
  return rest([&](Groups table) { return Sgd(std::move(table), options); }, a, minimum, 6000, 0.5);
}

void fixed_points(Record& record) {
  double worst = 0, effect = 1;
  for (const Row& row : rows()) {
    const double got = rest_of(row.options);
    record.put(std::string("rests at: ") + row.rule, got);
    worst = std::max(worst, std::abs(got / ridge(a, minimum, row.alpha) - 1));
    effect = std::min(effect, std::abs(got / minimum - 1));
  }
  put_exact(record, "fixed points", worst, effect);
  // "Decoupled decay rests at alpha = lambda / eta": of both forms.
  const double inside = rest_of({.decay = decoupled_lr(lambda)}),
               outside = rest_of({.decay = decoupled_constant(0.01)});
  put_exact(record, "lambda / eta with lr in the decay", inside / ridge(a, minimum, lambda / eta) - 1, 1);
  put_exact(record, "lambda / eta without lr in it", outside / ridge(a, minimum, 0.01 / eta) - 1,
            outside / ridge(a, minimum, 0.01) - 1);
  // The same lambda at other learning rates.
  double alike = 0, moves = 1, follows = 0, stays = 1;
  for (const double lr : {0.0125, 0.025, 0.1}) {
    const double with_lr = rest_of({.decay = decoupled_lr(lambda)}, lr),
                 without = rest_of({.decay = decoupled_constant(0.01)}, lr);
    alike = std::max(alike, std::abs(with_lr / ridge(a, minimum, lambda) - 1));
    moves = std::min(moves, std::abs(without / outside - 1));
    follows = std::max(follows, std::abs(without / ridge(a, minimum, 0.01 / lr) - 1));
    stays = std::min(stays, std::abs(without / ridge(a, minimum, 0.01 / eta) - 1));
  }
  put_exact(record, "one rest at every lr with the lr in the decay", alike, moves);
  put_exact(record, "a rest for every lr without it", follows, stays);
  put_exact(record, "one rest at every lr without it", moves, moves);
  record.put("cautious decay from the minimum in chatters",
             std::abs(rest_of({.decay = cautious(lambda)}) - minimum) / (eta * lambda * minimum));
}

void adam_rests(Record& record) {
  double adamw = 0, coupled = 0, effect = 1;
  for (const double eps : {0.1, 1.0})
    for (const double strength : {0.3, 0.8}) {
      const auto at = [&](Decay decay) {
        return rest([&](Groups table) { return Adam(std::move(table), {.lr = 1e-3, .eps = eps, .decay = decay}); }, a,
                    minimum, 60000, 0.5);
      };
      const double l2 = at(coupled_l2(strength)), lr = at(decoupled_lr(strength));
      adamw = std::max(adamw, std::abs(lr / adamw_rest(a, minimum, strength, eps) - 1));
      coupled = std::max(coupled, std::abs(l2 / ridge(a, minimum, strength) - 1));
      effect = std::min(effect, std::abs(lr / l2 - 1));
    }
  for (const double strength : {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2}) {
    const auto at = [&](Decay decay) {
      return rest([&](Groups table) { return Adam(std::move(table), {.lr = 1e-3, .eps = 0.1, .decay = decay}); }, a,
                  minimum, 8000, 1.5);
    };
    const auto percent = static_cast<std::int64_t>(std::lround(100 * strength));
    record.put("rest of AdamW", percent, at(decoupled_lr(strength)));
    record.put("rest of AdamW by its formula", percent, adamw_rest(a, minimum, strength, 0.1));
    record.put("rest of Adam + L2", percent, at(coupled_l2(strength)));
    record.put("rest of ridge", percent, ridge(a, minimum, strength));
  }
  put_exact(record, "AdamW's rest", adamw, effect);
  put_exact(record, "Adam + L2 is ridge", coupled, effect);
}

// 20 steps of AdamW against its formula, and against the one that is SGD's.
void formula(const Trial& trial, Record& record) {
  const auto w = parameter("w", {1.0});
  AdamW optimizer(alone(*w), {.lr = 0.01, .decay = decoupled_lr(0.1)});
  double right = 1, printed = 1, m = 0, v = 0;
  for (int t = 1; t <= 20; ++t) {
    const double g = trial.rng().at("g").normal(static_cast<std::uint64_t>(t));
    set_gradient(*w, {g});
    optimizer.step();
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    right -= 0.01 * (m / (1 - std::pow(0.9, t)) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8) + 0.1 * right);
    printed -= 0.01 * (g + 0.1 * printed);
  }
  put_exact(record, "AdamW's formula", w->value().item() - right, right - printed);
  put_exact(record, "the printed formula", w->value().item() - printed, 1);
}

// lambda/2 |w|^2 in the loss is coupled_l2(lambda); lambda |w|^2 is twice that.
void penalty(const Trial& trial, Record& record) {
  const auto stepped = [&](double in_loss, double coupled) {
    const auto w = random_parameter("w", {50}, trial.rng().at("w"));
    Parameter* const listed[] = {w.get()};
    Sgd optimizer(alone(*w), {.lr = eta, .momentum = mu, .decay = coupled_l2(coupled)});
    Tape tape;
    const Var away = Var(*w) - Tensor::full({50}, minimum, DType::f64);
    tape.backward(sum(away * away) * 0.5 + l2_penalty(listed, in_loss));
    optimizer.step();
    return w->value().clone();
  };
  const Tensor coupled = stepped(0, lambda);
  const double largest = max_abs(coupled);
  put_exact(record, "half of lambda |w|^2", farthest(stepped(lambda, 0), coupled) / largest,
            farthest(stepped(0, 0), coupled) / largest);
  put_exact(record, "all of lambda |w|^2", farthest(stepped(2 * lambda, 0), coupled) / largest, 1);
}

// What a step without a gradient leaves in Adam's moments.
void moments(Record& record) {
  const auto moved = [](Decay decay) {
    const auto w = parameter("w", {1.0});
    Adam optimizer(alone(*w), {.decay = decay});
    zero_gradient(*w);
    optimizer.step();
    return max_abs(optimizer.state("w", "first_moment")) + max_abs(optimizer.state("w", "second_moment"));
  };
  put_exact(record, "moments under decoupled decay", moved(decoupled_lr(0.1)), moved(coupled_l2(0.1)));
  put_exact(record, "moments under weight_decay of Adam", moved(coupled_l2(0.1)), moved(coupled_l2(0.1)));
}

// g / (|singular values| as they are): the exact polar factor of a 2 x 2 matrix.
struct Polar : Optimizer {
  Polar(Groups table, Decay decay) : Optimizer("polar", std::move(table), {.lr = 1e-2, .decay = decay}) {}
  void base_update(const Tensor& g, ParameterState& /*p*/, const StepContext& /*context*/, Tensor& update) override {
    const double* const x = g.data<double>();
    const double det = x[0] * x[3] - x[1] * x[2], sign = det < 0 ? -1 : 1;
    const double values = std::sqrt(sum_squares(g) + 2 * std::abs(det));
    double* const out = update.mutable_data<double>();
    out[0] = (x[0] + sign * x[3]) / values, out[1] = (x[1] - sign * x[2]) / values;
    out[2] = (x[2] - sign * x[1]) / values, out[3] = (x[3] + sign * x[0]) / values;
  }
};

// Orthogonalised updates towards a matrix of singular values 3 and 4 with decay 0.5: a box of 2.
void box(const Trial& trial, Record& record) {
  const double angle = trial.rng().uniform(1), c = std::cos(angle), s = std::sin(angle);
  const Tensor target = Tensor::from({3 * c, -4 * s, 3 * s, 4 * c}, {2, 2});
  const Tensor edge = Tensor::from({2 * c, -2 * s, 2 * s, 2 * c}, {2, 2});
  const auto rests = [&](auto make) {
    Parameter w("w", Role::weight, Tensor::from({0.3, 0.1, -0.2, 0.4}, {2, 2}));
    auto optimizer = make(alone(w));
    for (int step = 0; step < 8000; ++step) {
      Tensor g = w.value().clone();
      axpy(-1, target, g);
      set_gradient(w, g);
      optimizer.step();
    }
    return w.value().clone();
  };
  const Tensor polar = rests([](Groups table) { return Polar(std::move(table), decoupled_lr(0.5)); });
  put_exact(record, "box of exact orthogonal updates", farthest(polar, edge), farthest(polar, target));
  const Tensor muon = rests([](Groups table) {
    return Muon(std::move(table), {.lr = 1e-2, .momentum = 0, .nesterov = false, .decay = decoupled_lr(0.5)});
  });
  // The greatest singular value, over 1 / lambda.
  const double square = sum_squares(muon), det = muon.at({0, 0}) * muon.at({1, 1}) - muon.at({0, 1}) * muon.at({1, 0});
  record.put("Muon's greatest singular value in boxes",
             std::sqrt((square + std::sqrt(std::max(0.0, square * square - 4 * det * det))) / 2) / 2);
}

void run(const Trial& trial, Record& record) {
  two_forms(trial, record);
  formula(trial, record);
  penalty(trial, record);
  box(trial, record);
  if (trial.pair % 100 != 1) return;
  // What no seed changes.
  two_axes(record);
  fixed_points(record);
  adam_rests(record);
  moments(record);
}

Plot rests(const Results& results) {
  Plot plot{.title = "Where Adam rests on 0.65 (w - 2)^2", .unit = "w", .x = "lambda", .curves = {}, .x_axis = {}};
  for (const CourseOptions& each :
       {CourseOptions{
            .title = "Adam + L2", .measured = "rest of Adam + L2", .predicted = "rest of ridge", .step = 0.01},
        CourseOptions{.title = "AdamW",
        .measured = "rest of AdamW",
        .predicted = "rest of AdamW by its formula",
        .colour = "var(--c1)",
        .step = 0.01}})
    for (Curve& curve : course(results, each)) plot.curves.push_back(std::move(curve));
  return plot;
}

}  // namespace

Study study() {
  return {
      .name = "kinds",
      .title = "Kinds of decay on losses of one and two numbers",
      .statement = "What each kind of decay does in a step, and where it rests on a quadratic, is known exactly.",
      .answer =
          "Coupled and decoupled decay are one under SGD without momentum and part at step 2 with momentum. Under "
          "Adam they rest at different places, each by its formula: with L2 at the ridge, AdamW inside a box. Where "
          "lr is a factor of the decay the rest does not depend on lr, and where it is not the penalty is lambda / "
          "lr.",
      .reference = "Loshchilov & Hutter 2019; closed forms in docs/weight-decay.md",
      .limits = "Quadratic losses and gradients that are given: nothing about accuracy of networks.",
      .pairs = 4,
      .tier = Tier::T1,
      .minutes = 0.1,
      .version = 3,
      .run = run,
      .claims =
          {exact({"1", "under SGD without momentum coupled and decoupled decay are one", {"A1", "D4", "D12"}},
                 "plain SGD", 8 * u * 4),
           exact({"2", "with momentum, too", {"A1", "D4", "D12"}, Verdict::Is::refuted}, "no gap with momentum", 4 * u),
           exact({"3", "with momentum they part at step 2, by -lr lambda mu w_0", {"A1"}}, "gap at step 2", 8 * u),
           exact({"4", "at step 1 they are one", {"A1"}}, "first step", 2 * u),
           exact({"5", "D = diag(0.5, 2) held fixed: 0.9995, 0.9980 coupled", {"A5"}}, "frozen D", 2 * u),
           exact({"6", "Adam's first step is that of D held fixed", {"A5"}, Verdict::Is::refuted}, "Adam is frozen D",
                 1e-12),
           exact({"7", "Adam's first step is lr sign(w), whatever lambda", {"A5"}}, "Adam from nothing", 1e-14),
           exact({"8", "warmed up, it is 1 - beta1 of that of D held fixed", {"A5"}}, "Adam warmed up", 1e-14),
           exact({"9", "without a gradient Adam + L2 does not depend on lambda", {"A5"}}, "Adam + L2 forgets lambda",
                 1e-14),
           exact({"10", "decoupled decay does not turn the weights", {"A6"}}, "decoupled turns", 1e-15),
           within({"11", "coupled decay turns them towards the axis of small gradients", {"A6"}, Verdict::Is::refuted},
                  "turn to the quiet axis", 7.5e-4, 0.05),
           within({"12", "it turns them away from it", {"A6"}}, "turn to the quiet axis", -7.5e-4, 0.05),
           exact({"13", "thirteen ways to decay rest where their formulas say", {"A8", "H4", "H5", "H6"}},
                 "fixed points", 1e-12),
           exact({"14", "decoupled decay rests at alpha = lambda / lr: without the lr in it", {"A8", "H4", "H5", "H6"}},
                 "lambda / eta without lr in it", 1e-12),
           exact({"15", "and with the lr in it", {"A8", "H4", "H5", "H6"}, Verdict::Is::refuted},
                 "lambda / eta with lr in the decay", 1e-12),
           exact({"16", "AdamW rests inside a box, by its formula", {"A8"}}, "AdamW's rest", 1e-9),
           exact({"17", "Adam + L2 rests at ridge", {"A8"}}, "Adam + L2 is ridge", 1e-9),
           exact({"18", "lambda/2 |w|^2 in the loss is the update lr lambda w", {"D1"}}, "half of lambda |w|^2", 2 * u),
           exact({"19", "lambda |w|^2 in the loss is the update lr lambda w", {"D1"}, Verdict::Is::refuted},
                 "all of lambda |w|^2", 2 * u),
           exact({"20", "AdamW is lr (m / (sqrt v + eps) + lambda w)", {"D7"}}, "AdamW's formula", 1e-14),
           exact({"21", "AdamW is lr (g + lambda w)", {"D7"}, Verdict::Is::refuted}, "the printed formula", 1e-14),
           exact(
               {"22", "Adam with weight_decay, as the sample code has it, is decoupled", {"H7"}, Verdict::Is::refuted},
               "moments under weight_decay of Adam", 0),
           exact({"23", "decoupled decay leaves Adam's moments alone", {"H7"}}, "moments under decoupled decay", 0),
           exact({"24", "exact orthogonal updates rest on the box 1/lambda of singular values"},
                 "box of exact orthogonal updates", 1e-6),
           within({"25", "five Newton-Schulz steps rest near it, 0.69 to 1.15"},
                  "Muon's greatest singular value in boxes", 0.92, 0.25),
           estimate({"26", "cautious decay rests at the minimum, within its chatter"},
                    "cautious decay from the minimum in chatters"),
           exact({"27", "with the lr in the decay the rest does not depend on the lr, over a factor of 8", {"H6"}},
                 "one rest at every lr with the lr in the decay", 1e-12),
           exact({"28", "without the lr in it neither", {"H6"}, Verdict::Is::refuted},
                 "one rest at every lr without it", 1e-12),
           exact({"29", "it rests at alpha = lambda / lr, over a factor of 8", {"H6"}},
                 "a rest for every lr without it", 1e-12)},
      .figures = {
          {"rests", "Adam with L2 rests where ridge does; AdamW stays at the minimum until it meets its box.", rests}}};
}

}  // namespace ebb::studies::kinds_study
