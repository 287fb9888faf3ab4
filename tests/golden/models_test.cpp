// ResNet-20, the MNIST CNN and the vision transformer against PyTorch's: logits in both modes and five steps of
// training, in f64.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/export_torch.h"
#include "framework/nn/import_torch.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "models/registry.h"
#include "optim/sgd.h"
#include "tests/golden/golden_cases.h"
#include "tests/support/tensors.h"

namespace ebb::golden {
namespace {

constexpr int probes = 4;

// Random bits as model_cases.py has them: SplitMix64 from the FNV-1a hash of the name.
class Numbers {
 public:
  explicit Numbers(std::string_view name) {
    for (const char c : name) state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  }
  std::uint64_t bits() {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t z = state_;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  Tensor uniform(const Shape& shape, double low, double high) {
    Tensor out(shape);
    for (float& value : out.mutable_span<float>())
      value = static_cast<float>(low + (high - low) * (static_cast<double>(bits() >> 40) * 0x1p-24));
    return out;
  }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325;
};

Shape shape_of(const nlohmann::json& dims) {
  const auto list = dims.get<std::vector<std::int64_t>>();
  return Shape(std::span<const std::int64_t>(list));
}

// The state that PyTorch began with; or, with a suffix, random numbers in its place, uniform in [-1, 1).
State torch_state(const nlohmann::json& entries, const std::string& suffix = {}) {
  State state;
  for (const auto& entry : entries) {
    const auto name = entry[0].get<std::string>();
    const bool probe = !suffix.empty();
    state[name] =
        Numbers(name + suffix)
            .uniform(shape_of(entry[1]), probe ? -1 : entry[2].get<double>(), probe ? 1 : entry[3].get<double>());
  }
  return state;
}

// Dropout draws other masks than PyTorch's.
void training_mode(Module& model) {
  model.train();
  for (const NamedModule& named : model.named_modules())
    if (named.module->type() == "Dropout") named.module->eval();
}

// The path of a tensor in Ebb by its name in PyTorch.
std::string ebb_path(const std::string& name, const State& state) {
  if (state.contains(name)) return name;
  const std::size_t dot = name.rfind('.');
  const std::string kind = name.substr(dot + 1);
  const char* const ours = kind == "weight" ? ".scale" : kind == "bias" ? ".shift" : ".running_variance";
  return name.substr(0, dot) + ours;
}

void compare(const char* name, const ModelOptions& options, const std::string& file_name) {
  const TensorFile file = load_safetensors(golden_path(file_name + ".safetensors"));
  const nlohmann::json training = nlohmann::json::parse(file.metadata.at("training"));
  const nlohmann::json& entries = training.at("state");
  const auto make = [&](const State& state) {
    auto model = make_model(name, options, Rng(1));
    model->to(DType::f64);
    BOOST_TEST(import_torch(*model, state, "PyTorch").exact());
    return model;
  };
  const auto model = make(torch_state(entries));
  // What was taken over goes back to the last bit, under the same names.
  const State back = ebb::torch_state(*model);
  for (const auto& [path, value] : torch_state(entries))
    BOOST_TEST((back.contains(path) && test::same_bits(back.at(path), cast(value, back.at(path).dtype()))), path);
  for (const auto& entry : back)
    BOOST_TEST((torch_state(entries).contains(entry.first) || entry.first.ends_with("num_batches_tracked")),
               entry.first);
  const Tensor images = cast(file.tensors.at("images"), DType::f64);
  const Tensor labels = file.tensors.at("labels");
  BOOST_TEST(test::same_bits(file.tensors.at("images"), Numbers("images").uniform(images.shape(), -2, 2)));

  const auto logits_agree = [&](const char* what, double tolerance) {
    BOOST_TEST_CONTEXT(file_name << ", " << what) {
      BOOST_TEST(agrees((*model)(images).value(), file.tensors.at(what), tolerance));
    }
  };
  model->eval();
  logits_agree("logits_eval", 1e-10);

  training_mode(*model);
  Sgd optimizer(groups(*model, {{"all", everything_else(), {.decay = coupled_l2(training.at("decay").get<double>())}}}),
                {.lr = training.at("lr").get<double>(), .momentum = training.at("momentum").get<double>()});
  const Tensor& losses = file.tensors.at("losses");
  for (std::int64_t step = 0; step < losses.size(); ++step) {
    Tape tape;
    const Var logits = (*model)(images);
    if (step == 0) BOOST_TEST(agrees(logits.value(), file.tensors.at("logits_train"), 1e-10));
    const Var loss = softmax_cross_entropy(logits, labels);
    BOOST_TEST(std::abs(loss.item() - losses.at({step})) < 1e-8, file_name << ", step " << step);
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
  }
  model->eval();
  logits_agree("logits_after", 1e-8);

  // Products of the final tensors with random ones, which see every element. The random ones are brought into our
  // layouts as weights are.
  const State final = model->state();
  double worst = 0;
  for (int k = 0; k < probes; ++k) {
    const State probe = make(torch_state(entries, text(" probe ", k)))->state();
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::string path = ebb_path(entries[i][0].get<std::string>(), final);
      const Tensor& value = final.at(path);
      const double wanted = file.tensors.at("products").at({static_cast<std::int64_t>(i), k});
      worst = std::max(worst, std::abs(dot(value, probe.at(path)) - wanted) / norm(value));
    }
  }
  BOOST_TEST(worst < 1e-8, file_name);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(golden_models)

BOOST_AUTO_TEST_CASE(resnet20) {
  const ModelOptions options{.image = {16, 16, 3}, .shortcut = Shortcut::padding};
  compare("resnet20", options, "model_resnet20_padding");
  compare("resnet20", {.image = {16, 16, 3}}, "model_resnet20_projection");
}

BOOST_AUTO_TEST_CASE(vision_transformer) { compare("vit", {.image = {16, 16, 3}}, "model_vit"); }

BOOST_AUTO_TEST_CASE(mnist_cnn) { compare("mnistcnn", {.image = {28, 28, 1}}, "model_mnistcnn"); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden
