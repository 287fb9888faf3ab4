// Grokking: when a net that knows its sums by heart comes to generalise, under decay and with weights held at a length.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "framework/compute/basic.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/normalization.h"
#include "lab/format/numbers.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/statistics.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "lab/study/workloads.h"
#include "optim/adam.h"

namespace ebb::studies::grokking_study {
namespace {

constexpr std::int64_t modulus = 31, width = 64, most = 20000, every = 10;
constexpr double lr = 3e-3, beta2 = 0.98, share = 0.6;
constexpr const char* strength = "lambda or multiple";

// Decay has the one; weights that are held, the other: of a length of 30, with a norm before the head of 6.
struct Level {
  double lambda, multiple;
  std::string word() const { return significant(lambda) + " or " + significant(multiple); }
};
constexpr std::array<Level, 4> levels{{{0.5, 1}, {1, 1.2}, {2, 1.4}, {4, 1.6}}};

struct Way {
  const char* word;
  const char* title;
};
constexpr std::array<Way, 4> held_ways{{{"held", "held"},
                                        {"held at a higher lr", "held, lr as the length"},
                                        {"held with divided logits", "held, logits as at the least length"},
                                        {"held before a norm", "held, a layer norm before the head"}}};

struct Sums {
  workloads::Batch train, test;
};

// All pairs a, b of numbers below n, one-hot, with the class (a + b) mod n; a share of them to learn from.
Sums sums(std::int64_t n, DType dtype, const Rng& rng) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n * n));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[rng.below(i + 1, i)]);
  const auto border = static_cast<std::size_t>(share * static_cast<double>(order.size()));
  const auto part = [&](std::size_t from, std::size_t to) {
    const auto rows = static_cast<std::int64_t>(to - from);
    workloads::Batch out{Tensor::zeros({rows, 2 * n}, DType::f64), Tensor({rows}, DType::i64)};
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t at = order[from + static_cast<std::size_t>(i)], a = at / n, b = at % n;
      double* const row = out.x.mutable_data<double>() + i * 2 * n;
      row[a] = row[n + b] = 1;
      out.labels.mutable_data<std::int64_t>()[i] = (a + b) % n;
    }
    out.x = cast(out.x, dtype);
    return out;
  };
  return {part(0, border), part(border, order.size())};
}

struct NetOptions {
  std::int64_t numbers = modulus, units = width;
  bool normed = false;  // a layer norm without scale and shift in front of the head
  double eps = 1e-5;    // of it
  double divide = 1;    // logits by this
};

// Three layers without biases: weights c times as long give logits c^3 times as large; with the norm, c times.
struct Net : Layer {
  Net(const NetOptions& o, const Rng& rng)
      : fc1{*this, "fc1", {.in = 2 * o.numbers, .out = o.units, .bias = false}, rng},
        fc2{*this, "fc2", {.in = o.units, .out = o.units, .bias = false}, rng},
        head{*this, "head", {.in = o.units, .out = o.numbers, .bias = false}, rng},
        options_(o) {}
  Var forward(const Var& x) override {
    Var y = relu(fc2(relu(fc1(x))));
    if (options_.normed) y = layer_norm(y, {}, {}, options_.eps);
    return head(y) * (1 / options_.divide);
  }
  Child<Linear> fc1, fc2, head;

 private:
  NetOptions options_;
};

double length_of(const std::vector<Parameter*>& held) {
  double square = 0;
  for (const Parameter* const p : held) square += sum_squares(p->value());
  return std::sqrt(square);
}

// All of them by one factor, so that together they are as long as that.
void hold(const std::vector<Parameter*>& held, double length) {
  const double by = length / length_of(held);
  for (Parameter* const p : held) scale(p->value(), by);
}

