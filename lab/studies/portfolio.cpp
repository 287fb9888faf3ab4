// Portfolios: what decay of (Sigma + lambda)^-1 mu does to size, profile and return for risk.
#include <cmath>

#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/least_squares.h"
#include "lab/study/study.h"
#include "optim/sgd.h"

namespace ebb::studies::portfolio_study {
namespace {

using namespace toys;
using Numbers = std::vector<double>;

constexpr std::size_t n = 12, factors = 3, days = 60;
constexpr int levels = 17;
double at_level(double level) { return 1e-3 * std::pow(2, level); }

double product(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double length(const Numbers& w) { return std::sqrt(product(w, w)); }

// Degrees between two directions, also of those that nearly agree.
double angle(const Numbers& a, const Numbers& b) {
  Numbers off = a;
  const double along = product(a, b) / product(b, b);
  for (std::size_t i = 0; i < a.size(); ++i) off[i] -= along * b[i];
  return std::atan2(length(off), along * length(b)) * 180 / 3.14159265358979323846;
}

// Returns of n assets: mu + loadings times common factors + what is each one's own.
struct Market {
  Numbers mu = Numbers(n), loadings = Numbers(n * factors), own = Numbers(n);
  Numbers covariance = Numbers(n * n, 0.0);
};

Market market(const Rng& rng) {
  Market out;
  for (std::size_t i = 0; i < n; ++i) {
    out.mu[i] = 0.05 + 0.05 * rng.at("mu").normal(i);
    out.own[i] = 0.15 + 0.2 * rng.at("own").uniform(i);
    for (std::size_t f = 0; f < factors; ++f)
      out.loadings[i * factors + f] = (f == 0 ? 0.2 : 0) + 0.1 * rng.at("loadings").normal(i * factors + f);
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t f = 0; f < factors; ++f)
        out.covariance[i * n + j] += out.loadings[i * factors + f] * out.loadings[j * factors + f];
    out.covariance[i * n + i] += out.own[i] * out.own[i];
  }
  return out;
}

// (Sigma + lambda)^-1 mu
Numbers shrunk(Numbers covariance, const Numbers& mu, double lambda) {
  for (std::size_t i = 0; i < n; ++i) covariance[i * n + i] += lambda;
  return solve(covariance, mu);
}

// Where descent on w' Sigma w / 2 - mu' w comes to rest.
Numbers trained(const Market& of, double lambda) {
  Parameter w("w", Role::weight, Tensor::zeros({n}, DType::f64));
  Sgd optimizer(alone(w), {.lr = 1, .decay = decoupled_lr(lambda)});
  for (int step = 0; step < 1000; ++step) {
    Tensor g({n}, DType::f64);
    for (std::size_t i = 0; i < n; ++i) {
      double sum = -of.mu[i];
      for (std::size_t j = 0; j < n; ++j) sum += of.covariance[i * n + j] * w.value().data<double>()[j];
      g.mutable_data<double>()[i] = sum;
    }
    set_gradient(w, g);
    optimizer.step();
  }
  return {w.value().data<double>(), w.value().data<double>() + n};
}

// The sum of squared shares of all that is held: 1/n where all are equal.
double concentration(const Numbers& w) {
  double gross = 0;
  for (const double x : w) gross += std::abs(x);
  return product(w, w) / (gross * gross);
}

void profile(const Market& of, Record& record) {
  constexpr double large = 1e9;
  const Numbers equal(n, 1.0), end = shrunk(of.covariance, of.mu, large);
  double rises = 0, previous = INFINITY, first = 0, concentrated = 0, more = 0;
  for (int level = 0; level < levels; ++level) {
    const Numbers w = shrunk(of.covariance, of.mu, at_level(level));
    if (level == 0) first = length(w);
    rises = std::max(rises, length(w) - previous);
    if (level > 0) more += concentration(w) > concentrated;
    previous = length(w), concentrated = concentration(w);
    record.put("angle to mu", level, angle(w, of.mu));
    record.put("angle to equal weights", level, angle(w, equal));
  }
  put_exact(record, "rises of the norm", rises, first - previous);
  put_exact(record, "angle to mu in the limit", angle(end, of.mu), angle(shrunk(of.covariance, of.mu, 0), of.mu));
  put_exact(record, "angle to equal weights in the limit", angle(end, equal), 90);
  record.put("levels at which concentration rises", more);
}

// The Sharpe ratio that weights of 60 days of returns have under the true numbers.
void out_of_sample(const Market& of, const Rng& rng, Record& record) {
  constexpr std::size_t to_choose = 60, draws = 260;
  Numbers chosen(levels, 0.0), judged(levels, 0.0);
  double plain = 0;
  for (std::size_t draw = 0; draw < draws; ++draw) {
    const Rng own = rng.at(draw);
    Numbers returns(days * n), mean(n, 0.0), covariance(n * n, 0.0);
    for (std::size_t day = 0; day < days; ++day)
      for (std::size_t i = 0; i < n; ++i) {
        double& r = returns[day * n + i];
        r = of.mu[i] + of.own[i] * own.at("own").normal(day * n + i);
        for (std::size_t f = 0; f < factors; ++f)
          r += of.loadings[i * factors + f] * own.at("factor").normal(day * factors + f);
        mean[i] += r / days;
      }
    for (std::size_t day = 0; day < days; ++day)
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
          covariance[i * n + j] += (returns[day * n + i] - mean[i]) * (returns[day * n + j] - mean[j]) / (days - 1);
    const auto sharpe = [&](double lambda) {
      const Numbers w = shrunk(covariance, mean, lambda);
      double risk = 0;
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) risk += w[i] * of.covariance[i * n + j] * w[j];
      return product(w, of.mu) / std::sqrt(risk);
    };
    for (int level = 0; level < levels; ++level)
      (draw < to_choose ? chosen : judged)[static_cast<std::size_t>(level)] += sharpe(at_level(level));
    if (draw >= to_choose) plain += sharpe(0) / (draws - to_choose);
  }
  for (int level = 0; level < levels; ++level)
    record.put("Sharpe ratio", level, judged[static_cast<std::size_t>(level)] / (draws - to_choose));
  const auto best = static_cast<std::size_t>(std::ranges::max_element(chosen) - chosen.begin());
  record.put("gain in Sharpe ratio", judged[best] / (draws - to_choose) - plain);
  record.put("loss of the largest lambda", (judged[best] - judged.back()) / (draws - to_choose));
}

void run(const Trial& trial, Record& record) {
  const Market of = market(trial.rng().at("market"));
  const Numbers formula = shrunk(of.covariance, of.mu, 0.05);
  put_exact(record, "rest", farthest(trained(of, 0.05), formula), farthest(formula, shrunk(of.covariance, of.mu, 0)));
  profile(of, record);
  out_of_sample(of, trial.rng().at("draws"), record);
}

Plot over_lambda(const Results& results, const char* title, const char* unit,
                 const std::vector<std::pair<const char*, const char*>>& shown) {
  Plot plot{.title = title, .unit = unit, .x = "lambda", .curves = {}};
  plot.x_axis = {.scale = AxisOptions::Scale::log};
  int colour = 0;
  for (const auto& [name, measure] : shown)
    for (Curve& curve : course(results, {.title = name,
                                        .measured = measure,
                                        .colour = "var(--c" + std::to_string(colour++) + ")",
                                        .at = at_level,
                                        .dots = shown.size() > 1}))
      plot.curves.push_back(std::move(curve));
  return plot;
}

}  // namespace

