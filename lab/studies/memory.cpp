// Gradients that resemble the ones before: what they do to norm and rotation at equilibrium, and what they do not.
#include <cmath>
#include <memory>

#include "lab/audit/predict.h"
#include "lab/study/figures.h"
#include "lab/study/number_text.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "optim/sgd.h"

namespace ebb::studies::memory_study {
namespace {

using namespace toys;

constexpr double mu = 0.9;

std::unique_ptr<Sgd> optimizer_of(const std::string& name, Parameter& w) {
  const auto sgd = [&](double momentum, bool nesterov, Decay decay) {
    return std::make_unique<Sgd>(
        alone(w), SgdOptions{.lr = 0.1, .momentum = momentum, .nesterov = nesterov, .decay = std::move(decay)});
  };
  if (name == "sgd") return sgd(0, false, decoupled_lr(0.02));
  if (name == "coupled momentum") return sgd(mu, false, coupled_l2(0.02));
  if (name == "decoupled momentum") return sgd(mu, false, decoupled_lr(0.2));
  return sgd(mu, true, coupled_l2(0.02));
}

// Gradients at right angles to the weight, whose lag-k correlation is rho^k.
void run(const Trial& trial, Record& record) {
  constexpr std::int64_t n = 64;
  constexpr int burn_in = 5000, steps = 6000;
  const double rho = trial.number("rho");
  Parameter w("w", Role::weight, Tensor::full({n}, 0.25, DType::f64));
  const std::unique_ptr<Sgd> optimizer = optimizer_of(trial.word("optimizer"), w);
  const UpdateModel model = optimizer->update_model();
  Tensor noise = Tensor::zeros({n}, DType::f64), sum = Tensor::zeros({n}, DType::f64);
  double fourth = 0, turn = 0, unit = 0, foreseen = 0, power = 0;
  for (int step = 0; step < burn_in + steps; ++step) {
    scale(noise, rho);
    axpy(std::sqrt(1 - rho * rho), normals({n}, trial.rng().at("noise").at(static_cast<std::uint64_t>(step))), noise);
    Tensor g = noise.clone();
    const double square = sum_squares(w.value());
    axpy(-dot(g, w.value()) / square, w.value(), g);
    scale(g, 1 / std::sqrt(square * n));
    set_gradient(w, g);
    const Tensor before = w.value().clone();
    optimizer->step();
    scale(sum, model.pole);  // of the gradients before
    const double product = dot(g, sum);
    axpy(1, g, sum);
    if (step < burn_in) continue;
    const double cosine = dot(before, w.value()) / std::sqrt(square * sum_squares(w.value()));
    fourth += square * square / steps;
    turn += std::pow(std::acos(std::min(1.0, cosine)), 2) / steps;
    unit += square * sum_squares(g) / steps;
    foreseen += product / steps, power += sum_squares(g) / steps;
  }
  const auto predicted = [&](double memory) {
    return *equilibrium(model, optimizer->terms(), optimizer->lr(), std::sqrt(unit), n, memory);
  };
  const double known = model.pole * rho / (1 - model.pole * rho);
  const Equilibrium rest = predicted(known), uncorrelated = predicted(0);
  const double norm = std::pow(fourth, 0.25), angle = std::sqrt(turn);
  record.put("memory", foreseen / power);
  record.put("memory by construction", known);
  record.put("norm", norm / uncorrelated.norm);
  record.put("predicted norm", rest.norm / uncorrelated.norm);
  record.put("angle", angle / uncorrelated.angle);
  record.put("predicted angle", rest.angle / uncorrelated.angle);
  // Of a sum of numbers with these correlations, whose memory is long beside theirs.
  record.put("norm of a sum", std::pow((1 + rho) / (1 - rho), 0.25));
}

Plot agreement(const Results& results, const std::string& what, const std::string& unit,
               const std::vector<std::string>& optimizers) {
  Plot plot{.title = "Measured beside predicted " + what,
            .unit = unit,
            .x = "correlation of successive gradients",
            .curves = {}};
  plot.x_axis.whole = false;
  int colour = 0;
  for (const std::string& optimizer : optimizers) {
    Curve seen{.title = optimizer, .points = {}, .dots = true, .colour = "var(--c" + std::to_string(colour++) + ")"};
    Curve foretold{.title = optimizer + ", predicted", .points = {}, .dashed = true, .colour = seen.colour};
    for (const std::string& rho : results.levels("rho")) {
      const Arm arm{{"optimizer", optimizer}, {"rho", rho}};
      for (const double value : results.values(what, arm)) seen.points.emplace_back(std::stod(rho), value);
      foretold.points.emplace_back(std::stod(rho), mean_or_nan(results.values("predicted " + what, arm)));
    }
    plot.curves.push_back(std::move(seen));
    plot.curves.push_back(std::move(foretold));
  }
  return plot;
}

std::vector<Claim> claims() {
  std::vector<Claim> out;
  const auto said = [&](const std::string& statement, Verdict::Is expected = Verdict::Is::confirmed) {
    return ClaimText{std::to_string(out.size() + 1), statement, {}, expected};
  };
  for (const std::string optimizer : {"sgd", "coupled momentum", "decoupled momentum", "nesterov"}) {
    const Arm arm{{"optimizer", optimizer}};
    out.push_back(within(said(optimizer + ": the norm is the one predicted with the memory of the gradients"), "norm",
                         "predicted norm", 0.02, arm));
    out.push_back(within(said(optimizer + ": so is the rotation"), "angle", "predicted angle", 0.02, arm));
  }
  const auto alike = [&](const std::string& statement, const std::string& measure, const std::string& optimizer,
                         Verdict::Is expected = Verdict::Is::confirmed) {
    out.push_back(within(said(statement, expected), measure, 1, 0.02, {{"optimizer", optimizer}}));
  };
  alike("without momentum the norm is that of uncorrelated gradients, whatever rho", "norm", "sgd");
  alike("under momentum the rotation is, too", "angle", "coupled momentum");
  alike("under momentum the norm is, too", "norm", "coupled momentum", Verdict::Is::refuted);
  alike("under Nesterov's momentum the rotation is, too", "angle", "nesterov", Verdict::Is::refuted);
  out.push_back(within(said("the norm follows the variance of a sum of correlated numbers", Verdict::Is::refuted),
                       "norm", "norm of a sum", 0.02, {{"optimizer", "sgd"}}));
  return out;
}

}  // namespace

Study study() {
  return {.name = "memory",
          .title = "Gradients that resemble the ones before",
          .statement =
              "Correlated gradients change the norm at equilibrium by what momentum foresees of them, the "
              "rotation under Nesterov's momentum alone, and nothing without momentum.",
          .answer =
              "Only with momentum: there the norm at equilibrium follows the correlation of gradients, and is 27 % "
              "longer under coupled momentum where successive ones correlate by a half; without momentum it is as if "
              "they did not. The rotation follows it under Nesterov's momentum alone, 11 % more where they correlate "
              "by minus a half. All of it was foretold within 2 %.",
          .reference = "lab/audit/predict.h",
          .limits =
              "Random gradients of one weight, correlated by a known number. How far the gradients of a net are "
              "foreseen has to be measured there.",
          .factors = {{"optimizer", {"sgd", "coupled momentum", "decoupled momentum", "nesterov"}},
                      {"rho", {"-0.5", "-0.25", "0", "0.25", "0.5"}}},
          .pairs = 6,
          .tier = Tier::T1,
          .minutes = 0.3,
          .run = run,
          .claims = claims(),
          .figures = {{"norm", "Momentum makes norms follow the correlation of gradients; without it they do not.",
                       [](const Results& r) {
                         return agreement(r, "norm", "|w| over that of uncorrelated gradients",
                                          {"sgd", "coupled momentum", "nesterov"});
                       }},
                      {"angle", "Rotation follows it under Nesterov's momentum alone.", [](const Results& r) {
                         return agreement(r, "angle", "rotation over that of uncorrelated gradients",
                                          {"coupled momentum", "nesterov"});
                       }}}};
}

}  // namespace ebb::studies::memory_study