// What a small net says after 60 steps, its weights or those before the head held at `by` times a length, with `by`
// times the lr.
Tensor said(const Trial& trial, const NetOptions& options, bool all, double by) {
  const Sums task = sums(options.numbers, DType::f64, trial.rng().at("small task"));
  Net net(options, trial.rng().at("small net"));
  net.to(DType::f64);
  std::vector<Parameter*> held{&net.fc1->weight, &net.fc2->weight};
  if (all) held.push_back(&net.head->weight);
  Adam optimizer(groups(net, {{"head", path("head.weight"), {.lr_scale = all ? by : 1}},
                              {"before the head", everything_else(), {.lr_scale = by}}}),
                 {.lr = 0.01, .beta2 = beta2, .eps = 0});
  hold(held, 8 * by);
  for (int step = 0; step < 60; ++step) {
    workloads::gradients(net, task.train);
    optimizer.step();
    hold(held, 8 * by);
  }
  return net(task.test.x).value().clone();
}

void on_toys(const Trial& trial, Record& record) {
  const NetOptions small{.numbers = 7, .units = 16, .eps = 0};
  NetOptions divided = small, normed = small;
  divided.divide = 8, normed.normed = true;
  const Tensor plain = said(trial, small, true, 1);
  put_exact(record, "twice the length", toys::farthest(said(trial, divided, true, 2), plain),
            toys::farthest(said(trial, small, true, 2), plain));
  put_exact(record, "twice the length behind a norm",
            toys::farthest(said(trial, normed, false, 2), said(trial, normed, false, 1)),
            toys::farthest(said(trial, small, false, 2), said(trial, small, false, 1)));
}

double right(Net& net, const workloads::Batch& of) { return 100 * workloads::accuracy(net(of.x).value(), of.labels); }

void learn(const Trial& trial, Record& record) {
  const std::string& way = trial.word("way");
  const auto [lambda, multiple] = *std::ranges::find(levels, trial.word(strength), &Level::word);
  const Sums task = sums(modulus, DType::f32, trial.rng().at("task"));
  NetOptions options{.normed = way == "held before a norm"};
  if (way == "held with divided logits") options.divide = std::pow(multiple, 3);
  Net net(options, trial.rng().at("net"));
  const std::vector<Parameter*> all{&net.fc1->weight, &net.fc2->weight, &net.head->weight};
  Adam optimizer(net, {.lr = way == "held at a higher lr" ? lr * multiple : lr,
                       .beta2 = beta2,
                       .decay = way == "decay" ? decoupled_lr(lambda) : no_decay()});
  const auto held = [&] {
    if (way != "decay") hold(all, (options.normed ? 6 : 30) * multiple);
  };
  held();
  std::int64_t step = 0, fitted = most;
  for (; step < most; ++step) {
    if (step % every == 0) {
      if (fitted == most && right(net, task.train) >= 99) fitted = step;
      if (right(net, task.test) >= 90) break;
    }
    workloads::gradients(net, task.train);
    optimizer.step();
    held();
  }
  record.put("steps", static_cast<double>(step));
  record.put("log steps", std::log(static_cast<double>(step)));
  record.put("steps to fit", static_cast<double>(fitted));
  record.put("length", length_of(all));
  if (way == "decay") record.put("lambda", lambda);
  else record.put("multiple", multiple);
}

void run(const Trial& trial, Record& record) {
  if (trial.word("way") == "decay" && trial.word(strength) == levels[0].word()) on_toys(trial, record);
  if (trial.tier > Tier::T1) learn(trial, record);
}

// Every pair as a faint dot, their geometric mean as a dot, of each level at its lambda or its length.
void add_dots(Plot& plot, const Results& results, const std::string& way, const std::string& title,
              double Level::*place, const std::string& measure) {
  const std::string colour = "var(--c" + std::to_string(plot.curves.size() / 2) + ")";
  Curve dots{.title = {}, .points = {}, .faint = true, .dots = true, .colour = colour},
      mean{.title = title, .points = {}, .dots = true, .colour = colour};
  for (const Level& level : levels) {
    const Arm arm{{"way", way}, {strength, level.word()}};
    if (!results.has(measure, arm)) continue;
    const std::vector<double> values = results.values(measure, arm);
    std::vector<double> logs;
    for (const double value : values) {
      dots.points.emplace_back(level.*place, value);
      logs.push_back(std::log(value));
    }
    mean.points.emplace_back(level.*place, std::exp(mean_of(logs)));
  }
  plot.curves.push_back(std::move(dots)), plot.curves.push_back(std::move(mean));
}

std::vector<double> marked(double Level::*place) {
  std::vector<double> out;
  for (const Level& level : levels) out.push_back(level.*place);
  return out;
}

Plot steps_by_lambda(const Results& results) {
  Plot plot{.title = "Steps to 90 % of test accuracy", .unit = "steps", .x = "lambda", .curves = {}};
  add_dots(plot, results, "decay", "under decay", &Level::lambda, "steps");
  const auto [lambda, steps] = plot.curves.back().points.front();
  Curve line{.title = "foretold: as 1 / lambda from the first", .points = {}, .dashed = true};
  for (const Level& level : levels) line.points.emplace_back(level.lambda, steps * lambda / level.lambda);
  plot.curves.push_back(std::move(line));
  plot.y_axis = {.scale = AxisOptions::Scale::log};
  plot.x_axis = {.scale = AxisOptions::Scale::log, .marked = marked(&Level::lambda)};
  return plot;
}

Plot lengths_by_lambda(const Results& results) {
  Plot plot{.title = "Length of all weights at 90 % of test accuracy", .unit = "|w|", .x = "lambda", .curves = {}};
  add_dots(plot, results, "decay", "under decay", &Level::lambda, "length");
  const double second = plot.curves.back().points.at(1).second;
  plot.curves.push_back({.title = "foretold: one length, that at lambda 1",
                         .points = {{levels.front().lambda, second}, {levels.back().lambda, second}},
                         .dashed = true});
  plot.x_axis = {.scale = AxisOptions::Scale::log, .marked = marked(&Level::lambda)};
  return plot;
}

Plot steps_by_length(const Results& results) {
  Plot plot{.title = "Steps to 90 % of test accuracy",
            .unit = "steps",
            .x = "length that is held, over 30 (over 6 with the layer norm)",
            .curves = {}};
  for (const Way& way : held_ways) add_dots(plot, results, way.word, way.title, &Level::multiple, "steps");
  plot.x_axis = {};
  plot.y_axis = {.scale = AxisOptions::Scale::log};
  return plot;
}

std::vector<std::string> words() {
  std::vector<std::string> out;
  for (const Level& level : levels) out.push_back(level.word());
  return out;
}

}  // namespace

