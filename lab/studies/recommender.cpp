// A recommender: factors of a table of ratings under decay, and rows that nobody has seen.
#include <cmath>

#include "lab/study/exact.h"
#include "lab/study/factors.h"
#include "lab/study/figures.h"
#include "lab/study/least_squares.h"
#include "lab/study/study.h"
#include "optim/adam.h"

namespace ebb::studies::recommender_study {
namespace {

using namespace toys;
using Numbers = std::vector<double>;

constexpr std::size_t users = 100, items = 150, d = 5;
constexpr int levels = 10;
double at_level(double level) { return 0.05 * std::pow(2, level); }

// One side by the other: each row u of `out` minimises the sum of (r - u v)^2 / 2 over its ratings + lambda |u|^2 / 2.
struct Rating {
  std::size_t user, item;
  double value;
};

void solve_side(Numbers& out, const Numbers& other, const std::vector<Rating>& ratings, bool of_users, double lambda) {
  const std::size_t rows = out.size() / d;
  Numbers a(rows * d * d, 0.0), b(rows * d, 0.0);
  for (const Rating& r : ratings) {
    const std::size_t row = of_users ? r.user : r.item, column = of_users ? r.item : r.user;
    const double* const v = &other[column * d];
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j < d; ++j) a[row * d * d + i * d + j] += v[i] * v[j];
      b[row * d + i] += r.value * v[i];
    }
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const auto at = [&](const Numbers& x, std::size_t size) {
      const auto begin = x.begin() + static_cast<std::ptrdiff_t>(row * size);
      return Numbers(begin, begin + static_cast<std::ptrdiff_t>(size));
    };
    Numbers m = at(a, d * d);
    for (std::size_t i = 0; i < d; ++i) m[i * d + i] += lambda;
    std::ranges::copy(solve(m, at(b, d)), out.begin() + static_cast<std::ptrdiff_t>(row * d));
  }
}

struct Table {
  std::vector<Rating> train, validation, test;
};

// A fifth of a table of rank d is rated, with noise.
Table table(const Rng& rng) {
  Table out;
  for (std::size_t u = 0; u < users; ++u)
    for (std::size_t i = 0; i < items; ++i) {
      const std::size_t place = u * items + i;
      const double chance = rng.at("rated").uniform(place);
      if (chance > 0.3) continue;
      double value = rng.at("noise").normal(place);
      for (std::size_t k = 0; k < d; ++k) value += rng.at("u").normal(u * d + k) * rng.at("v").normal(i * d + k) * 0.7;
      (chance < 0.2 ? out.train : chance < 0.22 ? out.validation : out.test).push_back({u, i, value});
    }
  return out;
}

double rmse(const Numbers& u, const Numbers& v, const std::vector<Rating>& ratings) {
  double sum = 0;
  for (const Rating& r : ratings) {
    double guess = 0;
    for (std::size_t k = 0; k < d; ++k) guess += u[r.user * d + k] * v[r.item * d + k];
    sum += std::pow(guess - r.value, 2);
  }
  return std::sqrt(sum / static_cast<double>(ratings.size()));
}

void ratings(const Trial& trial, Record& record) {
  const Table of = table(trial.rng().at("table"));
  Numbers validation, test;
  for (int level = 0; level < levels; ++level) {
    Numbers u(users * d, 0.0), v(items * d);
    for (std::size_t k = 0; k < v.size(); ++k) v[k] = trial.rng().at("start").normal(k);
    for (int sweep = 0; sweep < 12; ++sweep) {
      solve_side(u, v, of.train, true, at_level(level));
      solve_side(v, u, of.train, false, at_level(level));
    }
    validation.push_back(rmse(u, v, of.validation)), test.push_back(rmse(u, v, of.test));
    record.put("error on unseen ratings", level, test.back());
  }
  const auto best = static_cast<std::size_t>(std::ranges::min_element(validation) - validation.begin());
  record.put("smallest lambda above the chosen", test.front() - test[best]);
  record.put("largest lambda above the chosen", test.back() - test[best]);
  // One side by descent.
  constexpr double lambda = 0.8;
  LeastSquares half{40, d, Numbers(40 * d), Numbers(40)};
  for (std::size_t k = 0; k < half.x.size(); ++k) half.x[k] = trial.rng().at("half").normal(k);
  for (std::size_t k = 0; k < half.n; ++k) half.y[k] = trial.rng().at("half y").normal(k);
  std::vector<Rating> seen;
  for (std::size_t item = 0; item < half.n; ++item) seen.push_back({0, item, half.y[item]});
  Numbers row(d);
  solve_side(row, half.x, seen, true, lambda);
  const Numbers trained = descend(
      half, [&](Groups t) { return Sgd(std::move(t), {.lr = 0.3, .decay = decoupled_lr(lambda / 40)}); }, 3000,
      Numbers(d, 0.0));
  put_exact(record, "half step", farthest(trained, row), farthest(row, half.ridge(0)));
}

// A row of an embedding whose gradient is 0 at every step, as it was at first.
void unseen(Record& record) {
  constexpr int steps = 200;
  constexpr double lr = 0.01;
  const auto left = [&](auto make, bool without_gradient = false) {
    Parameter rows("rows", Role::weight, Tensor::full({2, 3}, 1, DType::f64));
    auto optimizer = make(alone(rows));
    for (int step = 0; step < steps; ++step) {
      if (without_gradient) rows.zero_grad();
      else set_gradient(rows, Tensor::from({0.3, -0.2, 0.1, 0.0, 0.0, 0.0}, {2, 3}));
      optimizer.step();
    }
    return rows.value().at({1, 0});
  };
  const auto sgd = [&](Decay decay) {
    return left([&](Groups t) { return Sgd(std::move(t), {.lr = lr, .decay = decay}); });
  };
  const auto adam = [&](Decay decay) {
    return left([&](Groups t) { return Adam(std::move(t), {.lr = lr, .eps = 0, .decay = decay}); });
  };
  const double product = std::pow(1 - lr * 0.1, steps);
  put_exact(record, "unseen row under decoupled decay",
            std::max(std::abs(sgd(decoupled_lr(0.1)) - product), std::abs(adam(decoupled_lr(0.1)) - product)),
            1 - product);
  put_exact(record, "unseen row under SGD with L2", sgd(coupled_l2(0.1)) - product, 1 - product);
  const double weak = adam(coupled_l2(1e-4)), strong = adam(coupled_l2(1));
  put_exact(record, "unseen row under Adam with L2", weak - strong, 1 - weak);
  put_exact(record, "unseen row under Adam with L2 as under SGD", adam(coupled_l2(0.1)) - product, 1 - product);
  put_exact(record, "row without a gradient",
            left([&](Groups t) { return Adam(std::move(t), {.lr = lr, .decay = decoupled_lr(0.1)}); }, true) - 1,
            1 - product);
}

void run(const Trial& trial, Record& record) {
  constexpr double lambda = 0.5;
  const Spectrum spectrum(6, trial.rng().at("spectrum"));
  const Tensor full = spectrum.matrix({3, 2, 1, 0.4, 0.2, 0.1});
  const Tensor soft = spectrum.matrix({3 - lambda, 2 - lambda, 1 - lambda, 0, 0, 0});
  put_exact(record, "table seen in full",
            farthest(descended_product(full, 2, lambda, 3000, trial.rng().at("full")), soft), farthest(full, soft));
  ratings(trial, record);
  unseen(record);
}

Plot errors(const Results& results) {
  Plot plot{
      .title = "Error on ratings that were not seen",
      .unit = "root of the mean square",
      .x = "lambda",
      .curves = course(results, {.title = "mean of the pairs", .measured = "error on unseen ratings", .at = at_level})};
  plot.curves.push_back({.title = "noise of the ratings",
                         .points = {{at_level(0), 1}, {at_level(levels - 1), 1}},
                         .dashed = true,
                         .colour = "var(--c1)"});
  plot.x_axis = {.scale = AxisOptions::Scale::log};
  return plot;
}

}  // namespace

Study study() {
  return {
      .name = "recommender",
      .title = "A recommender under decay",
      .statement =
          "Decay of two factors cuts small singular values off; what it does to rows that nobody has seen is up to the "
          "optimizer.",
      .answer =
          "Up to a point: the error of ratings not seen is larger by 0.85 at the smallest lambda and by 0.51 at the "
          "largest than at the one that validation chooses. Rows that nobody has seen shrink as lambda says under "
          "decoupled decay, and under an L2 penalty with SGD; under Adam with L2 they collapse at one speed whatever "
          "lambda is, and without any gradient they stay.",
      .reference = "Koren, Bell & Volinsky 2009; Srebro, Rennie & Jaakkola 2004",
      .limits = "Ratings made of a table of known rank with normal noise, rated at random; no ranking, no real users.",
      .pairs = 8,
      .tier = Tier::T1,
      .minutes = 0.1,
      .run = run,
      .claims = {exact({"1", "descent on one side rests at (V'V + lambda I)^-1 V'r", {"H10"}}, "half step", 1e-10),
                 exact({"2", "a table seen in full comes to max(s - lambda, 0) of its singular values", {"H10"}},
                       "table seen in full", 1e-4),
                 above({"3",
                        "of ratings not seen the error is greater at the smallest lambda than at that of validation",
                        {"H10"}},
                       "smallest lambda above the chosen", 0),
                 above({"4", "and at the largest", {"H10"}}, "largest lambda above the chosen", 0),
                 exact(
                     {"5", "decoupled decay shrinks unseen rows by prod(1 - shrink), whatever the optimizer", {"H10"}},
                     "unseen row under decoupled decay", 1e-12),
                 exact({"6", "so does an L2 penalty under SGD", {"H10"}}, "unseen row under SGD with L2", 1e-12),
                 exact({"7", "and under Adam", {"H10"}, Verdict::Is::refuted},
                       "unseen row under Adam with L2 as under SGD", 1e-12),
                 exact({"8", "there they collapse at one speed, whatever lambda", {"H10"}},
                       "unseen row under Adam with L2", 1e-12),
                 exact({"9", "a parameter that gets no gradient at all stays as it is", {"H10"}},
                       "row without a gradient", 0)},
      .figures = {{"error", "Decay helps up to a point.", errors}}};
}

}  // namespace ebb::studies::recommender_study
