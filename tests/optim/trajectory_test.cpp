// Every optimizer times every kind of decay against plain loops: 200 steps with warm-up from zero, a cosine, and two
// groups of different learning rates.
#include <boost/test/unit_test.hpp>

#include "tests/optim/reference.h"
#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

constexpr double tolerance = 1e-12;

// Muon's Newton-Schulz iteration amplifies what a rounding leaves in small singular values up to 3.4445^5 times, in
// each step anew: its reference starts each step from the library's weights.
bool step_by_step(const Maker& maker) { return maker.name == "muon"; }

struct Kind {
  std::string name;
  Decay decay;
  double lambda = 0, l1 = 0;
};

std::vector<Kind> kinds() {
  return {{"none", no_decay()},
          {"coupled_l2", coupled_l2(0.3), 0.3},
          {"decoupled_lr", decoupled_lr(0.3), 0.3},
          {"decoupled_schedule", decoupled_schedule(0.03), 0.03},
          {"decoupled_constant", decoupled_constant(0.03), 0.03},
          {"corrected", corrected(0.3), 0.3},
          {"stable", stable(0.3), 0.3},
          {"cautious", cautious(0.3), 0.3},
          {"coupled_l1", coupled_l1(0.1), 0.1},
          {"coupled_elastic_net", coupled_elastic_net(0.1, 0.2), 0.2, 0.1},
          {"proximal_l1", proximal_l1(0.1), 0.1},
          {"elastic_net", elastic_net(0.1, 0.2), 0.2, 0.1},
          {"proximal_l2", proximal_l2(0.3), 0.3},
          {"update_l2", update_l2(0.3), 0.3},
          {"toward_start(decoupled_lr)", toward_start(decoupled_lr(0.3)), 0.3},
          {"toward_start(coupled_l2)", toward_start(coupled_l2(0.3)), 0.3},
          {"toward_start(elastic_net)", toward_start(elastic_net(0.02, 0.2)), 0.2, 0.02}};
}

// The gradient of a random quadratic plus noise that never repeats, as a function of the weights and the step.
double gradient(double w, std::size_t i, int step) {
  const double curvature = 0.5 + 0.1 * static_cast<double>(i % 7);
  return curvature * (w - 0.3) + std::sin(1.7 * static_cast<double>(step) + static_cast<double>(i));
}

