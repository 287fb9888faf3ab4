// The audit as a whole: rows, problems, selectors, and a model that is as it was afterwards.
#include "lab/audit/audit.h"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "framework/compute/basic.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"
#include "lab/audit/predict.h"
#include "optim/adam.h"
#include "optim/channels.h"
#include "optim/sgd.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::same_bits;

struct Small {
  Small() {
    net.add<Conv2d>("conv", {.in = 2, .out = 4, .bias = true});
    net.add<BatchNorm2d>("bn", {.channels = 4});
    net.add<ReLU>("relu");
    net.add<Dropout>("drop", {.p = 0.25});
    net.add<GlobalAvgPool2d>("pool");
    net.add<Linear>("fc", {.in = 4, .out = 3});
    fill_normal(images, Rng(2), 0, 1);
  }
  Sequential net{Rng(1)};
  Tensor images{{6, 5, 5, 2}, DType::f32};
  Tensor labels = Tensor::from<std::int64_t>({0, 1, 2, 1, 0, 2}, {6});
};

bool has(const std::vector<std::string>& sentences, const std::string& part) {
  for (const std::string& s : sentences)
    if (s.find(part) != std::string::npos) return true;
  return false;
}

BOOST_AUTO_TEST_SUITE(audits)

BOOST_AUTO_TEST_CASE(leave_the_model_as_it_was) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    BOOST_TEST_CONTEXT("a model of " << dtype) {
      Small small;
      small.net.to(dtype);
      small.net.named_modules()[1].module->eval();  // the convolution's mode, set by hand
      const Tensor gradient = Tensor::full({4}, 3, dtype);
      Parameter& bias = *small.net.named_parameters()[1].parameter;
      bias.accumulate(gradient.clone());
      const State before = small.net.state();
      const Tensor handle = bias.value();
      audit(small.net, small.images, small.labels);
      const State after = small.net.state();
      for (const auto& [path, tensor] : before) BOOST_TEST(same_bits(tensor, after.at(path)), path);
      BOOST_TEST(bias.value().shares(handle));
      BOOST_TEST(same_bits(bias.grad(), gradient));
      BOOST_TEST(!small.net.named_parameters()[0].parameter->grad().defined());
      BOOST_TEST(!small.net.named_modules()[1].module->training());
      BOOST_TEST(small.net.training());
    }
  }
}

BOOST_AUTO_TEST_CASE(predict_from_the_gradient_of_their_pass) {
  Small small;
  const Sgd optimizer(small.net, {.lr = 0.1, .momentum = 0.9, .decay = coupled_l2(0.01)});
  const Audit found = audit(small.net, small.images, small.labels, &optimizer, {.steps_per_epoch = 50});
  const AuditRow& row = found.rows[0];
  BOOST_TEST(row.path == "conv.weight");
  BOOST_TEST(row.decay == "coupled_l2 0.01");
  BOOST_TEST(std::abs(row.shrink - 0.1 * 0.01 * 10) < 1e-12);  // 1 / (1 - mu) of it in the long run
  BOOST_TEST(std::abs(row.timescale_epochs - 2) < 1e-9);
  const Tensor& w = small.net.named_parameters()[0].parameter->value();
  BOOST_TEST(std::abs(row.norm * row.norm * 4 - sum_squares(w)) < 1e-6);
  BOOST_TEST(std::abs(row.effective_lr - 0.1 / (row.norm * row.norm)) < 1e-9);
  const Equilibrium rest =
      equilibrium(optimizer.update_model(), optimizer.terms(), 0.1, row.gradient_at_unit_norm, 18).value();
  BOOST_TEST(std::abs(row.predicted_angle * 3.14159265358979 / 180 - rest.angle) < 1e-9);
  BOOST_TEST(row.predicted_norm > 0.5 * rest.norm);
  BOOST_TEST(row.predicted_norm < 1.01 * rest.norm);     // a mean over channels of a concave function
  BOOST_TEST(std::isnan(found.rows[4].predicted_norm));  // the head has none
  BOOST_TEST(has(found.warnings, "conv.bias is decayed, but the norm behind it removes it"));
  BOOST_TEST(found.problems.empty(), found.text());
}

