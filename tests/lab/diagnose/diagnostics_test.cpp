// What is measured of updates, against closed forms and against the same numbers computed another way.
#include "lab/diagnose/diagnostics.h"

#include <algorithm>
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>

#include "framework/parallel/parallel.h"
#include "framework/tensor/random.h"
#include "optim/adam.h"
#include "optim/sgd.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

constexpr std::int64_t size = 512;
constexpr double degrees = 180 / std::numbers::pi;

bool near(double got, double want, double relative) {
  return std::abs(got - want) <= relative * std::max(std::abs(want), 1e-300);
}

// An audit that says of one parameter that the loss ignores the scale of its channels.
Audit by_hand(Parameter& w, Position position = Position::feeds_norm) {
  Audit out;
  out.rows.push_back({.path = "w", .role = w.role(), .shape = w.shape(), .position = position});
  out.network.parameters.push_back({.path = "w", .parameter = &w});
  return out;
}

// A weight of `columns` channels of 512 numbers in f64, and the gradients that it is given.
struct Toy {
  explicit Toy(std::int64_t columns, double start = 0)
      : w("w", Role::weight, Tensor::full({size, columns}, start, DType::f64)) {}

  // gradient[i, c] = f(i, c)
  void give(const std::function<double(std::int64_t, std::int64_t)>& f) {
    Tensor g(w.shape(), DType::f64);
    double* at = g.mutable_data<double>();
    for (std::int64_t i = 0; i < size; ++i)
      for (std::int64_t c = 0; c < w.shape()[1]; ++c) *at++ = f(i, c);
    w.zero_grad();
    w.accumulate(std::move(g));
  }
  double number(std::int64_t i, std::int64_t c) const { return w.value().data<double>()[i * w.shape()[1] + c]; }

  Parameter w;
};

// Rows of a Hadamard matrix: numbers are +-1 and two rows are orthogonal.
double hadamard(std::int64_t row, std::int64_t i) {
  return std::popcount(static_cast<std::uint64_t>(row & i)) % 2 == 0 ? 1.0 : -1.0;
}

// Trains on gradients that are all orthogonal to each other, so that w is exactly the sum of its responses to them, and
// gives the row of the last two steps.
DiagnosisRow at_rest(Toy& toy, Optimizer& optimizer) {
  Diagnostics diagnostics(optimizer, by_hand(toy.w), {.every = 2, .window = 2});
  for (std::int64_t t = 0; t < size; ++t) {
    toy.give([&](std::int64_t i, std::int64_t) { return 0.3 * hadamard(t, i); });
    optimizer.step();
  }
  return diagnostics.rows().back();
}

// Sums over the response h_t of a weight to a unit gradient: of h_t^2 and h_t h_{t+1}.
struct Response {
  double variance = 0, lagged = 0;
  void add(double h, double next) {
    variance += h * h;
    lagged += h * next;
  }
};

// What follows from the response for gradients of norm g.
void require_row(const DiagnosisRow& row, const Response& r, double g, double values) {
  const double norm = g * std::sqrt(r.variance), cosine = r.lagged / r.variance, angle = std::acos(cosine);
  BOOST_TEST(near(row.norm.median, norm, 1e-10), row.norm.median << " for " << norm);
  BOOST_TEST(near(row.angle.median, degrees * angle, 1e-10), row.angle.median << " for " << degrees * angle);
  BOOST_TEST(near(row.update.median, norm * std::sqrt(2 - 2 * cosine), 1e-10));
  BOOST_TEST(near(row.cosine_update.median, -std::sqrt((1 - cosine) / 2), 1e-10));
  BOOST_TEST(near(row.gradient.median, 0.3 * std::sqrt(values), 1e-10));
  BOOST_TEST(near(row.gradient_at_unit.median, 0.3 * std::sqrt(values) * norm, 1e-10));
  BOOST_TEST(near(row.relative_gradient.median, 0.3 * std::sqrt(values) / norm, 1e-10));
  BOOST_TEST(std::abs(row.cosine_gradient.median) < 1e-10);
  BOOST_TEST(std::abs(row.lag.median) < 1e-10);
  BOOST_TEST(near(row.predicted_norm, norm, 1e-10), row.predicted_norm << " for " << norm);
  BOOST_TEST(near(row.predicted_angle, degrees * angle, 1e-10));
  BOOST_TEST(near(row.norm_ratio.median, 1, 1e-10));
  BOOST_TEST(near(row.angle_ratio.high, 1, 1e-10));
  BOOST_TEST(std::abs(row.drift) < 1e-9);
  BOOST_TEST(row.at_rest);
  BOOST_TEST(row.measured == 2);
  BOOST_TEST(row.channels == 2);
  BOOST_TEST(row.step == size);
}

