// Trajectories of PyTorch 1.13.1 in f64: see tests/golden/make_optim_golden.py.
#include <boost/test/unit_test.hpp>

#include "framework/io/safetensors.h"
#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

using Made = std::unique_ptr<Optimizer>;

using Make = Made (*)(const std::string& name, const Groups& table);

Made make(const std::string& name, const Groups& table) {
  if (name == "sgd") return Made(new Sgd(table, {.lr = 0.1}));
  if (name == "momentum") return Made(new Sgd(table, {.lr = 0.1, .momentum = 0.9}));
  if (name == "nesterov") return Made(new Sgd(table, {.lr = 0.1, .momentum = 0.9, .nesterov = true}));
  if (name == "dampened") return Made(new Sgd(table, {.lr = 0.1, .momentum = 0.9, .dampening = 0.5}));
  if (name == "adam") return Made(new Adam(table, {.lr = 0.01}));
  if (name == "amsgrad") return Made(new Adam(table, {.lr = 0.01, .amsgrad = true}));
  if (name == "adamw") return Made(new AdamW(table, {.lr = 0.01}));
  if (name == "adamw_amsgrad") return Made(new AdamW(table, {.lr = 0.01, .amsgrad = true}));
  if (name == "rmsprop") return Made(new RmsProp(table, {.lr = 0.01}));
  if (name == "rmsprop_centered_momentum")
    return Made(new RmsProp(table, {.lr = 0.01, .momentum = 0.5, .centered = true}));
  if (name == "adagrad") return Made(new Adagrad(table, {.lr = 0.1}));
  if (name == "adagrad_lr_decay") return Made(new Adagrad(table, {.lr = 0.1, .lr_decay = 0.01, .initial = 0.25}));
  if (name == "adadelta") return Made(new Adadelta(table, {.lr = 1}));
  if (name == "nadam") return Made(new NAdam(table, {.lr = 0.01}));
  if (name == "radam") return Made(new RAdam(table, {.lr = 0.01}));
  BOOST_FAIL("no optimizer for " << name);
  return nullptr;
}

// Under one_cycle(100), which also takes momentum and beta1 from 0.9 to 0.8 and back.
Made make_cycled(const std::string& name, const Groups& table) {
  const Schedule lr = one_cycle(100), mu = one_cycle_momentum(100, {.low = 0.8 / 0.9});
  if (name == "momentum")
    return Made(new Sgd(table, {.lr = 0.1, .momentum = 0.9, .schedule = lr, .momentum_schedule = mu}));
  if (name == "nesterov")
    return Made(
        new Sgd(table, {.lr = 0.1, .momentum = 0.9, .nesterov = true, .schedule = lr, .momentum_schedule = mu}));
  if (name == "adam") return Made(new Adam(table, {.lr = 0.01, .schedule = lr, .momentum_schedule = mu}));
  if (name == "adamw") return Made(new AdamW(table, {.lr = 0.01, .schedule = lr, .momentum_schedule = mu}));
  if (name == "rmsprop")
    return Made(new RmsProp(table, {.lr = 0.01, .momentum = 0.9, .schedule = lr, .momentum_schedule = mu}));
  if (name == "nadam") return Made(new NAdam(table, {.lr = 0.01, .schedule = lr, .momentum_schedule = mu}));
  if (name == "radam") return Made(new RAdam(table, {.lr = 0.01, .schedule = lr, .momentum_schedule = mu}));
  BOOST_FAIL("no optimizer for " << name);
  return nullptr;
}

// w[from .. from + count) of a tensor of ten.
Tensor part(const Tensor& all, std::size_t from, std::size_t count) {
  return Tensor::from(all.span<double>().subspan(from, count), {static_cast<std::int64_t>(count)});
}

// Follows all trajectories of a golden file; returns how many there are.
int follow(const char* golden, Make make) {
  const TensorFile file = load_safetensors(text(EBB_SOURCE_DIR "/tests/golden/", golden));
  const auto numbers = [&](const char* name) { return values(file.tensors.at(name)); };
  const std::vector<double> curvature = numbers("curvature"), centre = numbers("centre"), noise = numbers("noise");
  const std::vector<int> kept = {1, 2, 10, 100};
  int cases = 0;
  for (const auto& entry : file.tensors) {
    const std::size_t dot = entry.first.find('.');
    if (dot == std::string::npos) continue;
    ++cases;
    const std::string name = entry.first.substr(0, dot);
    const double lambda = entry.first.substr(dot) == ".decay" ? 0.125 : 0;
    const bool decoupled = name.rfind("adamw", 0) == 0;
    const auto decay = [&](double l) { return decoupled ? decoupled_lr(l) : coupled_l2(l); };
    Parameter first("first", Role::weight, part(file.tensors.at("start"), 0, 6));
    Parameter second("second", Role::weight, part(file.tensors.at("start"), 6, 4));
    const auto optimizer = make(
        name, groups({&first, &second}, {{"first", path("first"), {.decay = decay(lambda)}},
                                         {"second", path("second"), {.decay = decay(2 * lambda), .lr_scale = 0.5}}}));
    const std::vector<double> want = values(entry.second);
    std::size_t row = 0;
    double worst = 0, effect = 0;
    for (int step = 0; step < 100; ++step) {
      std::vector<double> w = values(first.value());
      for (const double x : values(second.value())) w.push_back(x);
      Tensor g({10}, DType::f64);
      for (std::size_t i = 0; i < 10; ++i)
        g.mutable_data<double>()[i] =
            curvature[i] * (w[i] - centre[i]) + noise[static_cast<std::size_t>(step) * 10 + i];
      set_gradient(first, part(g, 0, 6));
      set_gradient(second, part(g, 6, 4));
      optimizer->step();
      if (step + 1 != kept[row]) continue;
      w = values(first.value());
      for (const double x : values(second.value())) w.push_back(x);
      const std::vector<double> plain = values(file.tensors.at(name + ".none"));
      for (std::size_t i = 0; i < 10; ++i) {
        worst = std::max(worst, std::abs(w[i] - want[row * 10 + i]));
        effect = std::max(effect, std::abs(want[row * 10 + i] - plain[row * 10 + i]));
      }
      ++row;
    }
    BOOST_TEST(worst <= 1e-10, entry.first << " is off by " << worst);
    if (lambda > 0) BOOST_TEST(effect >= 1000 * 1e-10, entry.first << ": no effect of decay");
  }
  return cases;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(optimizers_against_pytorch)

BOOST_AUTO_TEST_CASE(trajectories_of_two_groups) { BOOST_TEST(follow("optim.safetensors", make) == 30); }

BOOST_AUTO_TEST_CASE(one_cycle_of_rate_and_momentum) { BOOST_TEST(follow("one_cycle.safetensors", make_cycled) == 14); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
