// Changes of units and of hyper-parameters that change nothing: to the bit by powers of two.
#include <array>

#include "lab/study/exact.h"
#include "lab/study/least_squares.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "lab/study/workloads.h"
#include "optim/adam.h"
#include "optim/sgd.h"

namespace ebb::studies::no_ops_study {
namespace {

using namespace toys;

constexpr double eps = 0.0625, lambda = 0.03125;

// What a broken twin leaves out.
enum class Twin : std::uint8_t { none, eps_not_scaled, scale_in_the_group, eval_mode, lambda_not_scaled };

struct Change {
  double c;
  Twin twin = Twin::none;
};

std::unique_ptr<Optimizer> optimizer_of(const std::string& kind, Layer& net, Change change) {
  const bool adam = kind == "adam";
  // SGD: lr c^2, lambda / c^2. Adam: lr c, lambda / c.
  const double rate = adam ? change.c : change.c * change.c;
  const double strength = change.twin == Twin::lambda_not_scaled ? lambda : lambda / rate;
  const auto decay = [&](double l) { return kind == "momentum" ? coupled_l2(l) : decoupled_lr(l); };
  const Selector of_weight = path("fc1.weight");
  Groups table = groups(net, {{"before the norm",
                               change.twin == Twin::scale_in_the_group ? of_weight || path("bn1.scale") : of_weight,
                               {.decay = decay(strength), .lr_scale = rate}},
                              {"rest", everything_else(), {.decay = decay(lambda)}}});
  if (adam) return std::make_unique<Adam>(std::move(table), AdamOptions{.lr = 0.00390625, .eps = 0});
  return std::make_unique<Sgd>(std::move(table), SgdOptions{.lr = 0.0625, .momentum = kind == "momentum" ? 0.875 : 0});
}

// Logits of a batch after `steps` steps of the net whose weight in front of the norm starts c times as large.
Tensor logits(const Trial& trial, Change change, int steps) {
  const double square = change.c * change.c;
  workloads::BnMlp net(
      {.in = 12, .hidden = 16, .classes = 4, .eps = change.twin == Twin::eps_not_scaled ? eps : eps * square},
      trial.rng().at("net"));
  net.to(DType::f64);
  scale(net.fc1->weight.value(), change.c);
  if (change.twin == Twin::eval_mode) net.eval();
  const auto optimizer = optimizer_of(trial.word("optimizer"), net, change);
  for (int step = 0; step < steps; ++step) {
    workloads::gradients(net,
                         workloads::made_up({32, 12}, 4, trial.rng().at("batch").at(static_cast<std::uint64_t>(step))));
    optimizer->step();
  }
  return net(workloads::made_up({32, 12}, 4, trial.rng().at("test")).x).value();
}

int steps_of(const Trial& trial) { return trial.word("c") == "3" ? 100 : 200; }

void on_a_net(const Trial& trial, Record& record) {
  const double c = trial.number("c");
  const int steps = steps_of(trial);
  const Tensor as_is = logits(trial, {1}, steps);
  double effect = INFINITY;
  const auto differs = [&](const char* what, Twin twin, const Tensor& from) {
    const double by = farthest(logits(trial, {c, twin}, steps), from);
    record.put(std::string("twin: ") + what, by);
    effect = std::min(effect, by);
  };
  differs("eps not scaled", Twin::eps_not_scaled, as_is);
  differs("scale in the group", Twin::scale_in_the_group, as_is);
  differs("eval mode", Twin::eval_mode, logits(trial, {1, Twin::eval_mode}, steps));
  differs("lambda not scaled", Twin::lambda_not_scaled, as_is);
  put_exact(record, "rescaled before a norm", farthest(logits(trial, {c}, steps), as_is), effect);
}

// Least squares on inputs c x from weights w / c; in units of the first. \param power of c in lambda.
std::vector<double> in_units(const Trial& trial, double c, int power) {
  const int steps = steps_of(trial);
  LeastSquares task = regression(30, {1, -2, 0.5, 0.25}, 0.5, trial.rng().at("task"));
  for (double& x : task.x) x *= c;
  std::vector<double> start{0.5 / c, 0.25 / c, -1 / c, 2 / c};
  const bool adam = trial.word("optimizer") == "adam";
  const double strength = 0.25 * std::pow(c, power);
  std::vector<double> w;
  if (adam) {
    w = descend(
        task,
        [&](Groups table) {
          return Adam(std::move(table), {.lr = 0.015625 / c, .eps = 0.0009765625 * c, .decay = decoupled_lr(strength)});
        },
        steps, start);
  } else {
    const double mu = trial.word("optimizer") == "momentum" ? 0.875 : 0;
    w = descend(
        task,
        [&](Groups table) {
          return Sgd(std::move(table), {.lr = 0.0625 / (c * c), .momentum = mu, .decay = coupled_l2(strength)});
        },
        steps, start);
  }
  for (double& x : w) x *= c;
  return w;
}

void change_of_units(const Trial& trial, Record& record) {
  const double c = trial.number("c");
  const std::vector<double> as_is = in_units(trial, 1, 0);
  const double linear = farthest(in_units(trial, c, 1), as_is), square = farthest(in_units(trial, c, 2), as_is);
  put_exact(record, "lambda c^2", square, linear);
  if (trial.word("optimizer") == "adam") put_exact(record, "lambda c", linear, square);
}

// Decay as a growing lr: SGD with constant lr and decay goes where SGD without decay goes at lr a^(-2t-1).
void growing_rate(const Trial& trial, Record& record) {
  constexpr double eta = 0.1, decay = 0.02, a = 1 - eta * decay;
  const auto direction = [&](Decay kind, Schedule schedule) {
    const auto w = random_parameter("w", {3}, trial.rng().at("w"));
    normalize(w->value());
    Sgd optimizer(alone(*w), {.lr = eta, .schedule = std::move(schedule), .decay = kind});
    for (int step = 0; step < 60; ++step) {
      sphere_gradient(*w);
      optimizer.step();
    }
    normalize(w->value());
    return w->value().clone();
  };
  const auto grows = [](double lag) {
    return Schedule("grows", [lag](std::int64_t t) { return std::pow(a, -2 * static_cast<double>(t) - lag); });
  };
  const Tensor decayed = direction(decoupled_lr(decay), constant());
  put_exact(record, "decay as a growing rate", farthest(decayed, direction(no_decay(), grows(1))),
            farthest(decayed, direction(no_decay(), grows(0))));
}

void run(const Trial& trial, Record& record) {
  on_a_net(trial, record);
  change_of_units(trial, record);
  if (trial.word("optimizer") == "sgd" && trial.word("c") == "2") growing_rate(trial, record);
}

// A claim for each power of two, to the bit, and one for c = 3.
std::vector<Claim> claims() {
  const std::array<const char*, 3> powers{"0.5", "2", "4"};
  std::vector<Claim> out;
  int number = 1;
  const auto add = [&](const std::string& statement, const std::string& what, const char* optimizer, bool answers,
                       Verdict::Is expected = Verdict::Is::confirmed) {
    const std::vector<std::string> to = answers ? std::vector<std::string>{"B9"} : std::vector<std::string>{};
    for (const char* const c : powers) {
      Arm where{{"c", c}};
      if (optimizer != nullptr) where["optimizer"] = optimizer;
      out.push_back(
          exact({std::to_string(number++), statement + ", c = " + c + ", to the bit", to, expected}, what, 0, where));
    }
    Arm where{{"c", "3"}};
    if (optimizer != nullptr) where["optimizer"] = optimizer;
    out.push_back(exact({std::to_string(number++), statement + ", c = 3", to, expected}, what, 1e-9, where));
  };
  add("weights in front of a norm times c with lr and lambda to match change no output", "rescaled before a norm",
      nullptr, false);
  add("inputs times c ask for lambda c^2: SGD", "lambda c^2", "sgd", true);
  add("the same with momentum", "lambda c^2", "momentum", true);
  add("the same with AdamW", "lambda c^2", "adam", true, Verdict::Is::refuted);
  add("AdamW asks for lambda c", "lambda c", "adam", true);
  out.push_back(
      exact({std::to_string(number++), "in front of a norm decay is a growing lr"}, "decay as a growing rate", 1e-12));
  return out;
}

// By how much inputs times c move the solution, with lambda to match: 0 for the power of c that an optimizer asks for.
Plot units(const Results& results) {
  Plot plot{.title = "Inputs times c", .unit = "distance of the weights in units of the first", .x = "c", .curves = {}};
  const auto draw = [&](const std::string& optimizer, const std::string& what, const std::string& measure,
                        const std::string& colour) {
    Curve curve{.title = optimizer + ", " + what, .points = {}, .dots = true, .colour = colour};
    for (const char* const c : {"0.5", "2", "3", "4"})
      for (const double value : results.values(measure, {{"optimizer", optimizer}, {"c", c}}))
        curve.points.emplace_back(std::stod(c), value);
    plot.curves.push_back(std::move(curve));
  };
  plot.curves.push_back(
      {.title = "where nothing changes", .points = {{0.25, 0}, {4.25, 0}}, .dashed = true, .colour = "var(--c4)"});
  draw("sgd", "lambda c^2", "lambda c^2: error", "var(--c0)");
  draw("sgd", "lambda c", "lambda c^2: effect", "var(--c1)");
  draw("adam", "lambda c^2", "lambda c^2: error", "var(--c2)");
  draw("adam", "lambda c", "lambda c: error", "var(--c3)");
  return plot;
}

}  // namespace

Study study() {
  return {.name = "no_ops",
          .title = "Changes that change nothing",
          .statement = "Some changes of weights, lr and lambda leave a training as it is: by powers of two to the bit.",
          .answer =
              "Yes, to the bit where c is a power of two: weights in front of a norm times c change no output if lr "
              "and lambda are changed to match. Inputs times c ask for lambda c^2 under SGD, with momentum too, and "
              "for lambda c under AdamW.",
          .reference = "van Laarhoven 2017; Li & Arora 2020",
          .limits = "One batch-normalised net on made-up data, and least squares.",
          .factors = {{"optimizer", {"sgd", "momentum", "adam"}}, {"c", {"0.5", "2", "4", "3"}}},
          .pairs = 2,
          .tier = Tier::T1,
          .minutes = 0.2,
          .version = 2,
          .run = run,
          .claims = claims(),
          .figures = {{"units", "Inputs times c ask for lambda c^2 under SGD and for lambda c under AdamW.", units}}};
}

}  // namespace ebb::studies::no_ops_study