Study study() {
  return {.name = "portfolio",
          .title = "Portfolios under decay",
          .statement =
              "Decay makes a portfolio smaller and turns it towards the expected returns, not towards equal weights.",
          .answer =
              "It makes a portfolio smaller and turns it towards the expected returns, exactly so in the limit, and "
              "not towards equal weights, from which it stays up to 57 degrees away. Out of sample a lambda chosen on "
              "other samples raises the Sharpe ratio by 0.013; the largest lambda is 0.19 worse than that one.",
          .reference = "Markowitz 1952; Ledoit & Wolf 2004",
          .limits = "Returns drawn from a normal factor model that does not change, without costs; one size of sample.",
          .pairs = 8,
          .tier = Tier::T1,
          .minutes = 0.1,
          .run = run,
          .claims = {exact({"1", "training rests at (Sigma + lambda)^-1 mu", {"G12"}}, "rest", 1e-8),
                     exact({"2", "with a larger lambda the norm never rises", {"G12"}}, "rises of the norm", 0),
                     exact({"3", "with a large lambda it tends to the direction of mu", {"G12"}},
                           "angle to mu in the limit", 1e-5),
                     exact({"4", "it tends to equal weights", {"G12"}, Verdict::Is::refuted},
                           "angle to equal weights in the limit", 1e-5),
                     estimate({"5", "doublings of lambda after which holdings are more concentrated, of 16", {"G12"}},
                              "levels at which concentration rises"),
                     above({"6", "chosen on other samples, lambda raises the Sharpe ratio out of sample", {"G12"}},
                           "gain in Sharpe ratio", 0),
                     above({"7", "the largest lambda is worse than that one"}, "loss of the largest lambda", 0)},
          .figures = {{"profile", "The profile turns towards the expected returns and stays away from equal weights.",
                       [](const Results& r) {
                         return over_lambda(
                             r, "Directions of the portfolio", "degrees",
                             {{"from mu", "angle to mu"}, {"from equal weights", "angle to equal weights"}});
                       }},
                      {"sharpe", "Out of sample some decay helps.", [](const Results& r) {
                         return over_lambda(r, "Return for risk out of sample", "Sharpe ratio",
                                            {{"mean of 200 samples", "Sharpe ratio"}});
                       }}}};
}

}  // namespace ebb::studies::portfolio_study
