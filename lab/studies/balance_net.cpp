// Balance in nets on images: what decay does to the difference of sizes between what enters a unit and what leaves it.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "framework/compute/basic.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/statistics.h"
#include "lab/study/study.h"
#include "lab/study/workloads.h"
#include "optim/sgd.h"

namespace ebb::studies::balance_net_study {
namespace {

using Numbers = std::vector<double>;

constexpr const char* images = "fashion-mnist";
constexpr std::int64_t batch = 64, epochs = 10, exact_steps = 20;
constexpr double lr = 0.02;

// Gradients of an epoch are small where lr^2 times their squares, of both sides together, is at most this share of what
// decay takes off sum |Q|. The law would then still let them change the rate at which it falls by that share.
constexpr double small = 0.3;

// By unit: the squares of what enters it, and of what leaves it.
struct Sides {
  Numbers in, out;
};

using Part = const Tensor& (*)(const Parameter&);
const Tensor& value_of(const Parameter& p) { return p.value(); }
const Tensor& gradient_of(const Parameter& p) { return p.grad(); }
using SidesOf = std::function<Sides(Part)>;

// Adds the squares of a matrix's columns, or of the numbers of a vector.
void add_columns(Numbers& to, const Tensor& of) {
  const Tensor all = cast(of, DType::f64);
  for (std::size_t i = 0; i < static_cast<std::size_t>(all.size()); ++i)
    to[i % to.size()] += all.data<double>()[i] * all.data<double>()[i];
}

Numbers rows(const Tensor& of) {
  const Tensor all = cast(of, DType::f64);
  Numbers out(static_cast<std::size_t>(of.dim(0)));
  for (std::int64_t i = 0; i < all.size(); ++i)
    out[static_cast<std::size_t>(i / of.dim(1))] += all.data<double>()[i] * all.data<double>()[i];
  return out;
}

// |w_in|^2 + b^2 and |w_out|^2.
template <class Net>
Sides weights(const Net& net, Part of) {
  Sides out{.in = {}, .out = rows(of(net.fc2->weight))};
  out.in.resize(out.out.size());
  add_columns(out.in, of(net.fc1->weight));
  if (net.fc1->bias) add_columns(out.in, of(*net.fc1->bias));
  return out;
}

// scale^2 + shift^2 and |w_out|^2.
Sides scales(const workloads::BnMlp& net, Part of) {
  Sides out{.in = {}, .out = rows(of(net.fc2->weight))};
  out.in.resize(out.out.size());
  add_columns(out.in, of(*net.bn1->scale)), add_columns(out.in, of(*net.bn1->shift));
  return out;
}

Numbers apart(const Sides& sides) {
  Numbers out;
  for (std::size_t k = 0; k < sides.in.size(); ++k) out.push_back(sides.in[k] - sides.out[k]);
  return out;
}

double sum(const Numbers& of) {
  double out = 0;
  for (const double x : of) out += std::abs(x);
  return out;
}

// Looks on at Q, by unit the squares of one side less those of the other, and at its law:
// Q' = (1 - lr lambda)^2 Q + lr^2 (the same of gradients).
class Watch {
 public:
  Watch(SidesOf sides, double lambda) : sides_(std::move(sides)), kept_((1 - lr * lambda) * (1 - lr * lambda)) {
    see();
  }

  void before_step() { gradients_ = sides_(gradient_of); }

  void after_step() {
    by_decay_ += (1 - kept_) * sizes_.back(), by_gradients_ += lr * lr * (sum(gradients_.in) + sum(gradients_.out));
    const Numbers before = q_, of_gradients = apart(gradients_);
    see();
    for (std::size_t k = 0; k < q_.size(); ++k) {
      const double by_gradients = lr * lr * of_gradients[k];
      missed_ = std::max(missed_, std::abs(q_[k] - kept_ * before[k] - by_gradients));
      without_decay_ = std::max(without_decay_, std::abs(q_[k] - before[k] - by_gradients));
    }
  }

  void after_epoch() {
    shares_.push_back(by_gradients_ / by_decay_);
    by_decay_ = by_gradients_ = 0;
  }

  // By how much log sum |Q| falls in a step, in each epoch whose share of gradients is at most `most`.
  Numbers declines(double most) const {
    Numbers out;
    const std::size_t steps = (sizes_.size() - 1) / shares_.size();
    for (std::size_t epoch = 0; epoch < shares_.size(); ++epoch)
      if (shares_[epoch] <= most)
        out.push_back(std::log(sizes_[epoch * steps] / sizes_[(epoch + 1) * steps]) / static_cast<double>(steps));
    return out;
  }

  double missed() const { return missed_; }                // the most that a step was off the law
  double without_decay() const { return without_decay_; }  // and off one that forgets decay
  const Numbers& sizes() const { return sizes_; }          // sum |Q| before each step, and after the last
  const Numbers& relative() const { return relative_; }    // the same over the sum of both sides
  const Numbers& entering() const { return in_; }          // the sum of what enters, as above
  const Numbers& leaving() const { return out_; }          // and of what leaves
  const Numbers& shares() const { return shares_; }        // by epoch: what gradients might do over what decay does

 private:
  void see() {
    const Sides at = sides_(value_of);
    q_ = apart(at);
    in_.push_back(sum(at.in)), out_.push_back(sum(at.out));
    sizes_.push_back(sum(q_)), relative_.push_back(sum(q_) / (in_.back() + out_.back()));
  }

  SidesOf sides_;
  double kept_, by_decay_ = 0, by_gradients_ = 0, missed_ = 0, without_decay_ = 0;
  Numbers q_ = {}, sizes_ = {}, relative_ = {}, in_ = {}, out_ = {}, shares_ = {};
  Sides gradients_ = {};
};

// In batches of f32 or f64 numbers, as the net is.
void train(Layer& net, const Trial& trial, DType dtype, std::int64_t most, const std::vector<Watch*>& watches) {
  const Loader loader(trial.data->train(images),
                      {.batch = batch, .seed = trial.pair, .drop_last = true, .prefetch = 0});
  Sgd optimizer(net, {.lr = lr, .decay = decoupled_lr(trial.number("lambda"))});
  for (std::int64_t epoch = 0, step = 0; step < most; ++epoch) {
    const Epoch order = loader.epoch(epoch);
    for (std::int64_t i = 0; i < order.size() && step < most; ++i, ++step) {
      const ebb::Batch one = order[i];
      workloads::gradients(net, {cast(one.images, dtype), one.labels});
      for (Watch* const watch : watches) watch->before_step();
      optimizer.step();
      for (Watch* const watch : watches) watch->after_step();
    }
    for (Watch* const watch : watches) watch->after_epoch();
  }
}

std::int64_t steps_of(const Trial& trial) { return epochs * (trial.data->train(images)->size() / batch); }

double foretold(const Trial& trial) { return -2 * std::log(1 - lr * trial.number("lambda")); }

void put_course(const Trial& trial, Record& record, const Watch& watch, const std::string& of) {
  const std::int64_t each = steps_of(trial) / epochs;
  for (std::int64_t epoch = 0; epoch <= epochs; ++epoch)
    record.put("sum |Q|" + of, epoch * each,
               watch.sizes().at(static_cast<std::size_t>(epoch * each)) / watch.sizes()[0]);
  const Numbers declines = watch.declines(small);
  Numbers off;
  for (const double decline : declines) off.push_back(std::abs(decline / foretold(trial) - 1));
  record.put("epochs of small gradients" + of, static_cast<double>(declines.size()));
  record.put("greatest share of gradients" + of, std::ranges::max(watch.shares()));
  record.put("decline" + of, declines.empty() ? NAN : mean_of(declines));
  record.put("epochs off" + of, off.empty() ? NAN : mean_of(off));
  record.put("decline of all epochs over that foretold" + of, mean_of(watch.declines(INFINITY)) / foretold(trial));
  record.put("entering over that at the start" + of, watch.entering().back() / watch.entering().front());
  record.put("leaving over that at the start" + of, watch.leaving().back() / watch.leaving().front());
  record.put("relative |Q| at the start" + of, watch.relative().front());
  record.put("relative |Q|" + of, watch.relative().back());
}

void put_accuracy(const Trial& trial, Record& record, Layer& net) {
  net.eval();
  record.put("test accuracy", 100 * accuracy_on(net, trial.data->test(images).images()));
}

void plain(const Trial& trial, Record& record) {
  const Rng rng = trial.rng().at("net");
  workloads::PlainMlp exact({}, rng), net({}, rng);
  exact.to(DType::f64);
  Watch law([&](Part of) { return weights(exact, of); }, trial.number("lambda"));
  train(exact, trial, DType::f64, exact_steps, {&law});
  put_exact(record, "law", law.missed(), law.without_decay());
  if (trial.tier < Tier::T2) return;
  Watch watch([&](Part of) { return weights(net, of); }, trial.number("lambda"));
  train(net, trial, DType::f32, steps_of(trial), {&watch});
  put_course(trial, record, watch, "");
  put_accuracy(trial, record, net);
}

void normed(const Trial& trial, Record& record) {
  const double lambda = trial.number("lambda");
  const Rng rng = trial.rng().at("net");
  workloads::BnMlp exact({}, rng), net({}, rng);
  exact.to(DType::f64);
  Watch law([&](Part of) { return scales(exact, of); }, lambda),
      broken([&](Part of) { return weights(exact, of); }, lambda);
  train(exact, trial, DType::f64, exact_steps, {&law, &broken});
  put_exact(record, "law of scale and shift", law.missed(), law.without_decay());
  record.put("law around the norm", broken.missed());
  if (trial.tier < Tier::T2) return;
  Watch behind([&](Part of) { return scales(net, of); }, lambda),
      around([&](Part of) { return weights(net, of); }, lambda);
  train(net, trial, DType::f32, steps_of(trial), {&behind, &around});
  put_course(trial, record, behind, " of scale and shift");
  put_course(trial, record, around, " around the norm");
  put_accuracy(trial, record, net);
}

void run(const Trial& trial, Record& record) {
  (trial.word("norm") == "none" ? plain : normed)(trial, record);
  if (trial.tier < Tier::T2) return;
  record.put("decline foretold", foretold(trial));
  for (std::int64_t step = 0, each = steps_of(trial) / epochs; step <= epochs * each; step += each)
    record.put("by decay alone", step, std::exp(-foretold(trial) * static_cast<double>(step)));
}

Plot drawn(const Results& results, const std::string& title, const std::vector<CourseOptions>& courses) {
  Plot plot{.title = title, .unit = "over that at the start", .x = "step", .curves = {}};
  for (const CourseOptions& one : courses)
    for (Curve& curve : course(results, one)) plot.curves.push_back(std::move(curve));
  plot.y_axis = {.scale = AxisOptions::Scale::log};
  return plot;
}

const std::vector<std::string> lambdas{"0.008", "0.02", "0.04", "0.1"};

Plot without_norm(const Results& results) {
  std::vector<CourseOptions> courses;
  for (std::size_t i = 0; i < lambdas.size(); ++i)
    courses.push_back({.title = "lambda " + lambdas[i],
                       .measured = "sum |Q|",
                       .predicted = "by decay alone",
                       .arm = {{"norm", "none"}, {"lambda", lambdas[i]}},
                       .colour = "var(--c" + std::to_string(i) + ")"});
  return drawn(results, "Sum of |Q| over the units, no norm", courses);
}

Plot with_norm(const Results& results) {
  const Arm arm{{"norm", "batch"}, {"lambda", "0.1"}}, less{{"norm", "batch"}, {"lambda", "0.02"}};
  const std::string scales = "sum |Q| of scale and shift", around = "sum |Q| around the norm";
  return drawn(
      results, "Sum of |Q| over the units, batch norm",
      {{.title = "scale and shift, lambda 0.02", .measured = scales, .predicted = "by decay alone", .arm = less},
       {.title = "weights, lambda 0.02", .measured = around, .arm = less, .colour = "var(--c1)", .dots = true},
       {.title = "scale and shift, lambda 0.1",
        .measured = scales,
        .predicted = "by decay alone",
        .arm = arm,
        .colour = "var(--c2)"},
       {.title = "weights, lambda 0.1", .measured = around, .arm = arm, .colour = "var(--c3)", .dots = true}});
}

std::vector<Claim> claims() {
  const Arm bare{{"norm", "none"}}, behind{{"norm", "batch"}};
  const auto at = [](Arm arm, const std::string& lambda) {
    arm["lambda"] = lambda;
    return arm;
  };
  std::vector<Claim> out{
      exact({"1",
             "without a norm Q = |w_in|^2 + b^2 - |w_out|^2 of a unit goes as (1 - lr lambda)^2 Q + lr^2 (that of "
             "gradients), step by step, in batches of images"},
            "law", 1e-12, bare),
      exact({"2", "behind a batch norm so does scale^2 + shift^2 - |w_out|^2"}, "law of scale and shift", 1e-12,
            behind),
      at_least({"3", "the weights on both sides of the norm do not follow it step by step"}, "law around the norm",
               1e-4),
      within({"4", "without a norm sum |Q| falls by 2 lr lambda a step in epochs of small gradients"}, "decline",
             "decline foretold", 0.1, bare),
      within({"5", "behind a batch norm that of scale and shift does"}, "decline of scale and shift",
             "decline foretold", 0.1, behind),
      above({"6",
             "around a batch norm that of the weights does not: its fall in an epoch of small gradients is off by more "
             "than 10 %"},
            "epochs off around the norm", 0.1, behind),
      trend(
          {"7", "without a norm the sides of a unit are the nearer to each other, as a share of both, the more decay"},
          "relative |Q|", "lambda", -1, bare),
      estimate({"8", "without a norm: by how much the fall in an epoch of small gradients is off, lambda 0.008"},
               "epochs off", at(bare, "0.008")),
      estimate({"9", "around a norm: the fall of all epochs, gradients small or not, over that foretold, lambda 0.008"},
               "decline of all epochs over that foretold around the norm", at(behind, "0.008")),
      estimate({"10", "around a norm: the same, lambda 0.1"},
               "decline of all epochs over that foretold around the norm", at(behind, "0.1")),
      estimate({"11", "without a norm: the greatest share of gradients of any epoch, lambda 0.008"},
               "greatest share of gradients", at(bare, "0.008"))};
  for (const Arm& net : {bare, behind})
    for (const std::string& lambda : lambdas)
      out.push_back(estimate({std::to_string(out.size() + 1), (net == bare ? "no norm: " : "batch norm: ") +
                                                                  ("test accuracy in percent, lambda " + lambda)},
                             "test accuracy", at(net, lambda)));
  for (std::size_t i = 3; i < out.size(); ++i) out[i].least = Tier::T2;
  return out;
}

}  // namespace

Study study() {
  return {
      .name = "balance_net",
      .title = "Decay and the balance of layers, on images",
      .statement =
          "In nets on images decay takes away what the weights that enter a unit have more than those that "
          "leave it; behind a batch norm that law is one of scale and shift, and the weights on both sides of "
          "the norm do not follow it.",
      .answer =
          "Yes. Without a norm the sum over units of how much more the one side has than the other falls by 2 "
          "lr lambda a step but for what gradients change of it: 6.6 % at the least lambda, 0.8 % at the "
          "greatest. Behind a batch norm that of scale and shift does, to half a percent. That of the weights "
          "on both sides of the norm goes another way: over ten epochs it falls 5.3 times as fast as foretold "
          "at the least lambda, and at the greatest it passes 0 and has fallen 0.35 times as far.",
      .reference = "Du, Hu & Lee 2018; Kunin et al. 2021",
      .limits =
          "One net of two layers and 64 units with and without a batch norm, 5,000 images in batches of 64, ten epochs "
          "(780 steps) of plain SGD at a constant learning rate of 0.02, all weights decayed. The law is checked step "
          "by step over the first 20 steps in f64, all else is in f32. Gradients of an epoch are called small where "
          "lr^2 times the sum of their squares, both sides of all units, is at most 0.3 of what decay takes off sum "
          "|Q|: by the law they might then change the rate of its fall by 30 %. 2 lr lambda over the whole training is "
          "0.25 at the least lambda and 3.1 at the greatest. With momentum the law is another; at larger learning "
          "rates gradients are not small. That balance helps is not claimed.",
      .factors = {{"norm", {"none", "batch"}}, {"lambda", lambdas}},
      .data = {images},
      .pairs = 8,
      .tier = Tier::T2,
      .least_tier = Tier::T1,
      .minutes = 0.5,
      .run = run,
      .claims = claims(),
      .figures =
          {{"plain", "Without a norm the sides of a unit come into balance as decay foretells.", without_norm,
            Tier::T2},
           {"normed",
            "Behind a batch norm scale and shift do so; the weights on both sides of it do not follow the law: at "
            "lambda 0.02 they come together faster, at 0.1 they pass each other.",
            with_norm, Tier::T2}},
      .pilot =
          "Learning rate, lambdas and what small gradients are were chosen on pairs 201 and 202: at a learning rate of "
          "0.01 the share of gradients was below 0.1 in every epoch without a norm, so that claim 4 would follow from "
          "claim 1; at 0.1 it was 0.6 to 9, where decay alone foretells nothing; 0.02 lies between. Pairs 101 to 104, "
          "with all settings as they are: the law was off by 2e-15. Without a norm all epochs had small gradients, "
          "with a share of up to 0.27, and |Q| fell by 0.943 (lambda 0.008) to 0.994 (0.1) of what was foretold. Of "
          "scale and shift the share was below 0.013, so that there claim 5 follows from claim 2. Around the norm 3 to "
          "10 epochs had small gradients, off by 1.6 to 4.3 times what was foretold.",
      .explanation =
          "Without a norm gradients give both sides of a unit the same, to first order in lr. In front of a "
          "norm they are at right angles to the weights: at lambda 0.1 the squares of what enters fall to 0.062 "
          "of those at the start, where decay alone would leave 0.044, while those of what leaves grow to 2.2 "
          "times as the net learns. So Q passes 0, after about 300 steps, and |Q| rises from there. Between the "
          "lambdas at which it falls too fast and too slowly there is one at which the fall over the whole "
          "training is that foretold, by chance: claim 6 looks at single epochs for that. All epochs without a "
          "norm came out as ones of small gradients, and the law is exact, so that claim 4 says as much of "
          "gradients as of decay: they were small enough. Up to lambda 0.04 the weights around the norm end "
          "nearer to balance than those without one, by the share of |Q| in both sides; there is no arm without "
          "decay to say what of that decay does."};
}

}  // namespace ebb::studies::balance_net_study