BOOST_AUTO_TEST_SUITE(diagnostics)

BOOST_AUTO_TEST_CASE(measure_closed_forms_of_plain_sgd) {
  const double lr = 0.5, lambda = 0.1, s = lr * lambda, g = 0.3 * std::sqrt(512.0);
  for (const bool coupled : {false, true}) {
    Toy toy(2);
    Sgd sgd({{&toy.w}}, {.lr = lr, .decay = coupled ? coupled_l2(lambda) : decoupled_lr(lambda)});
    const DiagnosisRow row = at_rest(toy, sgd);
    require_row(row, {.variance = lr * lr / (2 * s - s * s), .lagged = lr * lr * (1 - s) / (2 * s - s * s)}, g, 512);
    BOOST_TEST(near(row.balance, 1, 1e-10));
    BOOST_TEST(near(row.effective_lr.median, lr / (g * g * lr * lr / (2 * s - s * s)), 1e-10));
    BOOST_TEST(near(row.shrink, s, 1e-12));
    BOOST_TEST(near(row.relaxation, 1 / (4 * s - 2 * s * s), 1e-10));
    BOOST_TEST(near(row.left, std::pow(1 - s, 512), 1e-10));
    // Twice the lambda.
    const double twice = 2 * s, v = lr * lr / (2 * twice - twice * twice), norm = row.norm.median;
    BOOST_TEST(near(row.doubled_norm, std::pow(v * g * g * norm * norm, 0.25), 1e-10));
    BOOST_TEST(near(row.doubled_angle, degrees * std::acos(1 - twice), 1e-8));
  }
}

BOOST_AUTO_TEST_CASE(measure_closed_forms_of_momentum) {
  const double lr = 0.1, lambda = 0.5, mu = 0.6, s = lr * lambda;
  for (const bool nesterov : {false, true}) {
    Toy toy(2);
    Sgd sgd({{&toy.w}}, {.lr = lr, .momentum = mu, .nesterov = nesterov, .decay = decoupled_lr(lambda)});
    // h_t = -lr (what the buffer holds of the gradient), the weight shrinking on the way.
    Response r;
    double h = 0, buffer = 1;
    for (int t = 0; t < 5000; ++t) {
      const double u = (nesterov ? mu * buffer : buffer) + (nesterov && t == 0 ? 1.0 : 0.0);
      const double next = (1 - s) * h - lr * u;
      r.add(h, next);
      h = next;
      buffer *= mu;
    }
    require_row(at_rest(toy, sgd), r, 0.3 * std::sqrt(512.0), 512);
  }
}

BOOST_AUTO_TEST_CASE(measure_closed_forms_of_adamw) {
  const double lr = 0.05, lambda = 1, beta = 0.6, s = lr * lambda;
  Toy toy(2);
  AdamW adam({{&toy.w}}, {.lr = lr, .beta1 = beta, .beta2 = 0.9, .eps = 0, .decay = decoupled_lr(lambda)});
  Response r;  // to a gradient of +-1: the second moment takes the size away
  double h = 0, mean = 1 - beta;
  for (int t = 0; t < 5000; ++t) {
    const double next = (1 - s) * h - lr * mean;
    r.add(h, next);
    h = next;
    mean *= beta;
  }
  const DiagnosisRow row = at_rest(toy, adam);
  require_row(row, r, std::sqrt(512.0), 512);
  BOOST_TEST(near(row.effective_lr.median, lr / row.norm.median, 1e-10));
  BOOST_TEST(std::isnan(row.balance));
}

