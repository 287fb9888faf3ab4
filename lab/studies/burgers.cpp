// A model of Burgers' equation by Fourier coefficients: uniform decay, and decay that grows with the frequency.
#include <array>
#include <cmath>
#include <numbers>

#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "optim/sgd.h"

namespace ebb::studies::burgers_study {
namespace {

using namespace toys;
using Numbers = std::vector<double>;

constexpr std::size_t samples = 256, waves = 32;  // sine and cosine of each frequency
constexpr double viscosity = 0.5, time = 0.2, offset = 1.05, noise = 0.1;
constexpr int levels = 15;
double at_level(double level, int power) {
  return (power == 0 ? 0.004 : power == 2 ? 1e-5 : 1e-8) * std::pow(2, level);
}

// u = -2 nu phi_x / phi of phi = a + e^(-nu t) cos x, which solves the heat equation (Cole 1951, Hopf 1950).
double profile(double x) {
  const double decayed = std::exp(-viscosity * time);
  return 2 * viscosity * decayed * std::sin(x) / (offset + decayed * std::cos(x));
}

// Coefficients of sqrt 2 sin kx (first half) and sqrt 2 cos kx: the design is orthonormal.
Numbers coefficients(const Numbers& u) {
  Numbers out(2 * waves, 0.0);
  for (std::size_t k = 1; k <= waves; ++k)
    for (std::size_t i = 0; i < samples; ++i) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k * i % samples) / samples;
      out[k - 1] += std::numbers::sqrt2 * std::sin(angle) * u[i] / samples;
      out[waves + k - 1] += std::numbers::sqrt2 * std::cos(angle) * u[i] / samples;
    }
  return out;
}

Numbers seen(double deviation, const Rng& rng) {
  Numbers u(samples);
  for (std::size_t i = 0; i < samples; ++i)
    u[i] = profile(2 * std::numbers::pi * static_cast<double>(i) / samples) + deviation * rng.normal(i);
  return coefficients(u);
}

double frequency(std::size_t place) { return static_cast<double>(place % waves + 1); }

// sum k^2 c_k^2: the mean square of the derivative.
double slopes(const Numbers& c) {
  double sum = 0;
  for (std::size_t p = 0; p < c.size(); ++p) sum += std::pow(frequency(p) * c[p], 2);
  return sum;
}

double size(const Numbers& c) {
  double sum = 0;
  for (const double x : c) sum += x * x;
  return sum;
}

Numbers filtered(const Numbers& c, double lambda, int power) {
  Numbers out = c;
  for (std::size_t p = 0; p < c.size(); ++p) out[p] /= 1 + lambda * std::pow(frequency(p), power);
  return out;
}

// Descent on the mean square error / 2, which of orthonormal waves is that of the coefficients: a group for each one.
Numbers trained(const Numbers& c, double lambda, int power) {
  std::vector<std::unique_ptr<Parameter>> owned;
  std::vector<Parameter*> all;
  std::vector<GroupRule> rules;
  for (std::size_t p = 0; p < c.size(); ++p) {
    const std::string name = "coefficient" + std::to_string(p);
    owned.push_back(parameter(name, {0.0}));
    all.push_back(owned.back().get());
    rules.push_back({name, path(name), {.decay = decoupled_lr(lambda * std::pow(frequency(p), power))}});
  }
  Sgd optimizer(groups(all, rules), {.lr = 0.5});
  for (int step = 0; step < 80; ++step) {
    for (std::size_t p = 0; p < c.size(); ++p) set_gradient(*all[p], {all[p]->value().item() - c[p]});
    optimizer.step();
  }
  Numbers out;
  for (const auto& one : owned) out.push_back(one->value().item());
  return out;
}

void identities(const Trial& trial, Record& record) {
  const Numbers c = seen(noise, trial.rng().at("seen"));
  const Numbers uniform = trained(c, 0.3, 0), graded = trained(c, 1e-3, 2);
  double alike = 0, formula = 0;
  const Numbers by_formula = filtered(c, 1e-3, 2);
  for (std::size_t p = 0; p < c.size(); ++p) {
    alike = std::max(alike, std::abs(uniform[p] - c[p] / 1.3));
    formula = std::max(formula, std::abs(graded[p] - by_formula[p]));
  }
  put_exact(record, "uniform decay", alike, 0.3 / 1.3 * std::abs(c[0]));
  put_exact(record, "decay by frequency", formula, std::abs(by_formula[waves - 1] - c[waves - 1]));
  const auto rough = [](const Numbers& of) { return slopes(of) / size(of); };
  put_exact(record, "roughness under uniform decay", rough(uniform) / rough(c) - 1, rough(graded) / rough(c) - 1);
  record.put("roughness taken by uniform decay", 1 - rough(uniform) / rough(c));
  record.put("roughness taken by decay of k^2", 1 - rough(graded) / rough(c));
}

// The error of the derivative over that of no decay, lambda chosen on other draws.
void errors(const Trial& trial, Record& record) {
  constexpr std::uint64_t to_choose = 10, draws = 40;
  const Numbers truth = seen(0, trial.rng());
  std::array<double, 3> least{};  // of powers 0, 2, 4
  for (const int power : {0, 2, 4}) {
    Numbers chosen(levels, 0.0), judged(levels, 0.0);
    double plain = 0;
    for (std::uint64_t draw = 0; draw < draws; ++draw) {
      const Numbers c = seen(noise, trial.rng().at("draws").at(draw));
      const auto error = [&](double lambda) {
        Numbers off = filtered(c, lambda, power);
        for (std::size_t p = 0; p < off.size(); ++p) off[p] -= truth[p];
        return slopes(off);
      };
      for (int level = 0; level < levels; ++level)
        (draw < to_choose ? chosen : judged)[static_cast<std::size_t>(level)] += error(at_level(level, power));
      if (draw >= to_choose) plain += error(0);
    }
    const std::string of = power == 0 ? "1" : "k^" + std::to_string(power);
    for (int level = 0; level < levels; ++level)
      record.put("error with decay as " + of, level, judged[static_cast<std::size_t>(level)] / plain);
    const auto best = static_cast<std::size_t>(std::ranges::min_element(chosen) - chosen.begin());
    least[static_cast<std::size_t>(power / 2)] = judged[best] / plain;
    record.put("least error with decay as " + of, judged[best] / plain);
  }
  record.put("gain of k^2 over uniform", least[0] - least[1]);
  record.put("gain of k^4 over k^2", least[1] - least[2]);
}

void run(const Trial& trial, Record& record) {
  identities(trial, record);
  errors(trial, record);
}

Plot curves(const Results& results) {
  Plot plot{.title = "Error of the derivative",
            .unit = "share of that without decay",
            .x = "doublings of lambda",
            .curves = {}};
  int colour = 0;
  for (const std::string of : {"1", "k^2", "k^4"})
    for (Curve& curve : course(results, {.title = "lambda times " + of,
                                        .measured = "error with decay as " + of,
                                        .colour = "var(--c" + std::to_string(colour++) + ")",
                                        .dots = true}))
      plot.curves.push_back(std::move(curve));
  return plot;
}

}  // namespace

Study study() {
  return {
      .name = "burgers",
      .title = "Decay of Fourier coefficients in a model of Burgers' equation",
      .statement = "Uniform decay scales every wave alike; smoothness needs decay that grows with the frequency.",
      .answer =
          "Not uniform decay: it divides every coefficient by 1 + lambda and leaves the profile as rough beside its "
          "size as it was. Decay by k^2 makes it smoother, and at a lambda chosen on other draws it leaves less error "
          "of the derivative than uniform decay, by 0.68 of the error without decay; decay by k^4 leaves 0.05 less "
          "again.",
      .reference = "Cole 1951; Hopf 1950 for the profile; Parseval's identity",
      .limits =
          "One profile at one time, seen whole with normal noise, and a model that is linear in its coefficients: "
          "no network, no residual of the equation.",
      .pairs = 8,
      .tier = Tier::T1,
      .minutes = 0.1,
      .run = run,
      .claims = {exact({"1", "uniform decay divides every coefficient by 1 + lambda", {"G10"}}, "uniform decay", 1e-12),
                 at_least({"2", "it makes the profile smoother beside its size", {"G10"}, Verdict::Is::refuted},
                          "roughness taken by uniform decay", 0.01),
                 exact({"3", "it leaves derivatives beside the profile as they are", {"G10"}},
                       "roughness under uniform decay", 1e-12),
                 exact({"4", "decay of lambda k^2 divides by 1 + lambda k^2", {"G10"}}, "decay by frequency", 1e-12),
                 at_least({"5", "that makes it smoother", {"G10"}}, "roughness taken by decay of k^2", 0.01),
                 above({"6",
                        "lambda chosen on other draws, decay by k^2 leaves less error of the derivative than "
                        "uniform decay",
                        {"G10"}},
                       "gain of k^2 over uniform", 0),
                 above({"7", "and decay by k^4 less than by k^2", {"G10"}}, "gain of k^4 over k^2", 0)},
      .figures = {
          {"error", "Decay that grows with the frequency mends the derivative; uniform decay hardly does.", curves}}};
}

}  // namespace ebb::studies::burgers_study
