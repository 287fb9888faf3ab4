// The golden cases of ops that have a layer, through that layer: options, state by name, gradients of parameters and
// of the input, running statistics.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <map>
#include <memory>

#include "framework/compute/basic.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/conv_transpose2d.h"
#include "framework/nn/embedding.h"
#include "framework/nn/flatten.h"
#include "framework/nn/group_norm.h"
#include "framework/nn/layer_norm.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/tensor/error.h"
#include "tests/golden/golden_cases.h"

namespace ebb::golden {
namespace {

using Maker = std::function<std::unique_ptr<Layer>(const Case&)>;

template <class T>
T option(const Case& c, const char* name) {
  return c.options.at(name).get<T>();
}

std::array<std::int64_t, 2> pair(const Case& c, const char* name) {
  return option<std::array<std::int64_t, 2>>(c, name);
}

template <class T>
Maker plain() {
  return [](const Case&) { return std::make_unique<T>(); };
}

template <class T>
Maker pool() {
  return [](const Case& c) {
    PoolGeometry geometry{.kernel = pair(c, "kernel"), .stride = pair(c, "stride"), .padding = pair(c, "padding")};
    geometry.dilation = c.options.value("dilation", geometry.dilation);
    geometry.same_padding = c.options.value("same_padding", false);
    geometry.ceil_mode = c.options.value("ceil_mode", false);
    geometry.count_padding = c.options.value("count_padding", true);
    return std::make_unique<T>(geometry);
  };
}

std::unique_ptr<Layer> make_batch_norm(const Case& c) {
  const Shape& x = c.tensors.at("x").shape();
  BatchNormLayerOptions options{.channels = x[-1], .eps = option<double>(c, "eps")};
  options.new_weight = option<double>(c, "new_weight");
  options.cumulative = c.options.value("cumulative", false);
  options.affine = c.tensors.contains("scale");
  if (c.options.value("activation", "none") == "relu") options.activation = Activation::relu;
  if (x.rank() == 4) return std::make_unique<BatchNorm2d>(options);
  return std::make_unique<BatchNorm1d>(options);
}

std::map<std::string, Maker> makers() {
  const Rng rng(1);
  std::map<std::string, Maker> m;
  m["relu"] = plain<ReLU>();
  m["relu6"] = plain<ReLU6>();
  m["silu"] = plain<SiLU>();
  m["softplus"] = plain<Softplus>();
  m["sigmoid"] = plain<Sigmoid>();
  m["tanh"] = plain<Tanh>();
  m["leaky_relu"] = [](const Case& c) {
    return std::make_unique<LeakyReLU>(LeakyReLUOptions{.slope = option<double>(c, "slope")});
  };
  m["elu"] = [](const Case& c) { return std::make_unique<ELU>(ELUOptions{.alpha = option<double>(c, "alpha")}); };
  m["gelu"] = [](const Case& c) {
    return std::make_unique<GELU>(GELUOptions{.form = c.options.at("form") == "tanh" ? Gelu::tanh : Gelu::exact});
  };
  m["max_pool2d"] = pool<MaxPool2d>();
  m["avg_pool2d"] = pool<AvgPool2d>();
  m["adaptive_max_pool2d"] = [](const Case& c) {
    return std::make_unique<AdaptiveMaxPool2d>(AdaptivePoolOptions{.output = pair(c, "output")});
  };
  m["adaptive_avg_pool2d"] = [](const Case& c) {
    return std::make_unique<AdaptiveAvgPool2d>(AdaptivePoolOptions{.output = pair(c, "output")});
  };
  m["global_avg_pool2d"] = plain<GlobalAvgPool2d>();
  m["linear"] = [rng](const Case& c) {
    const Shape& weight = c.tensors.at("weight").shape();
    return std::make_unique<Linear>(
        LinearOptions{.in = weight[0], .out = weight[1], .bias = c.tensors.contains("bias")}, rng);
  };
  m["conv2d"] = [rng](const Case& c) {
    const Shape& weight = c.tensors.at("weight").shape();
    return std::make_unique<Conv2d>(Conv2dOptions{.in = c.tensors.at("x").dim(-1),
                                                  .out = weight[3],
                                                  .kernel = {weight[0], weight[1]},
                                                  .stride = pair(c, "stride"),
                                                  .padding = pair(c, "padding"),
                                                  .dilation = pair(c, "dilation"),
                                                  .same_padding = c.options.value("same_padding", false),
                                                  .groups = option<std::int64_t>(c, "groups"),
                                                  .bias = c.tensors.contains("bias")},
                                    rng);
  };
  m["conv_transpose2d"] = [rng](const Case& c) {
    const Shape& weight = c.tensors.at("weight").shape();
    const std::int64_t groups = option<std::int64_t>(c, "groups");
    return std::make_unique<ConvTranspose2d>(ConvTranspose2dOptions{.in = weight[2],
                                                                    .out = weight[3] * groups,
                                                                    .kernel = {weight[0], weight[1]},
                                                                    .stride = pair(c, "stride"),
                                                                    .padding = pair(c, "padding"),
                                                                    .output_padding = pair(c, "output_padding"),
                                                                    .dilation = pair(c, "dilation"),
                                                                    .groups = groups,
                                                                    .bias = c.tensors.contains("bias")},
                                             rng);
  };
  m["batch_norm"] = make_batch_norm;
  m["batch_norm_steps"] = make_batch_norm;
  m["layer_norm"] = [](const Case& c) {
    return std::make_unique<LayerNorm>(LayerNormOptions{
        .size = c.tensors.at("x").dim(-1), .eps = option<double>(c, "eps"), .affine = c.tensors.contains("scale")});
  };
  m["group_norm"] = [](const Case& c) {
    return std::make_unique<GroupNorm>(GroupNormOptions{.groups = option<std::int64_t>(c, "groups"),
                                                        .channels = c.tensors.at("x").dim(-1),
                                                        .eps = option<double>(c, "eps"),
                                                        .affine = c.tensors.contains("scale")});
  };
  m["embedding"] = [rng](const Case& c) {
    const Shape& table = c.tensors.at("table").shape();
    return std::make_unique<Embedding>(EmbeddingOptions{.rows = table[0], .width = table[1]}, rng);
  };
  return m;
}

// The case's state under the layer's names.
State state_of(const Case& c, Module& layer) {
  State state = layer.state();
  for (auto& [path, value] : state) {
    const auto stored = c.tensors.find(c.op == "embedding" ? "table" : path);
    if (stored != c.tensors.end()) value = cast(stored->second, DType::f64);
  }
  return state;
}

// What the layer gives when it is called as the op was, in f64.
std::map<std::string, Tensor> evaluate(const Case& c, const Maker& make) {
  const std::unique_ptr<Layer> layer = make(c);
  layer->to(DType::f64);
  layer->load_state(state_of(c, *layer));
  const bool steps = c.op == "batch_norm_steps";
  for (int step = 0; steps && step < option<int>(c, "steps"); ++step) {
    (*layer)(cast(c.tensors.at(text("x", step)), DType::f64));
  }
  layer->train(steps ? false : c.options.value("training", true));

  const bool lookup = c.op == "embedding";
  Tape tape;
  const Var x = lookup ? Var(c.tensors.at("indices")) : tape.input(cast(c.tensors.at("x"), DType::f64));
  const Var y = (*layer)(x);
  tape.backward(y, cast(c.tensors.at("dy"), DType::f64));

  std::map<std::string, Tensor> results{{"y", y.value()}};
  if (!lookup) results["dx"] = tape.gradient(x);
  for (const NamedParameter& p : layer->named_parameters()) results["d" + p.path] = p.parameter->grad();
  for (const NamedBuffer& b : layer->named_buffers()) results[b.path + "_after"] = b.buffer->value();
  if (lookup) results["dtable"] = results["dweight"];
  return results;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(golden_layers)

BOOST_AUTO_TEST_CASE(layers_give_what_pytorch_gives) {
  std::map<std::string, Maker> all = makers();
  std::map<std::string, int> seen;
  for (const std::string& family : families()) {
    for (const Case& c : load_family(family)) {
      const auto make = all.find(c.op);
      if (make == all.end()) continue;
      ++seen[c.op];
      BOOST_TEST_CONTEXT(c.name) {
        std::map<std::string, Tensor> results;
        BOOST_REQUIRE_NO_THROW(results = evaluate(c, make->second));
        for (const auto& [name, terms] : c.terms) {
          BOOST_TEST_CONTEXT(name) { BOOST_TEST(agrees(c, name, results[name], 1e-12)); }
        }
      }
    }
  }
  for (const auto& [op, maker] : all) BOOST_TEST(seen[op] > 0, "no golden case calls " << op);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden
