// Every optimizer's update, measured, against the filter that it says it is.
#include "optim/update_model.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test::update_model_test {
namespace {

using Kind = UpdateModel::Kind;

// The filtered gradient of the last step for gradients in their order.
Tensor filter(const UpdateModel& model, const std::vector<Tensor>& gradients) {
  Tensor sum = Tensor::zeros(gradients[0].shape(), DType::f64);
  for (const Tensor& g : gradients) {
    scale(sum, model.pole);
    axpy(1, g, sum);
  }
  scale(sum, model.gain);
  axpy(model.direct, gradients.back(), sum);
  return sum;
}

// What the model says of the update. Gradients are 1 and -1, so that v is 1.
Tensor predicted(const UpdateModel& model, const std::vector<Tensor>& gradients) {
  Tensor u = filter(model, gradients);
  if (model.kind == Kind::sign)
    for (double& x : u.mutable_span<double>()) x = x > 0 ? 1 : x < 0 ? -1 : 0;
  if (model.kind == Kind::orthogonal) u = orthogonalized(u, 5);
  return u;
}

struct Case {
  std::string name;
  Kind kind;
  std::function<std::unique_ptr<Optimizer>(Groups)> make;
};

template <class O, class Options>
Case made(std::string name, Kind kind, Options options) {
  options.lr = 1;
  options.decay = no_decay();
  return {std::move(name), kind, [options](Groups g) { return std::unique_ptr<Optimizer>(new O(g, options)); }};
}

std::vector<Case> cases() {
  return {
      made<Sgd>("sgd", Kind::linear, SgdOptions{}),
      made<Sgd>("heavy ball", Kind::linear, SgdOptions{.momentum = 0.75}),
      made<Sgd>("dampened", Kind::linear, SgdOptions{.momentum = 0.75, .dampening = 0.5}),
      made<Sgd>("nesterov", Kind::linear, SgdOptions{.momentum = 0.75, .nesterov = true}),
      made<Sgd>("sgdp", Kind::unknown, SgdOptions{.momentum = 0.75, .projection = Projection{}}),
      made<Adam>("adam", Kind::normalised, AdamOptions{.beta1 = 0.75, .beta2 = 0.9, .eps = 0}),
      made<Adam>("amsgrad", Kind::unknown, AdamOptions{.amsgrad = true}),
      made<AdamW>("adamw", Kind::normalised, AdamOptions{.beta1 = 0.5, .beta2 = 0.9, .eps = 0}),
      made<Adam>("adamp", Kind::unknown, AdamOptions{.projection = Projection{}}),
      made<NAdam>("nadam", Kind::normalised, NAdamOptions{.beta1 = 0.75, .beta2 = 0.9, .eps = 0, .momentum_decay = 4}),
      made<RAdam>("radam", Kind::normalised, RAdamOptions{.beta1 = 0.75, .beta2 = 0.9, .eps = 0}),
      made<RmsProp>("rmsprop", Kind::normalised, RmsPropOptions{.alpha = 0.9, .eps = 0}),
      made<RmsProp>("rmsprop with momentum", Kind::normalised,
                    RmsPropOptions{.alpha = 0.9, .eps = 0, .momentum = 0.75}),
      made<Adagrad>("adagrad", Kind::unknown, AdagradOptions{}),
      made<Adadelta>("adadelta", Kind::unknown, AdadeltaOptions{}),
      made<Lion>("lion", Kind::sign, LionOptions{.beta1 = 0.7, .beta2 = 0.9}),
      made<Lars>("lars", Kind::unknown, LarsOptions{}),
      made<Lamb>("lamb", Kind::unknown, LambOptions{}),
      made<Muon>("muon", Kind::orthogonal, MuonOptions{.momentum = 0.75, .nesterov = true}),
      made<Muon>("muon without nesterov", Kind::orthogonal, MuonOptions{.momentum = 0.75, .nesterov = false}),
      made<Muon>("muon's adam", Kind::normalised,
                 MuonOptions{.momentum = 0.75, .adam_groups = {"all"}, .adam_lr = 1, .adam_beta2 = 0.9, .adam_eps = 0}),
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(update_models)

BOOST_AUTO_TEST_CASE(say_what_the_optimizers_do) {
  for (const Case& c : cases()) {
    Parameter w("w", Role::weight, Tensor::zeros({3, 3}, DType::f64));
    const auto optimizer = c.make(groups({&w}, {{"all", everything_else()}}));
    const UpdateModel model = optimizer->update_model();
    BOOST_TEST((model.kind == c.kind), c.name);
    if (model.kind == Kind::unknown) continue;
    std::vector<Tensor> gradients;
    for (std::uint64_t step = 0; step < 500; ++step) {
      Tensor g({3, 3}, DType::f64);
      for (std::uint64_t i = 0; i < 9; ++i) g.mutable_data<double>()[i] = Rng(5).at(step).below(2, i) == 0 ? -1 : 1;
      gradients.push_back(g);
      set_gradient(w, g);
      const Tensor before = w.value().clone();
      optimizer->step();
      if (step < 495) continue;
      Tensor u = before.clone();
      axpy(-1, w.value(), u);
      Tensor want = predicted(optimizer->update_model(), gradients);
      BOOST_TEST(norm(want) > 0.1);
      BOOST_TEST(close(u, want, 1e-9), c.name);
      // Not so without the newest gradient.
      gradients.back() = Tensor::zeros({3, 3}, DType::f64);
      BOOST_TEST(!close(u, predicted(model, gradients), 1e-6), c.name);
      gradients.back() = g;
    }
  }
}

BOOST_AUTO_TEST_CASE(follow_the_momentum_of_a_group) {
  const auto a = parameter("a", {1}), b = parameter("b", {1});
  const Sgd optimizer(groups({a.get(), b.get()}, {{"a", path("a"), {.momentum = 0.5}}, {"b", everything_else()}}),
                      {.lr = 0.1, .momentum = 0.9});
  BOOST_TEST(optimizer.update_model(0).pole == 0.5);
  BOOST_TEST(optimizer.update_model(1).pole == 0.9);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test::update_model_test