// The size of gradients differs by channel and from step to step, so that means are not root mean squares.
BOOST_AUTO_TEST_CASE(measure_channels_by_root_mean_squares) {
  Toy toy(3, 0.2);
  Sgd sgd({{&toy.w}}, {.lr = 0.1, .momentum = 0.9, .decay = coupled_l2(0.3)});
  Diagnostics diagnostics(sgd, by_hand(toy.w), {.every = 1, .window = 8});
  std::vector<double> squares(3, 0.0), means(3, 0.0), norms(3, 0.0), lags(3, 0.0);
  double whole = 0;
  std::vector<double> last(3 * size, 0.0);
  for (int t = 0; t < 8; ++t) {
    const Rng rng = Rng(3).at(static_cast<std::uint64_t>(t));
    const auto gradient = [&](std::int64_t i, std::int64_t c) {
      return rng.normal(static_cast<std::uint64_t>(3 * i + c)) * (t % 2 == 0 ? 0.2 : 2) * std::pow(3, c);
    };
    toy.give(gradient);
    const Tensor before = toy.w.value().clone();
    sgd.step();
    double ww = 0, vv = 0, wv = 0;
    for (std::int64_t c = 0; c < 3; ++c) {
      double a = 0, b = 0, ab = 0, gg = 0, pp = 0, gp = 0;
      for (std::int64_t i = 0; i < size; ++i) {
        const auto place = static_cast<std::size_t>(3 * i + c);
        const double x = before.data<double>()[place], y = toy.number(i, c), g = gradient(i, c);
        a += x * x, b += y * y, ab += x * y;
        gg += g * g, pp += last[place] * last[place], gp += g * last[place];
        last[place] = g;
      }
      const double angle = degrees * std::acos(ab / std::sqrt(a * b));
      const auto at = static_cast<std::size_t>(c);
      squares[at] += angle * angle / 8;
      means[at] += angle / 8;
      norms[at] += a / 8;
      if (t > 0) lags[at] += gp / std::sqrt(gg * pp) / 7;
      ww += a, vv += b, wv += ab;
    }
    whole += std::pow(degrees * std::acos(wv / std::sqrt(ww * vv)), 2) / 8;
  }
  const DiagnosisRow& row = diagnostics.rows().at(0);
  std::ranges::sort(squares);
  std::ranges::sort(norms);
  std::ranges::sort(lags);
  BOOST_TEST(near(row.angle.median, std::sqrt(squares[1]), 1e-10));
  BOOST_TEST(near(row.angle.low, std::sqrt(squares[0]) + 0.2 * (std::sqrt(squares[1]) - std::sqrt(squares[0])), 1e-10));
  BOOST_TEST(
      near(row.angle.high, std::sqrt(squares[2]) - 0.2 * (std::sqrt(squares[2]) - std::sqrt(squares[1])), 1e-10));
  BOOST_TEST(near(row.norm.median, std::sqrt(norms[1]), 1e-10));
  BOOST_TEST(near(row.lag.median, lags[1], 1e-10));
  // Neither the mean over steps nor the angle of the whole tensor is near.
  std::ranges::sort(means);
  BOOST_TEST(!near(row.angle.median, means[1], 1e-2));
  BOOST_TEST(!near(row.angle.median, std::sqrt(whole), 1e-2));
}

BOOST_AUTO_TEST_CASE(see_gradients_as_the_optimizer_does) {
  const auto norm_of = [](GradientOptions options, int calls) {
    Toy toy(1, 0.2);
    Sgd sgd({{&toy.w}}, {.lr = 0.1, .gradient = options});
    Diagnostics diagnostics(sgd, by_hand(toy.w), {.every = 1, .window = 1});
    for (int i = 0; i < calls; ++i) {
      Tensor g = Tensor::full(toy.w.shape(), 2.0, DType::f64);
      toy.w.accumulate(std::move(g));
      sgd.step();
    }
    return diagnostics.rows().at(0).gradient.median;
  };
  const double all = 2 * std::sqrt(512.0);
  BOOST_TEST(near(norm_of({}, 1), all, 1e-12));
  BOOST_TEST(near(norm_of({.accumulate = 4}, 4), all, 1e-12));
  BOOST_TEST(near(norm_of({.clip = clip_norm(0.5)}, 1), 0.5, 1e-12));
  BOOST_TEST(near(norm_of({.clip = clip_value(0.1)}, 1), 0.1 * std::sqrt(512.0), 1e-12));
}

