#include "framework/nn/module.h"

#include <algorithm>
#include <set>

#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/embedding.h"
#include "framework/nn/eval_mode.h"
#include "framework/nn/layer_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/matmul.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "tests/support/tensors.h"

namespace ebb::module_test {
namespace {

class Block : public Layer {
 public:
  explicit Block(const Rng& rng)
      : conv1(*this, "conv1", {.in = 4, .out = 4}, rng), bn1(*this, "bn1", {.channels = 4}) {}
  Var forward(const Var& x) override { return bn1(conv1(x)); }

  Child<Conv2d> conv1;
  Child<BatchNorm2d> bn1;
  Parameter gate{*this, "gate", Role::scalar, Tensor::scalar(1)};
};

class Net : public Layer {
 public:
  explicit Net(const Rng& rng)
      : body(*this, "layer1", rng), drop(*this, "drop", {.p = 0.5}, rng), fc(*this, "fc", {.in = 4, .out = 3}, rng) {
    body->add<Block>("0");
    body->add<Block>("1");
  }
  Var forward(const Var& x) override { return fc(drop(body(x))); }

  Child<Sequential> body;
  Child<Dropout> drop;
  Child<Linear> fc;
};

// Decoder and embedding share one table.
class Tongue : public Layer {
 public:
  explicit Tongue(const Rng& rng) : table(*this, "table", {.rows = 5, .width = 3}, rng) {
    tie("decoder", table->weight);
  }
  Var forward(const Var& x) override { return matmul(table(x), transpose(table->weight)); }

