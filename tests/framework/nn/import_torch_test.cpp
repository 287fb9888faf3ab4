#include "framework/nn/import_torch.h"

#include <filesystem>
#include <functional>

#include "framework/io/safetensors.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/conv_transpose2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/embedding.h"
#include "framework/nn/flatten.h"
#include "framework/nn/group_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::error_of;
using test::random;
using test::same_bits;

bool says(const std::string& message, const char* part) { return message.find(part) != std::string::npos; }

using I = std::int64_t;

// A copy by indices: element (i, j, k, l) of the result is number of(i, j, k, l) of `from`.
template <class F>
Tensor gathered(const Tensor& from, const Shape& shape, F of) {
  Tensor to(shape);
  float* out = to.mutable_data<float>();
  for (I i = 0; i < shape[0]; ++i)
    for (I j = 0; j < shape[1]; ++j)
      for (I k = 0; k < shape[2]; ++k)
        for (I l = 0; l < shape[3]; ++l) *out++ = from.data<float>()[of(i, j, k, l)];
  return to;
}

class Net : public Layer {
 public:
  explicit Net(const Rng& rng)
      : conv(*this, "conv", {.in = 2, .out = 4, .kernel = {2, 3}, .groups = 2}, rng),
        bn(*this, "bn", {.channels = 4}),
        up(*this, "up", {.in = 4, .out = 6, .kernel = {3, 2}, .groups = 2}, rng),
        gn(*this, "gn", {.groups = 2, .channels = 6}),
        flatten(*this, "flatten"),
        drop(*this, "drop", {.p = 0.5}, rng),
        norm(*this, "norm", {.channels = 4 * 3 * 6}),
        fc1(*this, "fc1", {.in = 4 * 3 * 6, .out = 5}, rng),
        fc2(*this, "fc2", {.in = 5, .out = 3}, rng) {}
  Var forward(const Var& x) override { return fc2(fc1(norm(drop(flatten(gn(up(bn(conv(x))))))))); }

  Child<Conv2d> conv;
  Child<BatchNorm2d> bn;
  Child<ConvTranspose2d> up;
  Child<GroupNorm> gn;
  Child<Flatten> flatten;
  Child<Dropout> drop;
  Child<BatchNorm1d> norm;
  Child<Linear> fc1, fc2;
  Parameter own{*this, "own", Role::other, Tensor::zeros({2, 3})};
};

// The input that makes flatten see [4, 3, 6].
const Shape input{2, 3, 4, 2};

State torch_state() {
  State s;
  s["own"] = random({2, 3}, 1);
  s["conv.weight"] = random({4, 1, 2, 3}, 2);
  s["conv.bias"] = random({4}, 3);
  s["bn.weight"] = random({4}, 4);
  s["bn.bias"] = random({4}, 5);
  s["bn.running_mean"] = random({4}, 6);
  s["bn.running_var"] = random({4}, 7, 0.5, 2);
  s["bn.num_batches_tracked"] = Tensor::full({}, 12, DType::i64);
  s["up.weight"] = random({4, 3, 3, 2}, 8);
  s["up.bias"] = random({6}, 9);
  s["gn.weight"] = random({6}, 10);
  s["gn.bias"] = random({6}, 11);
  s["norm.weight"] = random({72}, 12);
  s["norm.bias"] = random({72}, 13);
  s["norm.running_mean"] = random({72}, 14);
  s["norm.running_var"] = random({72}, 15, 0.5, 2);
  s["fc1.weight"] = random({5, 72}, 16);
  s["fc1.bias"] = random({5}, 17);
  s["fc2.weight"] = random({3, 5}, 18);
  s["fc2.bias"] = random({3}, 19);
  return s;
}

BOOST_AUTO_TEST_SUITE(import_from_torch)

BOOST_AUTO_TEST_CASE(layouts_and_names) {
  Net net{Rng(1)};
  net(Tensor::zeros(input));
  BOOST_REQUIRE((net.flatten->image() == Shape{4, 3, 6}));
  const State torch = torch_state();
  const LoadReport report = import_torch(net, torch, "test");
  BOOST_TEST(report.exact());
  BOOST_TEST(report.loaded.size() == torch.size());
  const State got = net.state();
  BOOST_TEST(same_bits(got.at("own"), torch.at("own")));
  BOOST_TEST(same_bits(got.at("conv.weight"), gathered(torch.at("conv.weight"), {2, 3, 1, 4},
                                                       [](I y, I x, I, I out) { return (out * 2 + y) * 3 + x; })));
  BOOST_TEST(same_bits(got.at("conv.bias"), torch.at("conv.bias")));
  BOOST_TEST(same_bits(got.at("bn.scale"), torch.at("bn.weight")));
  BOOST_TEST(same_bits(got.at("bn.shift"), torch.at("bn.bias")));
  BOOST_TEST(same_bits(got.at("bn.running_mean"), torch.at("bn.running_mean")));
  BOOST_TEST(same_bits(got.at("bn.running_variance"), torch.at("bn.running_var")));
  BOOST_TEST(got.at("bn.batches").item() == 12);
  BOOST_TEST(same_bits(got.at("up.weight"), gathered(torch.at("up.weight"), {3, 2, 4, 3}, [](I y, I x, I in, I out) {
                         return ((in * 3 + out) * 3 + y) * 2 + x;
                       })));
  BOOST_TEST(same_bits(got.at("gn.scale"), torch.at("gn.weight")));
  BOOST_TEST(same_bits(got.at("fc1.weight"), gathered(torch.at("fc1.weight"), {4, 3, 6, 5}, [](I y, I x, I c, I out) {
                                               return out * 72 + (c * 4 + y) * 3 + x;
                                             }).reshape({72, 5})));
  for (const auto& [ours, theirs] : std::map<std::string, std::string>{{"norm.scale", "norm.weight"},
                                                                       {"norm.shift", "norm.bias"},
                                                                       {"norm.running_mean", "norm.running_mean"},
                                                                       {"norm.running_variance", "norm.running_var"}})
    BOOST_TEST(same_bits(got.at(ours),
                         gathered(torch.at(theirs), {4, 3, 6, 1}, [](I y, I x, I c, I) { return (c * 4 + y) * 3 + x; })
                             .reshape({72})),
               ours);
  BOOST_TEST(same_bits(got.at("fc1.bias"), torch.at("fc1.bias")));
  BOOST_TEST(same_bits(got.at("fc2.weight"), gathered(torch.at("fc2.weight"), {5, 3, 1, 1}, [](I in, I out, I, I) {
                                               return out * 5 + in;
                                             }).reshape({5, 3})));
}

BOOST_AUTO_TEST_CASE(from_a_file_renamed_into_f64) {
  Net net{Rng(1)};
  net(Tensor::zeros(input));
  net.to(DType::f64);
  State torch;
  for (const auto& entry : torch_state()) torch["net." + entry.first] = entry.second;
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / text("ebb_import_", Rng(reinterpret_cast<std::uintptr_t>(&net)).key());
  save_safetensors(file, torch);
  const std::string message = error_of([&] { import_torch(net, file); });
  BOOST_TEST(says(message, "missing: own, conv.weight"), message);
  BOOST_TEST(says(message, file.string().c_str()), message);
  BOOST_TEST(import_torch(net, file, {.rename = {{"net.", ""}}}).exact());
  std::filesystem::remove(file);
  BOOST_TEST(same_bits(net.conv->bias->value(), cast(torch.at("net.conv.bias"), DType::f64)));
  BOOST_TEST(error_of([&] { import_torch(net, file); }) != "no error");
}