// Gradients orthogonal to the weight and of size 2 / |w|; `kept` of each is that of the step before.
DiagnosisRow trained(double start, int steps, double kept, std::vector<DiagnosisRow>* rows = nullptr) {
  Toy toy(4, start);
  Sgd sgd({{&toy.w}}, {.lr = 0.1, .momentum = 0.9, .decay = decoupled_lr(0.2)});
  Diagnostics diagnostics(sgd, by_hand(toy.w), {.every = 2, .window = 20});
  std::vector<double> noise(4 * size, 0.0);
  for (int t = 0; t < steps; ++t) {
    const Rng rng = Rng(11).at(static_cast<std::uint64_t>(t));
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = kept * noise[i] + rng.normal(i);
    std::vector<double> ww(4, 0.0), wn(4, 0.0), nn(4, 0.0);
    const auto at = [](std::int64_t i, std::int64_t c) { return static_cast<std::size_t>(4 * i + c); };
    for (std::int64_t i = 0; i < size; ++i)
      for (std::int64_t c = 0; c < 4; ++c) {
        const double w = toy.number(i, c), n = noise[at(i, c)];
        const auto k = static_cast<std::size_t>(c);
        ww[k] += w * w, wn[k] += w * n, nn[k] += n * n;
      }
    toy.give([&](std::int64_t i, std::int64_t c) {
      const auto k = static_cast<std::size_t>(c);
      const double along = wn[k] / ww[k];
      return (noise[at(i, c)] - along * toy.number(i, c)) * 2 / std::sqrt(ww[k] * (nn[k] - along * wn[k]));
    });
    sgd.step();
  }
  if (rows != nullptr) *rows = diagnostics.rows();
  return diagnostics.rows().back();
}

BOOST_AUTO_TEST_CASE(tell_a_run_on_its_way_from_a_formula_that_is_wrong) {
  // From afar: not at rest at first, and then at rest where it was predicted.
  std::vector<DiagnosisRow> rows;
  const DiagnosisRow end = trained(1, 400, 0, &rows);
  BOOST_TEST(!rows[0].at_rest);
  BOOST_TEST(rows[2].norm_ratio.median > 2);
  BOOST_TEST(!rows[2].at_rest);
  BOOST_TEST(rows[2].drift < -0.2);
  BOOST_TEST(end.at_rest);
  BOOST_TEST(near(end.norm_ratio.median, 1, 0.05), end.norm_ratio.median);
  BOOST_TEST(near(end.angle_ratio.median, 1, 0.05), end.angle_ratio.median);
  // Gradients that resemble the last ones: at rest as well, but not where a formula for independent ones says.
  const DiagnosisRow alike = trained(1, 400, 0.8);
  BOOST_TEST(alike.at_rest);
  BOOST_TEST(near(alike.lag.median, 0.8, 0.05), alike.lag.median);
  BOOST_TEST(alike.norm_ratio.median > 1.2);
}

// A weight that begins with its norm at equilibrium, and gets gradients at right angles to it and to each other, keeps
// it.
BOOST_AUTO_TEST_CASE(call_nothing_at_rest_before_it_was_watched_for_a_relaxation_time) {
  constexpr double lr = 0.1, shrink = 0.01, g = 0.3;
  Toy toy(2, lr * g / std::sqrt(1 - (1 - shrink) * (1 - shrink)));
  Sgd sgd({{&toy.w}}, {.lr = lr, .decay = decoupled_lr(shrink / lr)});
  Diagnostics diagnostics(sgd, by_hand(toy.w), {.every = 1, .window = 4});
  for (std::int64_t t = 1; t <= 100; ++t) {
    toy.give([&](std::int64_t i, std::int64_t) { return g * hadamard(t, i); });
    sgd.step();
  }
  int early = 0, late = 0;
  for (const DiagnosisRow& row : diagnostics.rows()) {
    BOOST_TEST(std::abs(row.drift) < 1e-9, row.step << ": " << row.drift);
    BOOST_TEST((row.relaxation > 20 && row.relaxation < 30), row.relaxation);
    const bool watched = static_cast<double>(row.step) >= row.relaxation;
    BOOST_TEST(row.at_rest == watched, row.step);
    ++(watched ? late : early);
  }
  BOOST_TEST(early >= 5);
  BOOST_TEST(late >= 9);
}

