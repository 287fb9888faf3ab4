// Twenty steps of whole trainings against PyTorch's: losses, final weights, running statistics and logits.
#include <boost/test/unit_test.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "models/lenet.h"
#include "optim/sgd.h"
#include "tests/golden/golden_cases.h"
#include "tests/golden/training_models.h"
#include "tests/support/tensors.h"

namespace ebb::golden {
namespace {

// A group for each strength of decay that the file names, and one without for the rest.
Groups groups_of(Module& model, const nlohmann::json& decay) {
  std::map<double, std::vector<std::string>> by_strength;
  for (const auto& [name, strength] : decay.items()) by_strength[strength].push_back(name);
  std::vector<GroupRule> rules;
  for (const auto& [strength, members] : by_strength) {
    rules.push_back({text("decay ", strength), paths(members), {.decay = coupled_l2(strength)}});
  }
  rules.push_back({"no decay", everything_else(), {.decay = no_decay()}});
  return groups(model, rules);
}

// Takes over the tensors called PREFIX/PATH; what the file does not have stays.
void load(Module& model, const TensorFile& file, const std::string& prefix, DType dtype) {
  State state = model.state();
  std::size_t taken = 0;
  for (const auto& [name, value] : file.tensors) {
    if (!name.starts_with(prefix)) continue;
    BOOST_REQUIRE_MESSAGE(state.contains(name.substr(prefix.size())), "the model has no " << name);
    state[name.substr(prefix.size())] = cast(value, dtype);
    ++taken;
  }
  BOOST_REQUIRE(taken >= model.named_parameters().size());
  model.load_state(state);
}

void train_and_compare(const std::string& what, Layer& model, const std::string& name, DType dtype) {
  const double relative = dtype == DType::f64 ? 1e-10 : 1e-5;
  const TensorFile file = load_safetensors(golden_path(name + ".safetensors"));
  const nlohmann::json training = nlohmann::json::parse(file.metadata.at("training"));
  const auto check = [&](const std::string& tensor, const Tensor& got, const Tensor& wanted) {
    BOOST_TEST_CONTEXT(text(what, " in ", dtype, " on ", instruction_set(), ", ", tensor)) {
      BOOST_TEST(agrees(got, wanted, relative));
    }
  };

  model.to(dtype);
  load(model, file, "initial/", dtype);
  Sgd optimizer(groups_of(model, training.at("decay")),
                {.lr = training.at("lr").get<double>(), .momentum = training.at("momentum").get<double>()});
  std::vector<Tensor> images, labels;
  for (int i = 0; i < training.at("batches").get<int>(); ++i) {
    images.push_back(cast(file.tensors.at(text("images", i)), dtype));
    labels.push_back(file.tensors.at(text("labels", i)));
  }
  std::vector<double> losses;
  for (std::size_t step = 0; step < training.at("steps").get<std::size_t>(); ++step) {
    Tape tape;
    const Var loss = softmax_cross_entropy(model(images[step % images.size()]), labels[step % images.size()]);
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    losses.push_back(loss.item());
  }

  const State state = model.state();
  check("losses", Tensor::from(std::span<const double>(losses), file.tensors.at("losses").shape()),
        file.tensors.at("losses"));
  std::size_t compared = 0;
  for (const auto& [path, value] : state) {
    const auto wanted = file.tensors.find("final/" + path);
    if (wanted == file.tensors.end()) continue;  // the number of batches that a norm has seen
    check(path, value, wanted->second);
    ++compared;
  }
  BOOST_TEST(compared >= model.named_parameters().size());
  model.eval();
  check("logits after training", model(images[0]).value(), file.tensors.at("logits"));
}

// Runs `body(dtype)` for both types on every instruction set of the machine.
template <class F>
void everywhere(F body) {
  for (const std::string& set : instruction_sets()) {
    const test::InstructionSet use(set);
    body(DType::f64);
    body(DType::f32);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(golden_training)

BOOST_AUTO_TEST_CASE(lenet) {
  everywhere([](DType dtype) {
    LeNet model{Rng(1)};
    train_and_compare("LeNet", model, "train_lenet", dtype);
  });
}

BOOST_AUTO_TEST_CASE(convolutions_with_batch_norm) {
  for (const bool merged : {true, false}) {
    everywhere([merged](DType dtype) {
      ConvNorm model{Rng(1)};
      model.merge(merged);
      train_and_compare(merged ? "merged" : "layer by layer", model, "train_conv_norm", dtype);
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden
