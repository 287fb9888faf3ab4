// The size of gradients in a deep net on images: what decay does to it, with batch norms and without.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "framework/compute/basic.h"
#include "framework/nn/activations.h"
#include "framework/nn/flatten.h"
#include "framework/nn/sequential.h"
#include "lab/study/choice.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/workloads.h"
#include "optim/sgd.h"

namespace ebb::studies::gradients_net_study {
namespace {

constexpr const char* images = "fashion-mnist";
constexpr std::int64_t epochs = 10, hidden = 5, width = 64;

// Five layers of 64 with ReLU, in front of each a batch norm or none, and a head.
std::unique_ptr<Layer> net_of(bool norm, const Rng& rng) {
  auto net = std::make_unique<Sequential>(rng);
  net->add<Flatten>("flatten");
  for (std::int64_t i = 0, in = 784; i < hidden; ++i, in = width) {
    const std::string at = std::to_string(i + 1);
    net->add<Linear>("fc" + at, {.in = in, .out = width});
    if (norm) net->add<BatchNorm1d>("bn" + at, {.channels = width});
    net->add<ReLU>("relu" + at);
  }
  net->add<Linear>("head", {.in = width, .out = 10});
  return net;
}

// The weights of the hidden layers.
std::vector<Parameter*> watched(Layer& net) {
  std::vector<Parameter*> out;
  for (const NamedParameter& each : net.named_parameters())
    if (each.path.starts_with("fc") && each.path.ends_with(".weight")) out.push_back(each.parameter);
  return out;
}

double length(const std::vector<Parameter*>& of, bool gradient) {
  double square = 0;
  for (const Parameter* const p : of) square += sum_squares(gradient ? p->grad() : p->value());
  return std::sqrt(square);
}

void put_trained(const Trial& trial, Record& record, bool norm) {
  const std::string name = norm ? "batch norms" : "no norm";
  const std::unique_ptr<Layer> net = net_of(norm, trial.rng().at("net"));
  const std::vector<Parameter*> layers = watched(*net);
  const Loader train(
      trial.data->train(images),
      {.batch = 64, .seed = trial.pair, .drop_last = true, .augment = {.label_noise = 0.2}, .prefetch = 0});
  // Only the weights that are looked at decay: scales and the head would make every gradient smaller.
  Sgd optimizer(groups(*net, {{"hidden", path("fc*.weight"), {.decay = decoupled_lr(trial.number("lambda"))}},
                              {"rest", everything_else(), {.decay = no_decay()}}}),
                {.lr = 0.02, .momentum = 0.9});
  double largest = 0;
  std::vector<double> last;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const Epoch order = train.epoch(epoch);
    for (std::int64_t i = 0; i < order.size(); ++i) {
      const Batch one = order[i];
      workloads::gradients(*net, {one.images, one.labels});
      const double now = length(layers, true);
      if (epoch > 0) largest = std::max(largest, now);
      if (epoch + 1 == epochs) last.push_back(now);
      optimizer.step();
    }
  }
  std::ranges::nth_element(last, last.begin() + static_cast<std::ptrdiff_t>(last.size() / 2));
  const double usual = last[last.size() / 2];
  record.put("log10 of the largest gradient: " + name, std::log10(largest));
  record.put("log10 of the usual gradient: " + name, std::log10(usual));
  record.put("largest gradient: " + name, largest);
  record.put("usual gradient: " + name, usual);
  record.put("length of the weights: " + name, length(layers, false));
  net->eval();
  record.put("accuracy: " + name, 100 * accuracy_on(*net, trial.data->test(images).images()));
}

void run(const Trial& trial, Record& record) {
  put_trained(trial, record, false);
  put_trained(trial, record, true);
}

Plot sizes(const Results& results) {
  Plot plot = series_over_levels(
      {.title = "Gradient at the weights of five layers", .unit = "log10 |g|", .x = "lambda", .curves = {}}, results,
      "lambda",
      {{.title = "no norm, largest", .measured = "log10 of the largest gradient: no norm", .line = true},
       {.title = "no norm, median of the last epoch", .measured = "log10 of the usual gradient: no norm", .line = true},
       {.title = "batch norms, largest", .measured = "log10 of the largest gradient: batch norms", .line = true},
       {.title = "batch norms, median of the last epoch",
        .measured = "log10 of the usual gradient: batch norms",
        .line = true}},
      0.08);
  return plot;
}

}  // namespace

Study study() {
  const Arm none{{"lambda", "0"}}, most{{"lambda", "0.1"}};
  const auto falls = [](ClaimText text, const std::string& measure) {
    return trend(std::move(text), measure, "lambda", -1);
  };
  return {
      .name = "gradients_net",
      .title = "Decay and the size of gradients, on images",
      .statement =
          "Whether decay of the weights of a deep net makes its gradients smaller, without norms and with batch norms.",
      .answer =
          "Hardly. Without norms a lambda of 0.1 takes the median gradient of the last epoch from 1.52 to 1.46, "
          "where it already costs 6 points of accuracy; that it makes the largest gradient of a training "
          "smaller does not show (3.1 with and without it, with an interval of 11 % to both sides). With batch "
          "norms it makes both larger, 3.4 in place of 2.6 and 1.97 in place of 1.74, and costs 2 points.",
      .reference = "Hoffer et al. 2018; van Laarhoven 2017",
      .limits =
          "One net of five layers of 64 with ReLU and a head, with a batch norm behind each layer or none, on "
          "5,000 images with a fifth of the labels wrong, 10 epochs of batches of 64 under SGD with a constant "
          "learning rate of 0.02 and momentum of 0.9. The weights of the five layers alone decay, decoupled and "
          "multiplied by the learning rate; the gradient is that of the loss at these weights, as one vector. "
          "The largest one is that of all steps behind the first epoch. Nets of this depth do not explode; "
          "deeper ones, or such as start with larger weights, were not tried. Ten epochs: on pilot pairs, with "
          "other settings, the median gradient with batch norms was larger under decay at the tenth and smaller "
          "at the thirtieth.",
      .factors = {{"lambda", {"0", "0.003", "0.01", "0.03", "0.1"}}},
      .data = {images},
      .pairs = 8,
      .tier = Tier::T2,
      .minutes = 1,
      .run = run,
      .claims = {falls({"1",
                        "without norms the largest gradient of a training falls with lambda",
                        {"D3"},
                        Verdict::Is::refuted},
                       "log10 of the largest gradient: no norm"),
                 falls({"2", "without norms the median gradient of the last epoch does", {"D3"}},
                       "log10 of the usual gradient: no norm"),
                 falls({"3", "with batch norms the largest gradient does", {"D3"}, Verdict::Is::refuted},
                       "log10 of the largest gradient: batch norms"),
                 falls({"4", "with batch norms the median of the last epoch does", {"D3"}, Verdict::Is::refuted},
                       "log10 of the usual gradient: batch norms"),
                 estimate({"5", "largest gradient, no norm: without decay"}, "largest gradient: no norm", none),
                 estimate({"6", "with lambda 0.1"}, "largest gradient: no norm", most),
                 estimate({"7", "median of the last epoch, no norm: without decay"}, "usual gradient: no norm", none),
                 estimate({"8", "with lambda 0.1"}, "usual gradient: no norm", most),
                 estimate({"9", "largest gradient, batch norms: without decay"}, "largest gradient: batch norms", none),
                 estimate({"10", "with lambda 0.1"}, "largest gradient: batch norms", most),
                 estimate({"11", "median of the last epoch, batch norms: without decay"}, "usual gradient: batch norms",
                          none),
                 estimate({"12", "with lambda 0.1"}, "usual gradient: batch norms", most),
                 estimate({"13", "length of the weights at the end, batch norms: without decay"},
                          "length of the weights: batch norms", none),
                 estimate({"14", "with lambda 0.1"}, "length of the weights: batch norms", most),
                 estimate({"15", "accuracy in percent, no norm: without decay"}, "accuracy: no norm", none),
                 estimate({"16", "with lambda 0.1"}, "accuracy: no norm", most)},
      .figures = {{"size",
                   "That decay makes the largest gradients smaller does not show without norms; with batch norms it "
                   "makes them larger.",
                   sizes}},
      .pilot =
          "Pairs 101 to 104. Without norms the largest gradient was 2.7 to 3.3 without decay and 2.9 to 4.6 with a "
          "lambda of 0.1, the median of the last epoch 1.51 to 1.58 and 1.47 to 1.56; with batch norms 2.5 to 2.7 and "
          "3.2 to 4.0, and 1.7 to 1.9 and 1.9 to 2.0. So claims 1, 3 and 4, stated as the sentence has it, are not "
          "expected to be confirmed. A first pilot let all parameters decay, scales of norms and the head, too: with "
          "batch norms gradients then were as large under every lambda.",
      .explanation =
          "With batch norms weights are 0.45 times as long at lambda 0.1. Gradients in front of a norm would be "
          "2.2 times as large for that alone; they are 1.3 and 1.1 times as large, since a net trained so is "
          "another one."};
}

}  // namespace ebb::studies::gradients_net_study