// A rise from 0 and a fall to 0: nothing of the first step is that of the run.
BOOST_AUTO_TEST_CASE(speak_of_the_schedules_peak_and_of_the_whole_run) {
  constexpr std::int64_t steps = 40;
  const Schedule rise_and_fall = warmup(10, cosine(30));
  Small small;
  const auto rows = [&](const Optimizer& optimizer) {
    return audit(small.net, small.images, small.labels, &optimizer,
                 {.steps_per_epoch = 5, .steps = steps, .probe = false})
        .rows;
  };
  const auto of_sgd = [&](const Schedule& schedule, const Decay& decay) {
    return rows(Sgd(small.net, {.lr = 0.1, .momentum = 0.9, .schedule = schedule, .decay = decay}));
  };
  const auto of_adam = [&](const Schedule& schedule) {
    return rows(Adam(small.net, {.lr = 0.1, .schedule = schedule, .decay = coupled_l2(0.01)}));
  };
  const auto require_same = [](const AuditRow& a, const AuditRow& b) {
    for (const auto number : {&AuditRow::lr, &AuditRow::predicted_norm, &AuditRow::predicted_angle,
                              &AuditRow::doubled_norm, &AuditRow::doubled_angle, &AuditRow::effective_lr})
      BOOST_TEST((a.*number > 0 && a.*number == b.*number));
  };
  const AuditRow risen = of_sgd(rise_and_fall, decoupled_lr(0.5))[0], flat = of_sgd(constant(), decoupled_lr(0.5))[0];
  require_same(risen, flat);
  BOOST_TEST(risen.decayed);
  BOOST_TEST(risen.lr == 0.1);
  BOOST_TEST(std::abs(risen.shrink - 0.05) < 1e-15);
  BOOST_TEST(std::abs(risen.timescale_epochs - 4) < 1e-12);
  double left = 1;
  for (std::int64_t step = 0; step < steps; ++step) left *= 1 - 0.05 * rise_and_fall(step);
  BOOST_TEST(std::abs(risen.left - left) < 1e-12);
  BOOST_TEST(std::abs(flat.left - std::pow(0.95, steps)) < 1e-12);
  BOOST_TEST(flat.left < 0.8 * left);
  // What is predicted for twice the lambda is what is predicted there.
  const AuditRow twice = of_sgd(rise_and_fall, decoupled_lr(1.0))[0];
  BOOST_TEST(std::abs(risen.doubled_norm / twice.predicted_norm - 1) < 1e-12);
  BOOST_TEST(std::abs(risen.doubled_angle / twice.predicted_angle - 1) < 1e-12);
  BOOST_TEST(risen.doubled_norm < 0.9 * risen.predicted_norm);
  // Gradients decide how much Adam takes by coupled decay, and yet the equilibrium is known.
  const AuditRow adam = of_adam(rise_and_fall)[0];
  require_same(adam, of_adam(constant())[0]);
  BOOST_TEST(adam.decayed);
  BOOST_TEST(std::isnan(adam.shrink));
  BOOST_TEST(std::isnan(adam.left));
}

BOOST_AUTO_TEST_CASE(predict_nothing_where_decay_pulls_elsewhere_or_waits_for_gradients) {
  Small small;
  const auto row_of = [&](const Decay& decay) {
    const Adam optimizer(small.net, {.lr = 0.1, .decay = decay});
    return audit(small.net, small.images, small.labels, &optimizer, {.probe = false}).rows[0];
  };
  BOOST_TEST(std::isfinite(row_of(decoupled_lr(0.1)).predicted_norm));
  for (const Decay& decay : {toward_start(decoupled_lr(0.1)), stable(0.1), Decay{}}) {
    const AuditRow row = row_of(decay);
    BOOST_TEST(std::isnan(row.predicted_norm), decay.text());
    BOOST_TEST(std::isnan(row.doubled_angle), decay.text());
    BOOST_TEST(row.effective_lr > 0, decay.text());
    BOOST_TEST(row.decayed == (decay.rule != nullptr), decay.text());
  }
}