Study study() {
  const auto arm = [](const char* way, const Level& level) { return Arm{{"way", way}, {strength, level.word()}}; };
  const Arm decay{{"way", "decay"}}, held{{"way", "held"}}, normed{{"way", "held before a norm"}},
      first = arm("decay", levels.front()), longest = arm("held", levels.back()),
      faster = arm("held at a higher lr", levels.back()), divided = arm("held with divided logits", levels.back());
  std::vector<Arm> arms{faster, divided};
  for (const Level& level : levels)
    for (const char* const way : {"decay", "held", "held before a norm"}) arms.push_back(arm(way, level));
  std::vector<Claim> claims{
      exact({"1", "weights held at twice the length, with twice the lr and an eighth of the logits, train the same"},
            "twice the length", 0, first),
      exact({"2", "those in front of a layer norm do so with the logits as they are"}, "twice the length behind a norm",
            0, first),
      slope({"3", "under decay the steps to 90 % of test accuracy go as 1 / lambda"}, "steps", "lambda", -1, 0.4,
            decay),
      slope({"4", "weights are of one length then, whatever lambda", {}, Verdict::Is::refuted}, "length", "lambda", 0,
            0.025, decay),
      trend({"5", "the longer weights are held, the more steps it takes"}, "steps", strength, 1, held),
      estimate({"6", "log of the steps at 1.6 times the length over those at the least"}, "log steps", longest,
               arm("held", levels.front())),
      greater({"7", "at 1.6 times the length, it takes fewer steps with 1.6 times the lr, which turns weights as fast"},
              "log steps", longest, faster),
      greater({"8", "and with logits divided by 1.6^3, as large as at the least length"}, "log steps", longest,
              divided),
      slope({"9", "a layer norm before the head removes the dependence on the length", {}, Verdict::Is::refuted},
            "steps", "multiple", 0, 0.64, normed),
      trend({"10", "behind a layer norm, too, it takes more steps the longer weights are held"}, "steps", strength, 1,
            normed),
      estimate({"11", "length of all weights at 90 % of test accuracy, lambda 1"}, "length", arm("decay", levels[1])),
      estimate({"12", "lambda 2"}, "length", arm("decay", levels[2]))};
  for (std::size_t i = 2; i < claims.size(); ++i) claims[i].least = Tier::T2;
  return {
      .name = "grokking",
      .title = "Grokking under decay, and at a length that is held",
      .statement =
          "When a net that knows its sums by heart comes to generalise: by lambda, and by the length at which its "
          "weights are held.",
      .answer =
          "More decay brings generalising forward up to lambda 2, by less than in proportion, and at 4 it takes longer "
          "again. There is no length of the weights at which the net generalises; at a length that is held it takes "
          "the longer the greater it is.",
      .reference = "Truong 2026, arXiv 2606.13753 and 2606.18465; Power et al. 2022",
      .limits =
          "One task, addition modulo 31 with 60 % of all pairs to learn from, in whole batches; one net of three "
          "layers "
          "of 64 units without biases, Adam with a learning rate of 3e-3 and beta2 = 0.98. Arms are named by lambda "
          "and "
          "by a multiple: under decay the first counts, otherwise the second, of a length of 30 of all weights "
          "together, or of 6 with the layer norm. Generalising is 90 % of test accuracy, looked for every ten steps. "
          "How much of the length is lr and how much size of logits was asked at one length alone.",
      .factors = {{"way", {"decay", "held", "held at a higher lr", "held with divided logits", "held before a norm"}},
                  {strength, words()}},
      .arms = std::move(arms),
      .pairs = 8,
      .tier = Tier::T2,
      .least_tier = Tier::T1,
      .minutes = 3,
      .run = run,
      .claims = std::move(claims),
      .figures = {{"lambda", "More decay, fewer steps up to lambda 2, by less than in proportion; at 4 more again.",
                   steps_by_lambda, Tier::T2},
                  {"norm", "The length at which the net generalises falls with lambda.", lengths_by_lambda, Tier::T2},
                  {"length",
                   "Held at a greater length, weights take longer: as they turn more slowly and as logits are larger.",
                   steps_by_length, Tier::T2}},
      .pilot =
          "Pairs 101 to 104; on pair 101 also a net of 128 units at a learning rate of 1e-3, which took too long. "
          "Lambda "
          "was to be 1, 2, 4 and 8: at 8 that net did not get there in 20,000 steps, since it hardly fitted, and at 4 "
          "it took as long as at 2. So lambda is 0.5 to 4, where the saturation shows. Claims 3, 4, 5 and 9 had been "
          "stated before: 4 allows 5 % over all lambda, 9 allows 0.3 in log over all lengths. Both are expected to be "
          "refuted since then: lengths were 54 to 70 at 0.5, 41 to 42 at 1 and 36 to 38 at 2, and behind the layer "
          "norm "
          "steps rose from 400 to 1,070 over 1.4 times the length. Claims 6 to 8 and 10 to 12 were added; by claim 1 a "
          "length is a learning rate and a size of logits, and nothing else.",
      .explanation =
          "Under lambda 4 the net fits its sums late, too: after 440 to 810 steps, in place of 130 to 180 at smaller "
          "lambda. That is a part of the steps that it takes more than at 2, and not all of them."};
}

}  // namespace ebb::studies::grokking_study