BOOST_AUTO_TEST_CASE(do_not_predict_what_has_no_equilibrium) {
  for (const Position position : {Position::plain, Position::head, Position::joint_gain}) {
    Toy toy(2, 0.1);
    Sgd sgd({{&toy.w}}, {.lr = 0.1, .decay = decoupled_lr(0.1)});
    Diagnostics diagnostics(sgd, by_hand(toy.w, position), {.every = 1, .window = 2});
    for (int t = 0; t < 2; ++t) {
      toy.give([&](std::int64_t i, std::int64_t) { return hadamard(t, i); });
      sgd.step();
    }
    const DiagnosisRow& row = diagnostics.rows().at(0);
    BOOST_TEST(std::isnan(row.predicted_norm));
    BOOST_TEST(std::isnan(row.drift));
    BOOST_TEST(!row.at_rest);
    BOOST_TEST(row.norm.median > 0);
    BOOST_TEST(std::isnan(row.class_mean) == (position != Position::head));
  }
}

BOOST_AUTO_TEST_CASE(take_channels_together_that_are_free_together) {
  Toy toy(4, 0.1);
  Audit audit = by_hand(toy.w);
  audit.rows[0].granularity = "group of 2";
  Symmetry s{.kind = Symmetry::Kind::scale, .parts = {{.parameter = 0, .path = "w"}}, .units = {{{0, 1}}, {{2, 3}}}};
  audit.symmetries.push_back({.symmetry = s});
  Sgd sgd({{&toy.w}}, {.lr = 0.1, .decay = decoupled_lr(0.1)});
  Diagnostics groups(sgd, audit, {.every = 1, .window = 1});
  audit.symmetries.clear();
  audit.rows[0].granularity = "whole";
  Diagnostics whole(sgd, audit, {.every = 1, .window = 1});
  audit.rows[0].joint = 3;
  Diagnostics joint(sgd, audit, {.every = 1, .window = 1});
  toy.give([&](std::int64_t i, std::int64_t) { return hadamard(1, i); });
  sgd.step();
  BOOST_TEST(groups.rows().at(0).channels == 2);
  BOOST_TEST(near(groups.rows().at(0).norm.median, 0.1 * std::sqrt(1024.0), 1e-12));
  BOOST_TEST(near(groups.rows().at(0).gradient.low, std::sqrt(1024.0), 1e-12));
  BOOST_TEST(whole.rows().at(0).channels == 1);
  BOOST_TEST(whole.rows().at(0).joint == 1);
  BOOST_TEST(whole.rows().at(0).predicted_norm > 0);
  BOOST_TEST(joint.rows().at(0).joint == 3);  // one of several parameters: nothing is foretold
  BOOST_TEST(std::isnan(joint.rows().at(0).predicted_norm));
  BOOST_TEST(near(whole.rows().at(0).norm.median, 0.1 * std::sqrt(2048.0), 1e-12));
}

BOOST_AUTO_TEST_CASE(count_scales_that_died_and_what_classes_have_in_common) {
  Parameter scale("scale", Role::norm_scale, Tensor::from<double>({1.0, 1e-4, 0.5, -2.0}, {4}));
  Parameter head("head", Role::weight, Tensor::from<double>({1, 3, -1, 2, 4, 0}, {2, 3}));
  Audit audit = by_hand(head, Position::head);
  Sgd sgd(Groups(std::vector<Parameter*>{&scale, &head}), {.lr = 1, .decay = decoupled_lr(0.25)});
  Diagnostics diagnostics(sgd, audit, {.every = 1, .window = 1});
  scale.accumulate(Tensor::zeros({4}, DType::f64));
  head.accumulate(Tensor::zeros({2, 3}, DType::f64));
  sgd.step();
  const DiagnosisRow& scales = diagnostics.rows().at(0);
  BOOST_TEST(scales.channels == 4);
  BOOST_TEST(near(scales.norm.median, 0.75, 1e-12));
  BOOST_TEST(scales.dead == 0.25);
  const DiagnosisRow& classes = diagnostics.rows().at(1);
  BOOST_TEST(near(classes.class_mean, 0.75 * std::hypot(1.0, 2.0), 1e-12));
  BOOST_TEST(near(classes.whole_norm, 0.75 * std::sqrt(31.0), 1e-12));
  BOOST_TEST(near(classes.left, 0.75, 1e-12));
  BOOST_TEST(std::isnan(classes.dead));
}

