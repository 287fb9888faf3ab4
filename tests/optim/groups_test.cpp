// Selectors, the group table, its errors, and inheritance.
#include "optim/groups.h"

#include <boost/test/unit_test.hpp>

#include "framework/nn/module.h"
#include "tests/optim/toys.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::test::groups_test {
namespace {

struct Dense : Module {
  Dense() = default;
  Parameter weight{*this, "weight", Role::weight, Tensor::full({3, 2}, 1)};
  Parameter bias{*this, "bias", Role::bias, Tensor::zeros({2})};
};

struct Norm : Module {
  Norm() = default;
  Parameter scale{*this, "scale", Role::norm_scale, Tensor::full({2}, 1)};
  Parameter shift{*this, "shift", Role::norm_shift, Tensor::zeros({2})};
};

struct Net : Module {
  Net() {
    register_child("fc1", fc1);
    register_child("bn", bn);
    register_child("fc2", fc2);
  }
  Dense fc1, fc2;
  Norm bn;
};

std::string members(const Groups& table, std::size_t group) {
  std::string out;
  for (const Member& member : table.list()[group].members) out += (out.empty() ? "" : " ") + member.path;
  return out;
}

std::string selected(Net& net, const Selector& selector) {
  return members(
      groups(net, {{"yes", selector, {.may_be_empty = true}}, {"no", everything_else(), {.may_be_empty = true}}}), 0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(group_tables)

BOOST_AUTO_TEST_CASE(selectors) {
  Net net;
  BOOST_TEST(selected(net, weights()) == "fc1.weight fc2.weight");
  BOOST_TEST(selected(net, norms()) == "bn.scale bn.shift");
  BOOST_TEST(selected(net, biases()) == "fc1.bias fc2.bias");
  BOOST_TEST(selected(net, norms() || biases()) == "fc1.bias bn.scale bn.shift fc2.bias");
  BOOST_TEST(selected(net, !(norms() || biases())) == "fc1.weight fc2.weight");
  BOOST_TEST(selected(net, biases() && path("fc2.*")) == "fc2.bias");
  BOOST_TEST(selected(net, role(Role::norm_shift)) == "bn.shift");
  BOOST_TEST(selected(net, path("*.sca?e")) == "bn.scale");
  BOOST_TEST(selected(net, path("fc1")) == "");
  BOOST_TEST(selected(net, path("*")) == "fc1.weight fc1.bias bn.scale bn.shift fc2.weight fc2.bias");
  BOOST_TEST(selected(net, paths({"fc1.bias", "bn.scale"})) == "fc1.bias bn.scale");
  BOOST_TEST(selected(net, module_type("Norm")) == "bn.scale bn.shift");
  BOOST_TEST(selected(net, depth(0, 0)) == "fc1.weight fc1.bias");
  BOOST_TEST(selected(net, depth(-1, -1)) == "fc2.weight fc2.bias");
  BOOST_TEST(selected(net, only(net.bn.scale)) == "bn.scale");
  BOOST_TEST(selected(net, scalars() || embeddings()) == "");
  BOOST_TEST((norms() || biases()).text() == "norms() || biases()");
  BOOST_TEST((!(norms() || biases()) && path("a*")).text() == "(!(norms() || biases())) && path(\"a*\")");
}

BOOST_AUTO_TEST_CASE(first_match_wins) {
  Net net;
  const Groups table = groups(net, {{"no decay", norms() || biases(), {.decay = no_decay()}},
                                    {"head", path("fc2.*"), {.lr_scale = 10}},
                                    {"decayed", everything_else(), {.decay = decoupled_lr(5e-4)}}});
  BOOST_TEST(members(table, 0) == "fc1.bias bn.scale bn.shift fc2.bias");
  BOOST_TEST(members(table, 1) == "fc2.weight");
  BOOST_TEST(members(table, 2) == "fc1.weight");
}

BOOST_AUTO_TEST_CASE(policies_in_a_word) {
  Net net;
  BOOST_TEST(members(decay_everything(net, decoupled_lr(1e-2)), 0) ==
             "fc1.weight fc1.bias bn.scale bn.shift fc2.weight fc2.bias");
  const Groups weights_only = decay_weights_only(net, decoupled_lr(1e-2));
  BOOST_TEST(members(weights_only, 0) == "fc1.bias bn.scale bn.shift fc2.bias");
  BOOST_TEST(members(weights_only, 1) == "fc1.weight fc2.weight");
  // The effect, not the setter: a zero gradient shrinks exactly the second group.
  Sgd optimizer(weights_only, {.lr = 0.5});
  net.bn.scale.value() = Tensor::full({2}, 1);
  for (Parameter* p : net.parameters()) zero_gradient(*p);
  optimizer.step();
  BOOST_TEST(same_bits(net.bn.scale.value(), Tensor::full({2}, 1)));
  BOOST_TEST(close(net.fc1.weight.value(), Tensor::full({3, 2}, 0.995), 1e-7));
}

BOOST_AUTO_TEST_CASE(layerwise_rates) {
  Net net;
  const Groups table = layerwise_lr(decay_weights_only(net, decoupled_lr(1e-2)), 0.5);
  std::string scales;
  for (const Group& group : table.list())
    scales += text(group.name, '=', group.options.lr_scale, ' ', members(Groups({group}), 0), "; ");
  BOOST_TEST(scales ==
             "no decay, layer 0=0.25 fc1.bias; no decay, layer 1=0.5 bn.scale bn.shift; no decay, layer 2=1 fc2.bias; "
             "decayed, layer 0=0.25 fc1.weight; decayed, layer 2=1 fc2.weight; ");
}

BOOST_AUTO_TEST_CASE(unset_inherits) {
  Net net;
  const Groups table = groups(
      net, {{"own", norms(), {.decay = no_decay(), .lr_scale = 0.1, .momentum = 0.5, .schedule = exponential(0.5)}},
            {"inherited", everything_else()}});
  Sgd optimizer(table, {.lr = 0.4, .momentum = 0.9, .schedule = constant(), .decay = coupled_l2(0.1)});
  BOOST_TEST(optimizer.decay(0).name == "none");
  BOOST_TEST(optimizer.decay(1).text() == "coupled_l2 0.1");
  BOOST_TEST(std::abs(optimizer.lr(0) - 0.04) < 1e-15);
  BOOST_TEST(optimizer.context(0).momentum == 0.5);
  BOOST_TEST(optimizer.context(1).momentum == 0.9);
  for (Parameter* p : net.parameters()) zero_gradient(*p);
  optimizer.step();
  BOOST_TEST(std::abs(optimizer.lr(0) - 0.02) < 1e-15);
  BOOST_TEST(optimizer.lr(1) == 0.4);
}

BOOST_AUTO_TEST_CASE(errors_name_the_culprit) {
  Net net;
  BOOST_TEST(fails_with({"no group takes", "fc1.weight", "fc2.bias", "everything_else()"}, [&] {
    groups(net, {{"norms", norms()}});
  }));
  BOOST_TEST(fails_with({"\"embeddings\"", "takes no parameter", "may_be_empty"}, [&] {
    groups(net, {{"embeddings", embeddings()}, {"rest", everything_else()}});
  }));
  BOOST_TEST(fails_with({"two groups named \"a\""}, [&] { groups(net, {{"a", norms()}, {"a", everything_else()}}); }));
  BOOST_TEST(fails_with({"empty table"}, [&] { groups(net, {}); }));
  BOOST_TEST(fails_with({"lambda", "-0.1", ">= 0"}, [] { decoupled_lr(-0.1); }));
  BOOST_TEST(fails_with({"lambda", "nan"}, [] { coupled_l2(std::nan("")); }));
  BOOST_TEST(fails_with({"lr_scale", "\"a\""}, [&] { groups(net, {{"a", everything_else(), {.lr_scale = -1}}}); }));
  BOOST_TEST(fails_with({"lr = nan"}, [&] { Sgd(net, {.lr = std::nan("")}); }));
  BOOST_TEST(fails_with({"momentum = 1"}, [&] { Sgd(net, {.momentum = 1}); }));
  BOOST_TEST(fails_with({"nesterov"}, [&] { Sgd(net, {.nesterov = true}); }));
  BOOST_TEST(fails_with({"beta2 = 1"}, [&] { Adam(net, {.beta2 = 1}); }));
  BOOST_TEST(fails_with({"sgdw", "\"all\""}, [&] { SgdW(net, {.lr = 0.1}); }));
  BOOST_TEST(fails_with({"momentum set in group \"a\""}, [&] {
    Adagrad(groups(net, {{"a", everything_else(), {.momentum = 0.5}}}));
  }));
  BOOST_TEST(fails_with({"fc1.bias", "adam_groups"}, [&] { Muon(net, {}); }));
  BOOST_TEST(fails_with({"\"head\" in adam_groups"}, [&] { Muon(net, {.adam_groups = {"head"}}); }));
  const auto a = parameter("w", {1}), b = parameter("w", {1});
  BOOST_TEST(fails_with({"two parameters named w"}, [&] { groups({a.get(), b.get()}, {{"all", everything_else()}}); }));
  BOOST_TEST(fails_with({"normalized_lambda"}, [] { normalized_lambda(0.1, 0, 100, 1); }));
}

BOOST_AUTO_TEST_CASE(a_bad_step_changes_nothing) {
  const auto w = parameter("w", {1, 2});
  const Schedule bad("bad", [](std::int64_t step) { return step < 2 ? 1 : std::nan(""); });
  Sgd optimizer(groups({w.get()}, {{"mine", everything_else()}}), {.lr = 0.1, .momentum = 0.9, .schedule = bad});
  for (int step = 0; step < 2; ++step) {
    set_gradient(*w, {1, 1});
    optimizer.step();
  }
  const Tensor before = w->value().clone(), buffer = optimizer.state("w", "momentum").clone();
  BOOST_TEST(fails_with({"lr = nan", "step 2", "\"mine\""}, [&] { optimizer.step(); }));
  BOOST_TEST(same_bits(w->value(), before));
  BOOST_TEST(same_bits(optimizer.state("w", "momentum"), buffer));
  BOOST_TEST(optimizer.steps() == 2);
}

BOOST_AUTO_TEST_CASE(the_table_prints) {
  Net net;
  const Groups table =
      groups(net, {{"no decay", norms() || biases(), {.decay = no_decay()}}, {"decayed", everything_else()}});
  BOOST_TEST(table.text() ==
             "\"no decay\" norms() || biases(): none: fc1.bias bn.scale bn.shift fc2.bias\n"
             "\"decayed\" everything_else(): inherited decay: fc1.weight fc2.weight\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test::groups_test