double largest(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

// Final weights, and how far the library and the reference are apart: at the end, or in the worst step.
struct Outcome {
  std::vector<double> weights;
  double apart = 0;
};

// With the gradients above, or with zeros: then decay acts alone.
Outcome run(const Maker& maker, const Kind& kind, bool data = true) {
  constexpr int steps = 200;
  std::vector<std::unique_ptr<Parameter>> owned;
  owned.push_back(random_parameter("first", {3, 5}, 1));
  owned.push_back(random_parameter("second", {2, 4}, 2));
  owned.push_back(random_parameter("third", {1, 19}, 3));
  const Groups table = groups({owned[0].get(), owned[1].get(), owned[2].get()},
                              {{"slow", path("second"), {.lr_scale = 0.25}}, {"fast", everything_else()}});
  const Schedule schedule = warmup(10, cosine(200));
  const auto optimizer = maker.make(table, kind.decay, schedule);

  ReferenceRun reference{.optimizer = maker.name, .kind = kind.name, .lambda = kind.lambda, .l1 = kind.l1};
  reference.group_scale = {0.25, 1};
  for (const auto& p : owned) {
    ReferenceParameter copy{.rows = static_cast<std::size_t>(p->shape()[0]),
                            .columns = static_cast<std::size_t>(p->shape()[1]),
                            .group = p->name() == "second" ? 0 : 1,
                            .w = values(p->value())};
    reference.parameters.push_back(copy);
  }
  Outcome out;
  for (int step = 0; step < steps; ++step) {
    for (std::size_t k = 0; k < owned.size(); ++k) {
      Tensor g = owned[k]->value().clone();
      std::size_t i = 0;
      for (double& x : g.mutable_span<double>()) x = data ? gradient(x, i++, step) : 0;
      set_gradient(*owned[k], g);
      ReferenceParameter& r = reference.parameters[k];
      r.g.resize(r.w.size());
      for (std::size_t j = 0; j < r.w.size(); ++j) r.g[j] = data ? gradient(r.w[j], j, step) : 0;
    }
    optimizer->step();
    // Warm-up from zero and the cosine, written out.
    const double pi = 3.14159265358979323846;
    reference.step(step < 10 ? step / 10.0 : 0.5 * (1 + std::cos(pi * (step - 10) / 200)));
    if (step + 1 < steps && !step_by_step(maker)) continue;
    for (std::size_t k = 0; k < owned.size(); ++k) {
      const std::vector<double> w = values(owned[k]->value());
      out.apart = std::max(out.apart, largest(w, reference.parameters[k].w));
      reference.parameters[k].w = w;
    }
  }
  for (const ReferenceParameter& p : reference.parameters)
    out.weights.insert(out.weights.end(), p.w.begin(), p.w.end());
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizers_against_plain_loops)

BOOST_AUTO_TEST_CASE(every_kind_on_every_optimizer) {
  for (const Maker& maker : makers()) {
    const std::vector<double> without = run(maker, kinds()[0]).weights;
    for (const Kind& kind : kinds()) {
      const Outcome outcome = run(maker, kind);
      double scale = 0;
      for (const double x : outcome.weights) scale = std::max(scale, std::abs(x));
      BOOST_TEST(outcome.apart <= tolerance * scale,
                 maker.name << " with " << kind.name << ": off by " << outcome.apart / scale);
      if (kind.name != "none")
        BOOST_TEST(largest(outcome.weights, without) >= 1000 * tolerance * scale,
                   maker.name << " with " << kind.name << ": decay does nothing here");
    }
  }
}

BOOST_AUTO_TEST_CASE(every_kind_on_every_optimizer_without_a_gradient) {
  for (const Maker& maker : makers()) {
    const std::vector<double> without = run(maker, kinds()[0], false).weights;
    for (const Kind& kind : kinds()) {
      const Outcome outcome = run(maker, kind, false);
      double scale = 0;
      for (const double x : outcome.weights) scale = std::max(scale, std::abs(x));
      BOOST_TEST(outcome.apart <= tolerance * std::max(scale, 1.0),
                 maker.name << " with " << kind.name << ": off by " << outcome.apart);
      // Weights at their start are not pulled, and stable decay waits for a second moment.
      const bool still = kind.name == "none" || kind.name.rfind("toward_start", 0) == 0;
      const bool waits = kind.name == "stable" && maker.second_moment;
      if (still) BOOST_TEST(outcome.weights == without);
      else if (!waits)
        BOOST_TEST(largest(outcome.weights, without) >= 1000 * tolerance,
                   maker.name << " with " << kind.name << ": decay does nothing here");
    }
  }
}

BOOST_AUTO_TEST_CASE(muon_hands_groups_to_adam) {
  const auto matrix = random_parameter("matrix", {3, 4}, 1), vector = random_parameter("vector", {6}, 2);
  const auto twin = random_parameter("vector", {6}, 2);
  Muon muon(groups({matrix.get(), vector.get()},
                   {{"matrices", path("matrix")}, {"rest", everything_else(), {.lr_scale = 0.5, .momentum = 0.9}}}),
            {.adam_groups = {"rest"}, .adam_lr = 0.25, .decay = decoupled_lr(0.5)});
  Adam adam(groups({twin.get()}, {{"all", everything_else()}}), {.lr = 0.125, .decay = decoupled_lr(0.5)});
  for (std::uint64_t step = 0; step < 20; ++step) {
    set_gradient(*matrix, random({3, 4}, 10 + step, -1, 1, DType::f64));
    set_gradient(*vector, random({6}, 90 + step, -1, 1, DType::f64));
    set_gradient(*twin, vector->grad());
    muon.step();
    adam.step();
  }
  BOOST_TEST(close(vector->value(), twin->value(), 1e-14));
}

BOOST_AUTO_TEST_CASE(trust_ratios_leave_biases_alone) {
  const auto run = [](bool trusted, Role role) {
    const auto w = random_parameter("w", {6}, 2, DType::f64, role);
    const Groups table = groups({w.get()}, {{"all", everything_else()}});
    std::unique_ptr<Optimizer> optimizer;
    if (trusted) optimizer = std::make_unique<Lars>(table, LarsOptions{.lr = 0.25, .decay = coupled_l2(0.5)});
    else optimizer = std::make_unique<Sgd>(table, SgdOptions{.lr = 0.25, .momentum = 0.9, .decay = coupled_l2(0.5)});
    for (std::uint64_t step = 0; step < 5; ++step) {
      set_gradient(*w, random({6}, 10 + step, -1, 1, DType::f64));
      optimizer->step();
    }
    return w->value();
  };
  BOOST_TEST(same_bits(run(true, Role::bias), run(false, Role::bias)));
  BOOST_TEST(!close(run(true, Role::weight), run(false, Role::weight), 1e-3));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