// A weight that gets no gradient and decays through the momentum has what `left` says.
BOOST_AUTO_TEST_CASE(follow_what_decay_alone_leaves) {
  const auto difference = [](const SgdOptions& options) {
    Toy toy(1, 1);
    Sgd sgd({{&toy.w}}, options);
    Diagnostics diagnostics(sgd, by_hand(toy.w), {.every = 7, .window = 30});
    for (int t = 0; t < 60; ++t) {
      toy.give([](std::int64_t, std::int64_t) { return 0.0; });
      sgd.step();
    }
    BOOST_TEST_REQUIRE(diagnostics.rows().size() == 2u);
    return std::abs(diagnostics.rows().back().left - toy.number(0, 0)) / toy.number(0, 0);
  };
  const Schedule falling = cosine(100);
  BOOST_TEST(difference({.lr = 0.1, .schedule = falling, .decay = decoupled_lr(0.1)}) < 1e-12);
  BOOST_TEST(difference({.lr = 0.1, .schedule = falling, .decay = coupled_l2(0.1)}) < 1e-12);
  BOOST_TEST(difference({.lr = 0.1, .momentum = 0.9, .decay = coupled_l2(0.1)}) < 1e-12);
  BOOST_TEST(difference({.lr = 0.1, .momentum = 0.9, .nesterov = true, .decay = coupled_l2(0.1)}) < 1e-12);
  BOOST_TEST(difference({.lr = 0.1, .momentum = 0.9, .decay = decoupled_lr(0.1)}) < 1e-12);
}

BOOST_AUTO_TEST_CASE(are_the_same_for_any_number_of_threads) {
  const auto limit = parallel::short_loop();
  const int threads = parallel::thread_count();
  parallel::set_short_loop(std::chrono::nanoseconds(0));
  const auto run = [](int count) {
    parallel::set_thread_count(count);
    std::string out;
    for (const Shape& shape : {Shape{3, 3, 40, 70}, Shape{200000}, Shape{5, 7}})
      for (const Role role : {Role::weight, Role::embedding, Role::norm_scale}) {
        if ((role == Role::norm_scale) != (shape.rank() == 1)) continue;
        Parameter w("w", role, Tensor::full(shape, 0.5));
        Sgd sgd({{&w}}, {.lr = 0.1, .momentum = 0.9, .decay = coupled_l2(0.1)});
        Diagnostics diagnostics(sgd, by_hand(w), {.every = 1, .window = 2});
        for (std::uint64_t t = 0; t < 4; ++t) {
          Tensor g(shape);
          const Rng rng = Rng(9).at(t);
          for (std::int64_t i = 0; i < g.size(); ++i)
            g.mutable_data<float>()[i] = static_cast<float>(rng.normal(static_cast<std::uint64_t>(i)));
          w.zero_grad();
          w.accumulate(std::move(g));
          sgd.step();
        }
        for (const DiagnosisRow& row : diagnostics.rows())
          for (const DiagnosisColumn& c : diagnosis_columns())
            out += text(std::bit_cast<std::uint64_t>(c.get(row)), ' ');
      }
    return out;
  };
  const std::string one = run(1);
  BOOST_TEST(one.size() > 1000u);
  BOOST_TEST((run(2) == one));
  BOOST_TEST((run(3) == one));
  parallel::set_thread_count(threads);
  parallel::set_short_loop(limit);
}

BOOST_AUTO_TEST_CASE(look_only_as_often_as_work_allows) {
  BOOST_TEST(affordable_interval(1e5, 1e12, 0.05) == 2);
  BOOST_TEST(affordable_interval(0, 0, 0.05) == 2);
  const std::int64_t half = affordable_interval(1e6, 1e8, 0.025), all = affordable_interval(1e6, 1e8, 0.05);
  BOOST_TEST(half >= 2 * all - 1);
  BOOST_TEST(affordable_interval(1e6, 0, 1e-9) == 1000);
  Toy toy(1, 1);
  Sgd sgd({{&toy.w}}, {.lr = 0.1});
  BOOST_TEST(test::fails_with({"diagnostics", "every = -1"}, [&] { Diagnostics(sgd, by_hand(toy.w), {.every = -1}); }));
  BOOST_TEST(test::fails_with({"budget = 0"}, [&] { Diagnostics(sgd, by_hand(toy.w), {.budget = 0}); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
