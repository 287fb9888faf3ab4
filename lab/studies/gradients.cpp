// The size of gradients: what decay does to it in a plain net, and in front of batch norms.
#include <cmath>

#include "framework/ops/activation.h"
#include "framework/ops/matmul.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "lab/study/workloads.h"
#include "optim/sgd.h"

namespace ebb::studies::gradients_study {
namespace {

using namespace workloads;

// Five layers, with a batch norm behind each but the last, or without.
struct Deep : Layer {
  static constexpr std::int64_t width = 16;
  Deep(bool norm, double eps, const Rng& rng) {
    for (int k = 0; k < 4; ++k) {
      const std::string number = std::to_string(k);
      maps.push_back(std::make_unique<Child<Linear>>(
          *this, "fc" + number, LinearOptions{.in = k == 0 ? 12 : width, .out = width, .bias = false}, rng));
      if (norm)
        norms.push_back(std::make_unique<Child<BatchNorm1d>>(*this, "bn" + number,
                                                             BatchNormLayerOptions{.channels = width, .eps = eps}));
    }
    head = std::make_unique<Child<Linear>>(*this, "head", LinearOptions{.in = width, .out = 4, .bias = false}, rng);
    to(DType::f64);
  }
  Var forward(const Var& x) override {
    Var y = x;
    for (std::size_t k = 0; k < maps.size(); ++k) {
      y = (*maps[k])(y);
      y = relu(norms.empty() ? y : (*norms[k])(y));
    }
    return (*head)(y);
  }
  // |g| of the layers in front of norms, or of those in their places.
  double gradient() const {
    double square = 0;
    for (const auto& map : maps) square += sum_squares((*map)->weight.grad());
    return std::sqrt(square);
  }
  std::vector<std::unique_ptr<Child<Linear>>> maps;
  std::vector<std::unique_ptr<Child<BatchNorm1d>>> norms;
  std::unique_ptr<Child<Linear>> head;
};

// Gradients of the logits along a fixed direction, with every weight multiplied.
double at(const Trial& trial, bool norm, double by) {
  Deep net(norm, 0, trial.rng().at("net"));
  for (const auto& map : net.maps) scale((*map)->weight.value(), by);
  Tape tape;
  const Var logits = net(toys::normals({64, 12}, trial.rng().at("x")));
  tape.backward(logits, toys::normals({64, 4}, trial.rng().at("seed")));
  return net.gradient();
}

void run(const Trial& trial, Record& record) {
  const double lambda = trial.number("lambda");
  const workloads::Batch batch = made_up({128, 12}, 4, trial.rng().at("batch"));
  for (const bool norm : {false, true}) {
    Deep net(norm, 1e-5, trial.rng().at("net"));
    Sgd optimizer(groups(net, {{"decayed", path("fc*"), {.decay = decoupled_lr(lambda)}},
                               {"rest", everything_else(), {.decay = no_decay()}}}),
                  {.lr = 0.02, .momentum = 0.9});
    for (int step = 0; step < 200; ++step) {
      workloads::gradients(net, batch);
      optimizer.step();
    }
    // Of logits, not of the loss: how steep the net is in its weights, whatever is left of the loss.
    net.zero_grad();
    Tape tape;
    tape.backward(net(batch.x), toys::normals({128, 4}, trial.rng().at("seed")));
    record.put(norm ? "gradient in front of norms" : "gradient of a plain net", net.gradient());
  }
  // Three of four layers stand beside each of the plain ones that grow.
  put_exact(record, "plain", at(trial, false, 1.1) / at(trial, false, 1) / std::pow(1.1, 3) - 1,
            1 - 1 / std::pow(1.1, 3));
  put_exact(record, "before norms", at(trial, true, 1.1) / at(trial, true, 1) * 1.1 - 1, 0.1);
}

Plot sizes(const Results& results) {
  return over_first_level({.title = "Gradient of the logits at the weights of four layers",
                           .unit = "over that without decay",
                           .x = "lambda",
                           .curves = {}},
                          results, "lambda", {"gradient of a plain net", "gradient in front of norms"});
}

}  // namespace

Study study() {
  const Arm none{{"lambda", "0"}};
  return {.name = "gradients",
          .title = "Decay and the size of gradients",
          .statement = "Decay makes the gradients of a plain net smaller, and those in front of batch norms larger.",
          .answer =
              "It depends on the norms: after training with more decay the gradients of a plain net are smaller, 0.2 "
              "in place of 94 at lambda 0.3, and those in front of batch norms larger, 2,040 in place of 773. Exactly, "
              "four plain layers with weights 1.1 times as large have gradients 1.1^3 times as large, in front of "
              "norms 1 / 1.1 times.",
          .reference = "Hoffer et al. 2018; van Laarhoven 2017",
          .limits =
              "Nets of five narrow layers on made-up samples, 200 steps; gradients of the logits along a fixed "
              "direction, not of a loss that may have come near 0.",
          .factors = {{"lambda", {"0", "0.03", "0.1", "0.3"}}},
          .pairs = 8,
          .tier = Tier::T1,
          .minutes = 0.1,
          .run = run,
          .claims = {exact({"1", "gradients of four plain layers 1.1 times as large are 1.1^3 times as large", {"D3"}},
                           "plain", 1e-12),
                     exact({"2", "in front of batch norms without eps they are 1 / 1.1 as large", {"D3"}},
                           "before norms", 1e-12),
                     trend({"3", "after training with more decay gradients of a plain net are smaller", {"D3"}},
                           "gradient of a plain net", "lambda", -1),
                     trend({"4", "in front of batch norms, too", {"D3"}, Verdict::Is::refuted},
                           "gradient in front of norms", "lambda", -1),
                     estimate({"5", "gradients of a plain net after training without decay"}, "gradient of a plain net",
                              none),
                     estimate({"6", "in front of batch norms, after training without decay"},
                              "gradient in front of norms", none)},
          .figures = {{"size", "Decay makes gradients smaller without norms, and larger in front of them.", sizes}}};
}

}  // namespace ebb::studies::gradients_study