BOOST_AUTO_TEST_CASE(name_what_is_in_no_group_and_groups_without_parameters) {
  Small small;
  std::vector<Group> table =
      groups(small.net, {{"none", path("nothing"), {.may_be_empty = true}}, {"rest", everything_else()}}).list();
  table[1].members.pop_back();  // the bias of the head
  const Sgd optimizer(Groups(table), {.lr = 1e-5, .decay = decoupled_lr(1e-4)});
  const Audit found = audit(small.net, small.images, small.labels, &optimizer);
  BOOST_TEST(has(found.problems, "fc.bias is in no group of the optimizer"));
  BOOST_TEST(has(found.problems, "group \"none\" (path(\"nothing\")) takes no parameter"));
  BOOST_TEST(has(found.problems, "conv.weight shrinks by 1e-09 a step, which rounds to nothing in f32"));
}

// 3e-7 x 0.0003 is 8.999999999999999e-11.
BOOST_AUTO_TEST_CASE(say_numbers_as_people_do_and_keep_them_whole_in_json) {
  Small small;
  const Sgd optimizer(small.net, {.lr = 3e-7, .decay = decoupled_lr(3e-4)});
  const Audit found = audit(small.net, small.images, small.labels, &optimizer);
  BOOST_TEST(has(found.problems, "conv.weight shrinks by 9e-11 a step, which rounds to nothing in f32"));
  BOOST_TEST(nlohmann::json::parse(found.json())["parameters"][0]["shrink"].get<double>() == 3e-7 * 3e-4);
  const std::string words = found.text();
  std::size_t longest = 0, digits = 0;
  for (const char c : words) digits = c >= '0' && c <= '9' ? digits + 1 : 0, longest = std::max(longest, digits);
  BOOST_TEST(longest <= 8u, words);
}

BOOST_AUTO_TEST_CASE(give_selectors) {
  Small small;
  const Audit found = audit(small.net, small.images, small.labels, nullptr, {.probe = false});
  const Groups table = groups(small.net, {{"turns", found.select(Position::feeds_norm)},
                                          {"void", found.select(Position::cancelled)},
                                          {"rest", everything_else()}});
  BOOST_REQUIRE(table.list()[0].members.size() == 1u);
  BOOST_TEST(table.list()[0].members[0].path == "conv.weight");
  BOOST_TEST(table.list()[0].selector == "feeds_norm()");
  BOOST_TEST(table.list()[1].members[0].path == "conv.bias");
  BOOST_TEST((found.select(Position::head) && biases()).text() == "head() && biases()");
}

BOOST_AUTO_TEST_CASE(are_text_and_json) {
  Small small;
  const Audit found = audit(small.net, small.images, small.labels);
  const std::string words = found.text();
  BOOST_TEST(words.find("conv.weight  weight      feeds_norm  channel") != std::string::npos, words);
  BOOST_TEST(words.find("  scale    confirmed  conv.weight x c, by channel (4)\n") != std::string::npos, words);
  const nlohmann::json all = nlohmann::json::parse(found.json());
  BOOST_TEST(all["parameters"].size() == 6u);
  BOOST_TEST(all["parameters"][0]["position"] == "feeds_norm");
  BOOST_TEST(all["parameters"][0]["predicted_norm"].is_null());
  BOOST_TEST(all["symmetries"][0]["confirmed"] == true);
  BOOST_TEST(all["problems"].empty(), words);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
