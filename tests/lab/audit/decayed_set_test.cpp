// What the audit calls decayed is what a step without gradients shrinks, whatever the group table.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/compute/basic.h"
#include "lab/audit/audit.h"
#include "models/registry.h"
#include "optim/adam.h"
#include "optim/lion.h"
#include "optim/sgd.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

constexpr double lr = 0.01, lambda = 0.05;

// A decay of its own for each group, by chance.
Decay drawn_decay(const Rng& rng, std::uint64_t number) {
  switch (rng.at("decay").below(14, number)) {
    case 0: return coupled_l2(lambda);
    case 1: return decoupled_lr(lambda);
    case 2: return decoupled_schedule(lambda);
    case 3: return decoupled_constant(lambda);
    case 4: return corrected(lambda);
    case 5: return cautious(lambda);
    case 6: return update_l2(lambda);
    case 7: return proximal_l2(lambda);
    case 8: return proximal_l1(lambda);
    default: return no_decay();
  }
}

Selector drawn_selector(const Rng& rng, std::uint64_t number, const Audit& found) {
  const std::vector<Selector> some{norms(),
                                   biases(),
                                   weights(),
                                   path("*.scale"),
                                   path("blocks.1.*"),
                                   module_type("Linear"),
                                   depth(0, 3),
                                   found.select(Position::feeds_norm),
                                   found.select(Position::joint_gain),
                                   found.select(Position::residual_gain),
                                   found.select(Position::head)};
  const auto one = [&](const char* stream) {
    const Selector& selector = some[rng.at(stream).below(some.size(), number)];
    return rng.at(stream).at("not").below(3, number) == 0 ? !selector : selector;
  };
  switch (rng.at("how").below(3, number)) {
    case 0: return one("first");
    case 1: return one("first") && one("second");
    default: return one("first") || one("second");
  }
}

std::unique_ptr<Optimizer> drawn_optimizer(const Rng& rng, const Groups& table) {
  switch (rng.at("optimizer").below(4, 0)) {
    case 0: return std::make_unique<Sgd>(table, SgdOptions{.lr = lr});
    case 1: return std::make_unique<Sgd>(table, SgdOptions{.lr = lr, .momentum = 0.9, .nesterov = true});
    case 2: return std::make_unique<AdamW>(table, AdamOptions{.lr = lr});
    default: return std::make_unique<Lion>(table, LionOptions{.lr = lr});
  }
}

BOOST_AUTO_TEST_SUITE(decayed_parameters)

BOOST_AUTO_TEST_CASE(are_those_that_a_step_without_gradients_shrinks) {
  const std::unique_ptr<Layer> net = make_model("resnet-8", {.image = {32, 32, 3}, .classes = 4}, Rng(1));
  Tensor x({4, 32, 32, 3}, DType::f32);
  fill_normal(x, Rng(2), 0, 1);
  const Tensor labels = Tensor::from<std::int64_t>({0, 1, 2, 3}, {4});
  const Audit positions = audit(*net, x, labels, nullptr, {.probe = false});
  int decayed = 0, others = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Rng rng(seed);
    std::vector<GroupRule> rules;
    for (std::uint64_t g = 0; g < 2 + rng.at("groups").below(3, 0); ++g)
      rules.push_back(
          {text("group ", g), drawn_selector(rng, g, positions), {.decay = drawn_decay(rng, g), .may_be_empty = true}});
    rules.push_back({"rest", everything_else(), {.decay = drawn_decay(rng, 100), .may_be_empty = true}});
    const auto optimizer = drawn_optimizer(rng, groups(*net, rules));
    for (const ParameterState& p : optimizer->parameters())
      fill(p.parameter->value(), rng.at("value").below(2, p.group) == 0 ? 1.5 : -1.25);
    const Audit found = audit(*net, x, labels, optimizer.get(), {.probe = false});

    std::vector<Tensor> before;
    for (const NamedParameter& p : net->named_parameters()) {
      before.push_back(p.parameter->value().clone());
      p.parameter->zero_grad();
      p.parameter->accumulate(Tensor::zeros(p.parameter->shape()));
    }
    optimizer->step();
    const std::vector<NamedParameter> after = net->named_parameters();
    for (std::size_t i = 0; i < after.size(); ++i) {
      const AuditRow& row = found.rows[i];
      const double was = std::sqrt(sum_squares(before[i])), is = std::sqrt(sum_squares(after[i].parameter->value()));
      BOOST_TEST_INFO("seed " << seed << ", " << optimizer->name() << ": " << row.path << " in " << row.group << ": "
                              << row.decay << ", from " << was << " to " << is);
      if (row.decayed) BOOST_TEST(is < was * (1 - 1e-5));
      else BOOST_TEST(test::same_bits(before[i], after[i].parameter->value()));
      const bool beside = row.decay.starts_with("decoupled") || row.decay.starts_with("corrected");
      if (beside) BOOST_TEST(std::abs((was - is) / was - row.shrink) < 1e-6);
      ++(row.decayed ? decayed : others);
    }
  }
  BOOST_TEST(decayed > 200);
  BOOST_TEST(others > 200);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