  Child<Embedding> table;
};

template <class List>
std::string joined(const List& list) {
  std::string out;
  for (const auto& entry : list) out += entry.path + ' ';
  return out;
}

class Bare : public Layer {
 public:
  Var forward(const Var& x) override { return x; }
  using Module::register_child;
  using Module::tie;
};

BOOST_AUTO_TEST_SUITE(modules)

BOOST_AUTO_TEST_CASE(paths_in_the_order_of_declaration) {
  Sequential net{Rng(1)};
  net.add<Block>("first");
  net.add<Linear>({.in = 4, .out = 2});
  BOOST_TEST(joined(net.named_parameters()) ==
             "first.gate first.conv1.weight first.conv1.bias first.bn1.scale first.bn1.shift 1.weight 1.bias ");
  BOOST_TEST(joined(net.named_buffers()) == "first.bn1.running_mean first.bn1.running_variance first.bn1.batches ");
  BOOST_TEST(joined(net.named_modules()) == " first first.conv1 first.bn1 1 ");
  BOOST_TEST(net.parameter_count() == 1 + 3 * 3 * 4 * 4 + 4 + 4 + 4 + 8 + 2);
}

BOOST_AUTO_TEST_CASE(types_roles_and_declaring_modules) {
  Net net{Rng(1)};
  BOOST_TEST(net.type() == "Net");
  BOOST_TEST(net.body->type() == "Sequential");
  BOOST_TEST(net.fc->type() == "Linear");
  std::map<std::string, std::string> facts;
  for (const NamedParameter& p : net.named_parameters())
    facts[p.path] = text(p.module->type(), ' ', name(p.parameter->role()));
  BOOST_TEST(facts["layer1.0.gate"] == "Block scalar");
  BOOST_TEST(facts["layer1.0.conv1.weight"] == "Conv2d weight");
  BOOST_TEST(facts["layer1.1.conv1.bias"] == "Conv2d bias");
  BOOST_TEST(facts["layer1.1.bn1.scale"] == "BatchNorm2d norm_scale");
  BOOST_TEST(facts["layer1.1.bn1.shift"] == "BatchNorm2d norm_shift");
  BOOST_TEST(facts["fc.weight"] == "Linear weight");
  Tongue tongue{Rng(1)};
  BOOST_TEST(name(tongue.parameters().front()->role()) == std::string("embedding"));
}

BOOST_AUTO_TEST_CASE(registration_errors_name_what_is_wrong) {
  Bare bare;
  Bare other;
  Bare third;
  const Parameter first(bare, "w", Role::weight, Tensor::zeros({1}));
  using test::error_of;
  BOOST_TEST(error_of([&] { Parameter p(bare, "w", Role::weight, Tensor::zeros({1})); }).find("\"w\" twice") !=
             std::string::npos);
  BOOST_TEST(error_of([&] { Buffer b(bare, "w", Tensor::zeros({1})); }).find("\"w\" twice") != std::string::npos);
  BOOST_TEST(error_of([&] { bare.register_child("w", other); }).find("\"w\" twice") != std::string::npos);
  BOOST_TEST(error_of([&] { bare.register_child("a.b", other); }).find("without dots") != std::string::npos);
  BOOST_TEST(error_of([&] { bare.register_child("", other); }).find("empty name") != std::string::npos);
  BOOST_TEST(error_of([&] { Buffer b(bare, "b", Tensor()); }).find("[buffer]") != std::string::npos);
  BOOST_TEST(error_of([&] { bare.register_child("self", bare); }).find("contains this module") != std::string::npos);
  bare.register_child("other", other);
  other.register_child("third", third);
  BOOST_TEST(error_of([&] { third.register_child("loop", bare); }).find("contains this module") != std::string::npos);
  BOOST_TEST(joined(bare.named_modules()) == " other other.third ");
}

BOOST_AUTO_TEST_CASE(tied_parameters_count_once_and_add_their_gradients) {
  Tongue net{Rng(3)};
  BOOST_TEST(joined(net.named_parameters()) == "decoder ");
  BOOST_TEST(net.named_parameters().front().module == &*net.table);
  BOOST_TEST(joined(net.named_parameters(Tied::every_path)) == "decoder table.weight ");
  BOOST_TEST(net.parameter_count() == 15);
  net.to(DType::f64);
  const Tensor indices = Tensor::from<std::int64_t>({1, 4}, {2});
  {
    Tape tape;
    tape.backward(sum(net(indices)));
  }
  // d/dT sum(T[i] T^t): every row gets the sum of the looked-up rows, rows 1 and 4 the sum of all rows as well.
  const std::vector<double> t = test::values(net.table->weight.value());
  Tensor want = Tensor::zeros({5, 3}, DType::f64);
  for (std::size_t row = 0; row < 5; ++row)
    for (std::size_t k = 0; k < 3; ++k) {
      double g = t[3 + k] + t[12 + k];
      if (row == 1 || row == 4)
        for (std::size_t r = 0; r < 5; ++r) g += t[3 * r + k];
      want.mutable_data<double>()[3 * row + k] = g;
    }
  BOOST_TEST(test::close(net.table->weight.grad(), want, 1e-14));
  // One path is enough to load it, both are no surplus.
  State state = net.state();
  BOOST_TEST(state.size() == 1u);
  state["table.weight"] = Tensor::full({5, 3}, 2, DType::f64);
  BOOST_TEST(net.load_state(state).exact());
  state.erase("decoder");
  BOOST_TEST(net.load_state(state).exact());
  BOOST_TEST(net.table->weight.value().at({4, 2}) == 2);
}

BOOST_AUTO_TEST_CASE(a_module_in_two_places_is_listed_once) {
  Bare root;
  Bare shared;
  const Parameter w(shared, "w", Role::weight, Tensor::zeros({4}));
  const Buffer b(shared, "b", Tensor::zeros({1}));
  root.register_child("left", shared);
  root.register_child("right", shared);
  BOOST_TEST(joined(root.named_modules()) == " left ");
  BOOST_TEST(joined(root.named_parameters()) == "left.w ");
  BOOST_TEST(joined(root.named_parameters(Tied::every_path)) == "left.w right.w ");
  BOOST_TEST(joined(root.named_buffers()) == "left.b ");
}

BOOST_AUTO_TEST_CASE(modes_reach_everything) {
  Net net{Rng(1)};
  BOOST_TEST(net.drop->training());
  net.eval();
  for (const NamedModule& m : net.named_modules()) BOOST_TEST(!m.module->training());
  net.train();
  for (const NamedModule& m : net.named_modules()) BOOST_TEST(m.module->training());
}

BOOST_AUTO_TEST_CASE(eval_mode_for_a_while_gives_each_module_its_own_mode_back) {
  Net net{Rng(1)};
  net.drop->eval();
  const auto modes = [&] {
    std::vector<bool> out;
    for (const NamedModule& m : net.named_modules()) out.push_back(m.module->training());
    return out;
  };
  const std::vector<bool> before = modes();
  BOOST_TEST(std::ranges::count(before, false) == 1);
  try {
    const EvalMode mode(net);
    BOOST_TEST(std::ranges::count(modes(), true) == 0);
    throw 1;
  } catch (int) {
  }
  BOOST_TEST((modes() == before));
}

BOOST_AUTO_TEST_CASE(freezing_stops_gradients_and_unfreezing_brings_them_back) {
  Net net{Rng(1)};
  net.body->freeze();
  const Tensor x = test::random({2, 5, 5, 4}, 1);
  {
    Tape tape;
    tape.backward(mean(net(x)));
  }
  for (const NamedParameter& p : net.named_parameters())
    BOOST_TEST(p.parameter->grad().defined() == p.path.starts_with("fc"), p.path);
  net.zero_grad();
  BOOST_TEST(!net.fc->weight.grad().defined());
  net.unfreeze();
  {
    Tape tape;
    tape.backward(mean(net(x)));
  }
  for (const NamedParameter& p : net.named_parameters())
    BOOST_TEST(p.parameter->grad().defined() == (p.path.find("gate") == std::string::npos), p.path);
}

BOOST_AUTO_TEST_CASE(to_f64_converts_floats_only) {
  Net net{Rng(1)};
  const State before = net.state();
  net.to(DType::f64);
  for (const auto& entry : net.state()) {
    const Tensor& narrow = before.at(entry.first);
    const bool counter = narrow.dtype() == DType::i64;
    BOOST_TEST(entry.second.dtype() == (counter ? DType::i64 : DType::f64), entry.first);
    BOOST_TEST(test::close(entry.second, cast(narrow, entry.second.dtype()), 0), entry.first);
  }
  BOOST_TEST(net(test::random({2, 5, 5, 4}, 1, -1, 1, DType::f64)).dtype() == DType::f64);
  BOOST_TEST(test::error_of([&] { net.to(DType::i64); }).find("f32 or f64") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_state_copies_a_model) {
  Net a{Rng(1)};
  Net b{Rng(2)};
  const Tensor x = test::random({2, 5, 5, 4}, 1);
  a(x);  // moves the running statistics and the counters
  const State state = a.state();
  BOOST_TEST(b.load_state(state).exact());
  a.eval();
  b.eval();
  BOOST_TEST(test::same_bits(b(x).value(), a(x).value()));
  // The state is a copy.
  fill(a.fc->weight.value(), 0);
  BOOST_TEST(state.at("fc.weight").at({0, 0}) != 0);
  BOOST_TEST(b.fc->weight.value().at({0, 0}) != 0);
}

BOOST_AUTO_TEST_CASE(strict_loading_lists_all_and_changes_nothing) {
  Net net{Rng(1)};
  const State before = net.state();
  State state;
  for (const auto& entry : before)
    state.emplace(entry.first, Tensor::full(entry.second.shape(), 7, entry.second.dtype()));
  state.erase("fc.bias");
  state.erase("drop.calls");
  state.emplace("head.weight", Tensor::zeros({3}));
  state["fc.weight"] = Tensor::zeros({3, 4});
  state["layer1.0.bn1.scale"] = Tensor::zeros({4}, DType::f64);
  const std::string message = test::error_of([&] { net.load_state(state); });
  for (const char* part :
       {"2 missing: fc.bias, drop.calls", "1 extra: head.weight", "fc.weight: got [3, 4] f32, wanted [4, 3] f32",
        "layer1.0.bn1.scale: got [4] f64", "Strict::no"})
    BOOST_TEST(message.find(part) != std::string::npos, message);
  for (const auto& entry : net.state()) BOOST_TEST(test::same_bits(entry.second, before.at(entry.first)));

  const LoadReport report = net.load_state(state, Strict::no);
  BOOST_TEST(!report.exact());
  BOOST_TEST(report.missing.size() == 2u);
  BOOST_TEST(report.extra.size() == 1u);
  BOOST_TEST(report.misshaped.size() == 2u);
  BOOST_TEST(report.loaded.size() == before.size() - 4);
  BOOST_TEST(report.text().find("2 missing") != std::string::npos);
  BOOST_TEST(net.state().at("layer1.1.conv1.weight").at({0, 0, 0, 0}) == 7);
  BOOST_TEST(test::same_bits(net.state().at("fc.weight"), before.at("fc.weight")));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::module_test
