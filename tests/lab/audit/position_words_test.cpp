// Positions as words of a recipe's selectors.
#include <boost/test/unit_test.hpp>

#include "framework/compute/basic.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"
#include "lab/setup/build.h"
#include "tests/support/errors.h"

namespace ebb::position_words_test {
namespace {

using test::message_of;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Small {
  Small() {
    net.add<Conv2d>("conv", {.in = 2, .out = 4, .bias = true});
    net.add<BatchNorm2d>("bn", {.channels = 4});
    net.add<ReLU>("relu");
    net.add<GlobalAvgPool2d>("pool");
    net.add<Linear>("fc", {.in = 4, .out = 3});
    fill_normal(images, Rng(2), 0, 1);
  }

  Audit record() {
    ++passes;
    return audit(net, images, Tensor::from<std::int64_t>({0, 1, 2, 1}, {4}), nullptr, {.probe = false});
  }

  // The optimizer of a recipe with these groups, name and selector.
  std::unique_ptr<Optimizer> made(const std::vector<GroupRecipe>& groups, bool with_data = true) {
    Recipe recipe;
    recipe.decay_on = "groups";
    recipe.groups = groups;
    return make_optimizer(recipe, net, 10, with_data ? Recorded([this] { return record(); }) : Recorded());
  }

  Sequential net{Rng(1)};
  Tensor images{{4, 5, 5, 2}, DType::f32};
  int passes = 0;
};

std::string members(const Optimizer& optimizer, std::size_t group) {
  std::string out;
  for (const Member& m : optimizer.groups()[group].members) out += (out.empty() ? "" : ", ") + m.path;
  return out;
}

BOOST_FIXTURE_TEST_SUITE(positions_in_recipes, Small)

BOOST_AUTO_TEST_CASE(adam_c_is_two_lines) {
  const auto optimizer =
      made({{.name = "turns", .select = "feeds_norm()", .own = {{"decay", "corrected"}}}, {.name = "rest"}});
  BOOST_TEST(members(*optimizer, 0) == "conv.weight");
  BOOST_TEST(members(*optimizer, 1) == "conv.bias, bn.scale, bn.shift, fc.weight, fc.bias");
  BOOST_TEST(has(optimizer->decay(0).text(), "corrected"), optimizer->decay(0).text());
  BOOST_TEST(!has(optimizer->decay(1).text(), "corrected"), optimizer->decay(1).text());
}

BOOST_AUTO_TEST_CASE(combine_with_the_other_words_and_are_printed_as_written) {
  const std::string written = "(head() || cancelled()) && !biases() || feeds_norm() && path(\"conv*\")";
  const auto optimizer = made({{.name = "some", .select = written}, {.name = "rest"}});
  BOOST_TEST(optimizer->groups()[0].selector == written);
  BOOST_TEST(members(*optimizer, 0) == "conv.weight, fc.weight");
  const auto bias = made({{.name = "void", .select = "!(feeds_norm() || head()) && cancelled()"}, {.name = "rest"}});
  BOOST_TEST(members(*bias, 0) == "conv.bias");
}

BOOST_AUTO_TEST_CASE(every_position_selects_as_the_audit_does) {
  const Audit found = record();
  for (int p = 0; p < positions; ++p) {
    const auto position = static_cast<Position>(p);
    const auto optimizer = made({{.name = "there", .select = text(name(position), "()"), .may_be_empty = true},
                                 {.name = "rest", .may_be_empty = true}});
    const Groups own = groups(net, {{"there", found.select(position), {.may_be_empty = true}},
                                    {"rest", everything_else(), {.may_be_empty = true}}});
    BOOST_TEST(optimizer->groups()[0].selector == own.list()[0].selector);
    BOOST_REQUIRE(optimizer->groups()[0].members.size() == own.list()[0].members.size());
    for (std::size_t m = 0; m < own.list()[0].members.size(); ++m)
      BOOST_TEST(optimizer->groups()[0].members[m].path == own.list()[0].members[m].path);
  }
}

BOOST_AUTO_TEST_CASE(stand_in_the_state_as_lists_of_paths_that_a_resumed_run_finds_again) {
  const std::vector<GroupRecipe> table{{.name = "turns", .select = "feeds_norm() || head()"}, {.name = "rest"}};
  const OptimizerState saved = made(table)->save_state();
  BOOST_TEST(saved.metadata.at("group/0/selector") == "feeds_norm() || head()");
  for (const char* const path : {"conv.weight", "fc.weight", "fc.bias"})
    BOOST_TEST(has(saved.metadata.at("group/0/members"), path), saved.metadata.at("group/0/members"));
  BOOST_TEST(!has(saved.metadata.at("group/0/members"), "bn."));
  for (const NamedParameter& p : net.named_parameters())  // a resumed run has other numbers
    fill_normal(p.parameter->value(), Rng(7), 0, 1);
  const auto resumed = made(table);
  BOOST_TEST(resumed->load_state(saved).changed.empty());
  BOOST_TEST(resumed->save_state().metadata.at("group/0/members") == saved.metadata.at("group/0/members"));
}

BOOST_AUTO_TEST_CASE(where_no_parameter_stands_are_errors_that_name_them) {
  for (const char* const select : {"joint_gain()", "weights() || joint_gain()", "!joint_gain()"}) {
    const std::string message = message_of([&] { made({{.name = "gains", .select = select}, {.name = "rest"}}); });
    for (const char* const part : {"\"gains\"", "joint_gain()", "no parameter", "feeds_norm(), cancelled(), head()"})
      BOOST_TEST(has(message, part), message);
  }
  const auto allowed = made({{.name = "gains", .select = "joint_gain()", .may_be_empty = true}, {.name = "rest"}});
  BOOST_TEST(members(*allowed, 0).empty());
}

BOOST_AUTO_TEST_CASE(ask_for_one_pass_and_none_without_them) {
  made({{.name = "all"}});
  BOOST_TEST(passes == 0);
  made({{.name = "a", .select = "feeds_norm()"}, {.name = "b", .select = "head() || cancelled()"}, {.name = "rest"}});
  BOOST_TEST(passes == 1);
}

BOOST_AUTO_TEST_CASE(need_data_and_are_suggested) {
  const std::vector<GroupRecipe> table{{.name = "turns", .select = "feeds_norm()"}, {.name = "rest"}};
  BOOST_TEST(has(message_of([&] { made(table, false); }), "feeds_norm() without data"));
  const std::string message = message_of([&] { made({{.name = "turns", .select = "feed_norm()"}, {.name = "rest"}}); });
  BOOST_TEST(has(message, "did you mean \"feeds_norm\"?"), message);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::position_words_test
