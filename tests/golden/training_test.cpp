// Twenty steps of whole trainings against PyTorch's: losses, final weights, running statistics and logits; and the mean
// of the weights on the way.
#include <boost/test/unit_test.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/update_batch_norm.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "models/lenet.h"
#include "optim/averaging.h"
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

// A training as a golden file describes it.
struct Training {
  Training(Layer& net, const std::string& name, DType type)
      : model(net), dtype(type), file(load_safetensors(golden_path(name + ".safetensors"))) {
    const nlohmann::json settings = nlohmann::json::parse(file.metadata.at("training"));
    steps = settings.at("steps");
    model.to(dtype);
    load(model, file, "initial/", dtype);
    optimizer = std::make_unique<Sgd>(
        groups_of(model, settings.at("decay")),
        SgdOptions{.lr = settings.at("lr").get<double>(), .momentum = settings.at("momentum").get<double>()});
    for (int i = 0; i < settings.at("batches").get<int>(); ++i) {
      images.push_back(cast(file.tensors.at(text("images", i)), dtype));
      labels.push_back(file.tensors.at(text("labels", i)));
    }
  }

  // Step number `step`; returns its loss.
  double run(std::size_t step) {
    Tape tape;
    const Var loss = softmax_cross_entropy(model(images[step % images.size()]), labels[step % images.size()]);
    tape.backward(loss);
    optimizer->step();
    optimizer->zero_grad();
    return loss.item();
  }

  Layer& model;
  DType dtype;
  TensorFile file;
  std::size_t steps;
  std::unique_ptr<Sgd> optimizer;
  std::vector<Tensor> images, labels;
};

// The model's state and its logits in evaluation against "final/PATH" and "logits" of the file.
void compare_end(const std::string& what, Training& training, const TensorFile& file) {
  const double relative = training.dtype == DType::f64 ? 1e-10 : 1e-5;
  const auto check = [&](const std::string& tensor, const Tensor& got, const Tensor& wanted) {
    BOOST_TEST_CONTEXT(text(what, " in ", training.dtype, " on ", instruction_set(), ", ", tensor)) {
      BOOST_TEST(agrees(got, wanted, relative));
    }
  };
  std::size_t compared = 0;
  for (const auto& [path, value] : training.model.state()) {
    const auto wanted = file.tensors.find("final/" + path);
    if (wanted == file.tensors.end()) continue;  // the number of batches that a norm has seen
    check(path, value, wanted->second);
    ++compared;
  }
  BOOST_TEST(compared >= training.model.named_parameters().size());
  training.model.eval();
  check("logits", training.model(training.images[0]).value(), file.tensors.at("logits"));
}

void train_and_compare(const std::string& what, Layer& model, const std::string& name, DType dtype) {
  Training training(model, name, dtype);
  std::vector<double> losses;
  for (std::size_t step = 0; step < training.steps; ++step) losses.push_back(training.run(step));
  const Tensor wanted = training.file.tensors.at("losses");
  BOOST_TEST(
      agrees(Tensor::from(std::span<const double>(losses), wanted.shape()), wanted, dtype == DType::f64 ? 1e-10 : 1e-5),
      what);
  compare_end(what, training, training.file);
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

// PyTorch's AveragedModel and update_bn: the mean of five states of the second half, with statistics of its own.
BOOST_AUTO_TEST_CASE(averaged_weights_with_statistics_of_their_own) {
  const TensorFile file = load_safetensors(golden_path("averaged_conv_norm.safetensors"));
  everywhere([&](DType dtype) {
    ConvNorm model{Rng(1)};
    Training training(model, "train_conv_norm", dtype);
    Swa average(model);
    for (std::size_t step = 0; step < training.steps; ++step) {
      training.run(step);
      if (step >= training.steps / 2 && step % 2 == 1) average.update();
    }
    average.swap();
    update_batch_norm(model, [&] {
      for (const Tensor& batch : training.images) model(batch);
    });
    compare_end("average", training, file);
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden
