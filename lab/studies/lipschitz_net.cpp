// How steep a net on images can be and is: the product of spectral norms and the steepest difference, under decay.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "framework/compute/basic.h"
#include "lab/study/choice.h"
#include "lab/study/figures.h"
#include "lab/study/singular_values.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "lab/study/workloads.h"
#include "optim/sgd.h"

namespace ebb::studies::lipschitz_net_study {
namespace {

constexpr const char* images = "fashion-mnist";
constexpr std::int64_t epochs = 10, looked_at = 1000;

double spectral_norm(const Tensor& w) { return singular_values(w).front(); }

// The weight with what the norm behind it multiplies each of its outputs by: scale / sqrt(variance + eps).
Tensor folded(const Linear& layer, const BatchNorm1d& norm) {
  Tensor out = cast(layer.weight.value(), DType::f64);
  const std::int64_t columns = out.dim(1);
  for (std::int64_t i = 0; i < out.size(); ++i) {
    const std::int64_t k = i % columns;
    out.mutable_data<double>()[i] *=
        norm.scale->value().at({k}) / std::sqrt(norm.running_variance->value().at({k}) + norm.options().eps);
  }
  return out;
}

// The steepest of many differences of logits over those of inputs: of two test images, and of an image and one that
// noise has moved a little.
double steepest(Layer& net, const Trial& trial) {
  const Loader loader(trial.data->test(images).images(), {.batch = looked_at, .shuffle = false, .prefetch = 0});
  const Tensor x = cast(loader.epoch(0)[0].images, DType::f64);
  const Tensor noise = toys::normals(x.shape(), trial.rng().at("noise"));
  Tensor moved = x.clone();
  axpy(1e-3, noise, moved);
  const Tensor here = net(x).value().clone(), there = net(moved).value().clone();
  const std::int64_t inputs = x.size() / looked_at, classes = here.dim(1);
  const auto apart = [](const Tensor& a, std::int64_t i, const Tensor& b, std::int64_t j, std::int64_t n) {
    double square = 0;
    for (std::int64_t k = 0; k < n; ++k)
      square += std::pow(a.data<double>()[i * n + k] - b.data<double>()[j * n + k], 2);
    return std::sqrt(square);
  };
  double most = 0;
  for (std::int64_t i = 0; i < looked_at; ++i) {
    most = std::max(most, apart(there, i, here, i, classes) / apart(moved, i, x, i, inputs));
    const std::int64_t j = (i + 1) % looked_at;
    most = std::max(most, apart(here, j, here, i, classes) / apart(x, j, x, i, inputs));
  }
  return most;
}

// What is trained, and what of it decays.
void put_trained(const Trial& trial, Record& record, Layer& net, const Selector& decayed, const std::string& name) {
  const Loader train(
      trial.data->train(images),
      {.batch = 64, .seed = trial.pair, .drop_last = true, .augment = {.label_noise = 0.2}, .prefetch = 0});
  Sgd optimizer(groups(net, {{"decayed", decayed, {.decay = decoupled_lr(trial.number("lambda"))}},
                             {"rest", everything_else(), {.decay = no_decay(), .may_be_empty = true}}}),
                {.lr = 0.05, .momentum = 0.9, .schedule = cosine(epochs * train.batches())});
  workloads::train(net, optimizer, train, epochs);
  net.eval();
  record.put("accuracy: " + name, 100 * accuracy_on(net, trial.data->test(images).images()));
  net.to(DType::f64);
  record.put("steepest: " + name, steepest(net, trial));
}

void run(const Trial& trial, Record& record) {
  workloads::PlainMlp plain({}, trial.rng().at("net"));
  put_trained(trial, record, plain, path("*.weight"), "no norm");
  record.put("bound: no norm", spectral_norm(plain.fc1->weight.value()) * spectral_norm(plain.fc2->weight.value()));
  for (const bool all : {false, true}) {
    const std::string name = all ? "batch norm and decay of all" : "batch norm and decay in front of it";
    workloads::BnMlp net({}, trial.rng().at("net"));
    put_trained(trial, record, net, all ? path("*") : path("fc1.weight"), name);
    const double head = spectral_norm(net.fc2->weight.value());
    record.put("product of weights: " + name, spectral_norm(net.fc1->weight.value()) * head);
    record.put("bound: " + name, spectral_norm(folded(*net.fc1, *net.bn1)) * head);
  }
}

Plot bounds(const Results& results) {
  return over_first_level(
      {.title = "Bound on the steepness", .unit = "over that without decay", .x = "lambda", .curves = {}}, results,
      "lambda",
      {"bound: no norm", "bound: batch norm and decay in front of it", "bound: batch norm and decay of all",
       "product of weights: batch norm and decay in front of it"},
      0.1);
}

Plot seen(const Results& results) {
  return over_first_level(
      {.title = "Steepest difference seen on test images",
       .unit = "over that without decay",
       .x = "lambda",
       .curves = {}},
      results, "lambda",
      {"steepest: no norm", "steepest: batch norm and decay in front of it", "steepest: batch norm and decay of all"},
      0.1);
}

}  // namespace

Study study() {
  const Arm none{{"lambda", "0"}}, most{{"lambda", "0.1"}};
  const std::string front = "batch norm and decay in front of it", all = "batch norm and decay of all";
  const auto falls = [](ClaimText text, const std::string& measure) {
    return trend(std::move(text), measure, "lambda", -1);
  };
  return {
      .name = "lipschitz_net",
      .title = "Decay and the steepness of a net, on images",
      .statement =
          "Decay of its weights makes a net without norms less steep, its bound and what is seen of it; whether "
          "decay of the weight in front of a batch norm does.",
      .answer =
          "Without a norm, yes: a lambda of 0.1 for both weights takes the bound from 4.3 to 1.6 and the "
          "steepest difference seen on test images from 0.51 to 0.36. For the weight in front of a batch norm "
          "alone it takes the product of weights from 5.3 to 2.9; that it takes anything from the bound (3.5 "
          "and 3.4) or from the steepest difference (0.49 and 0.49) does not show. Decay of all parameters does "
          "make a net with a batch norm less steep, 2.1 and 0.36, and costs it 0.7 points of accuracy.",
      .reference = "Bartlett, Foster & Telgarsky 2017 for the bound",
      .limits =
          "Nets of two layers and 64 units on 5,000 images with a fifth of the labels wrong, 10 epochs of "
          "batches of 64 under SGD with a learning rate of 0.05 along a cosine and momentum of 0.9, decay "
          "decoupled and multiplied by the learning rate: of both weights without a norm, and with one of the "
          "weight in front of it alone or of all parameters. The bound is the product of spectral norms, a norm "
          "folded into the weight in front of it by its running variance. The steepest difference seen is that "
          "of logits over inputs, of 1,000 pairs of test images and 1,000 images that noise has moved a little: "
          "no search, so that a net may be steeper elsewhere. Ten epochs: on pilot pairs, with other settings, "
          "decay in front of the norm did lower the bound over twenty.",
      .factors = {{"lambda", {"0", "0.003", "0.01", "0.03", "0.1"}}},
      .data = {images},
      .pairs = 8,
      .tier = Tier::T2,
      .minutes = 1,
      .run = run,
      .claims = {falls({"1", "without a norm decay lowers the bound", {"B7"}}, "bound: no norm"),
                 falls({"2", "and the steepest difference seen", {"B7"}}, "steepest: no norm"),
                 falls({"3", "decay in front of a batch norm lowers the product of weights", {"B7"}},
                       "product of weights: " + front),
                 falls({"4", "and the bound of the net", {"B7"}, Verdict::Is::refuted}, "bound: " + front),
                 falls({"5", "and the steepest difference seen", {"B7"}, Verdict::Is::undecided}, "steepest: " + front),
                 falls({"6",
                        "decay of all parameters, scale and head too, lowers the bound of a net with a batch norm",
                        {"B7"}},
                       "bound: " + all),
                 falls({"7", "and the steepest difference seen", {"B7"}}, "steepest: " + all),
                 estimate({"8", "bound, no norm: without decay"}, "bound: no norm", none),
                 estimate({"9", "with lambda 0.1"}, "bound: no norm", most),
                 estimate({"10", "product of weights, batch norm and decay in front of it: without decay"},
                          "product of weights: " + front, none),
                 estimate({"11", "with lambda 0.1"}, "product of weights: " + front, most),
                 estimate({"12", "bound, batch norm and decay in front of it: without decay"}, "bound: " + front, none),
                 estimate({"13", "with lambda 0.1"}, "bound: " + front, most),
                 estimate({"14", "with lambda 0.1 for all parameters"}, "bound: " + all, most),
                 estimate({"15", "steepest difference seen, no norm: without decay"}, "steepest: no norm", none),
                 estimate({"16", "with lambda 0.1"}, "steepest: no norm", most),
                 estimate({"17", "steepest difference seen, batch norm and decay in front of it: without decay"},
                          "steepest: " + front, none),
                 estimate({"18", "with lambda 0.1"}, "steepest: " + front, most),
                 estimate({"19", "with lambda 0.1 for all parameters"}, "steepest: " + all, most),
                 estimate({"20", "accuracy in percent, no norm: without decay"}, "accuracy: no norm", none),
                 estimate({"21", "with lambda 0.1"}, "accuracy: no norm", most)},
      .figures = {{"bound",
                   "Decay in front of a batch norm takes from the weights; that it takes from what bounds the net does "
                   "not show.",
                   bounds},
                  {"seen", "Nor does it show in what is seen of its steepness.", seen}},
      .pilot =
          "Pairs 101 to 104, without decay and with a lambda of 0.1: bounds without a norm 4.5 and 1.6; products of "
          "weights with decay in front of a batch norm 5.3 and 2.8, bounds 3.2 to 3.3 and 3.2 to 3.5, and 2.1 with "
          "decay of all. Steepest differences 0.45 to 0.57 and 0.32 to 0.36 without a norm, 0.40 to 0.46 and 0.41 to "
          "0.46 with decay in front of one. So claims 4 and 5, stated as the sentence has it, are not expected to be "
          "confirmed.",
      .explanation =
          "With decay in front of the norm the bound even rises a little first, by 4 % at lambda 0.03 (1.4 to 7 "
          "%). Decay of all parameters was not parted into that of scale and of head."};
}

}  // namespace ebb::studies::lipschitz_net_study
