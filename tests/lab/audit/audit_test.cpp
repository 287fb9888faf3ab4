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
#include "lab/diagnose/predict.h"
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
  Small small;
  small.net.named_modules()[1].module->eval();  // the convolution's mode, set by hand
  const Tensor gradient = Tensor::full({4}, 3);
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