// DistributedDataParallel and torch.compile write their wrappers into the names, around the model or parts of it.
BOOST_AUTO_TEST_CASE(names_with_wrappers) {
  const State torch = torch_state();
  const auto part_of = [](const std::string& name) { return name.substr(0, name.find('.')); };
  const std::vector<std::function<std::string(const std::string&)>> wrappers{
      [](const std::string& name) { return "module." + name; },
      [](const std::string& name) { return "_orig_mod." + name; },
      [](const std::string& name) { return "module._orig_mod." + name; },
      [](const std::string& name) { return "_orig_mod.module.module." + name; },
      // One layer alone, and one layer inside a wrapped model.
      [&](const std::string& name) { return part_of(name) == "fc1" ? "fc1._orig_mod" + name.substr(3) : name; },
      [&](const std::string& name) {
        return "module." + (part_of(name) == "fc1" ? "fc1.module" + name.substr(3) : name);
      }};
  for (const auto& wrap : wrappers) {
    State wrapped;
    for (const auto& entry : torch) wrapped[wrap(entry.first)] = entry.second;
    Net net{Rng(1)}, plain{Rng(2)};
    net(Tensor::zeros(input));
    plain(Tensor::zeros(input));
    BOOST_TEST_CONTEXT(wrap("fc1.weight")) { BOOST_REQUIRE(import_torch(net, wrapped, "test").exact()); }
    import_torch(plain, torch, "test");
    const State got = net.state();
    for (const auto& entry : plain.state()) BOOST_TEST(same_bits(got.at(entry.first), entry.second), entry.first);
  }
}

// A model may have a child called `module`, even beside layers with the same names.
BOOST_AUTO_TEST_CASE(wrappers_names_in_the_model_itself) {
  class Inner : public Layer {
   public:
    explicit Inner(const Rng& rng) : fc(*this, "fc", {.in = 2, .out = 3, .bias = false}, rng) {}
    Var forward(const Var& x) override { return fc(x); }
    Child<Linear> fc;
  };
  class Outer : public Layer {
   public:
    explicit Outer(const Rng& rng)
        : fc(*this, "fc", {.in = 3, .out = 3, .bias = false}, rng), module(*this, "module", rng) {}
    Var forward(const Var& x) override { return fc(module(x)); }
    Child<Linear> fc;
    Child<Inner> module;
  };
  const Tensor outer = random({3, 3}, 1), inner = random({3, 2}, 2);
  for (const std::string prefix : {"", "module.", "_orig_mod.", "module.module."}) {
    Outer net{Rng(1)};
    BOOST_TEST(
        import_torch(net, {{prefix + "fc.weight", outer}, {prefix + "module.fc.weight", inner}}, "test").exact());
    BOOST_TEST(same_bits(net.fc->weight.value(),
                         gathered(outer, {3, 3, 1, 1}, [](I i, I o, I, I) { return o * 3 + i; }).reshape({3, 3})));
    BOOST_TEST(same_bits(net.module->fc->weight.value(),
                         gathered(inner, {2, 3, 1, 1}, [](I i, I o, I, I) { return o * 2 + i; }).reshape({2, 3})));
  }
}

BOOST_AUTO_TEST_CASE(wrapped_names_that_do_not_fit) {
  Net net{Rng(1)};
  net(Tensor::zeros(input));
  State wrapped;
  for (const auto& entry : torch_state()) wrapped["module." + entry.first] = entry.second;
  wrapped.erase("module.fc2.bias");
  wrapped["module.head.weight"] = Tensor::zeros({1});
  const std::string message = error_of([&] { import_torch(net, wrapped, "file"); });
  for (const char* part : {"1 missing: fc2.bias", "1 extra: head.weight"}) BOOST_TEST(says(message, part), message);
  // Nothing is taken for a wrapper that would make one name of two, and a tower of wrappers ends somewhere.
  const Tensor x = Tensor::zeros({1});
  BOOST_TEST(says(error_of([&] { import_torch(net, {{"a", x}, {"module.a", x}}, "file"); }), "2 extra: a, module.a"));
  std::string tower = "own";
  for (int i = 0; i < 10000; ++i) tower = "module." + tower;
  BOOST_TEST(says(error_of([&] { import_torch(net, {{tower, x}}, "file"); }), "extra: module.module"));
}

BOOST_AUTO_TEST_CASE(all_that_does_not_fit_in_one_message) {
  Net net{Rng(1)};
  net(Tensor::zeros(input));
  const State before = net.state();
  State torch = torch_state();
  torch.erase("fc2.bias");
  torch.erase("bn.running_var");
  torch["head.weight"] = Tensor::zeros({1});
  torch["conv.weight"] = Tensor::zeros({2, 3, 1, 4});
  torch["up.bias"] = Tensor::zeros({6}, DType::i64);
  const std::string message = error_of([&] { import_torch(net, torch, "file"); });
  for (const char* part : {"[file]", "2 missing: fc2.bias, bn.running_var", "1 extra: head.weight",
                           "conv.weight: got [2, 3, 1, 4] f32, wanted [4, 1, 2, 3] f32", "up.bias: got [6] i64"})
    BOOST_TEST(says(message, part), message);
  for (const auto& entry : net.state()) BOOST_TEST(same_bits(entry.second, before.at(entry.first)));
  const LoadReport report = import_torch(net, torch, "file", {.strict = Strict::no});
  BOOST_TEST(report.missing.size() == 2u);
  BOOST_TEST(report.misshaped.size() == 2u);
  BOOST_TEST(same_bits(net.bn->scale->value(), torch.at("bn.weight")));
}

BOOST_AUTO_TEST_CASE(a_flatten_that_saw_nothing) {
  Net net{Rng(1)};
  const std::string message = error_of([&] { import_torch(net, torch_state(), "file"); });
  BOOST_TEST(says(message, "\"flatten\" that has not seen an image"), message);
  BOOST_TEST(says(message, "call the model once"), message);
  Sequential told{Rng(1)};
  told.add<Flatten>({.image = {2, 1, 3}});
  told.add<ReLU>();
  told.add<Linear>("fc", {.in = 6, .out = 1, .bias = false});
  import_torch(told, {{"fc.weight", Tensor::from({0.f, 1.f, 2.f, 3.f, 4.f, 5.f}, {1, 6})}}, "file");
  BOOST_TEST(same_bits(told.state().at("fc.weight"), Tensor::from({0.f, 2.f, 4.f, 1.f, 3.f, 5.f}, {6, 1})));
  Sequential other{Rng(1)};
  other.add<Flatten>({.image = {2, 1, 3}});
  other.add<Linear>("fc", {.in = 7, .out = 1});
  BOOST_TEST(says(error_of([&] { import_torch(other, {}, "file"); }), "\"fc\" with 7 inputs"));
}

BOOST_AUTO_TEST_CASE(tied_parameters_under_either_name) {
  class Tongue : public Layer {
   public:
    Tongue() : table(*this, "table", {.rows = 4, .width = 2}, Rng(1)) { tie("decoder", table->weight); }
    Var forward(const Var& x) override { return table(x); }
    Child<Embedding> table;
  };
  Tongue net;
  const Tensor weight = random({4, 2}, 1);
  BOOST_TEST(import_torch(net, {{"table.weight", weight}}, "file").exact());
  BOOST_TEST(same_bits(net.table->weight.value(), weight));
  BOOST_TEST(import_torch(net, {{"table.weight", weight}, {"decoder", weight}}, "file").exact());
}

BOOST_AUTO_TEST_CASE(two_names_renamed_to_one) {
  Net net{Rng(1)};
  net(Tensor::zeros(input));
  const State torch{{"a.x", Tensor::zeros({1})}, {"b.x", Tensor::zeros({1})}};
  BOOST_TEST(says(error_of([&] {
                    import_torch(net, torch, "file", {.rename = {{"a.", ""}, {"b.", ""}}});
                  }),
                  "two tensors renamed to \"x\""));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
