// Transplant: the norms that decay brings, given to a training without decay in three ways.
#include <algorithm>
#include <cmath>

#include "data/loader.h"
#include "framework/compute/basic.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/statistics.h"
#include "lab/study/study.h"
#include "lab/study/workloads.h"
#include "optim/channels.h"
#include "optim/sgd.h"

namespace ebb::studies {
namespace {

constexpr const char* images = "fashion-mnist";
constexpr std::int64_t batch = 64, epochs = 12, judged = 4;  // the last ones
constexpr double lr = 0.1, lambda = 0.02;

using Numbers = std::vector<double>;
using Norms = std::vector<std::vector<Numbers>>;  // step, weight, channel

Numbers norms_of(Parameter& p) {
  const ChannelView view = channel_view(p);
  Numbers out(static_cast<std::size_t>(view.channels()));
  channel_dots(view, p.value(), p.value(), out.data());
  for (double& x : out) x = std::sqrt(x);
  return out;
}

void set_norms(Parameter& p, const Numbers& wanted) {
  Numbers factor = norms_of(p);
  for (std::size_t c = 0; c < factor.size(); ++c) factor[c] = factor[c] > 0 ? wanted[c] / factor[c] : 1;
  channel_scale(channel_view(p), factor.data(), p.value());
}

bool reads_norms(const std::string& way) { return way == "rate of each channel" || way.starts_with("norm of"); }

// A step of a weight in front of a norm. \param now, next the norms of the decayed training before and after it.
// \param factor 1 / (1 - lr lambda), which makes directions equal; 1 leaves it out.
void step_of(const std::string& way, Parameter& p, double factor, const Numbers& now, const Numbers& next) {
  Numbers rate(static_cast<std::size_t>(channel_view(p).channels()), -lr);
  if (way == "decay") {
    scale(p.value(), 1 - lr * lambda);
  } else if (way == "rate of each channel") {
    const Numbers own = norms_of(p);
    for (std::size_t c = 0; c < rate.size(); ++c) rate[c] *= factor * std::pow(own[c] / now[c], 2);
  } else if (way == "norm of each channel") {
    for (double& x : rate) x *= factor;
  } else if (way == "norm of 1") {
    for (std::size_t c = 0; c < rate.size(); ++c) rate[c] *= factor / std::pow(now[c], 2);
  }
  channel_axpy(channel_view(p), rate.data(), p.grad(), p.value());
  if (way == "norm of each channel") set_norms(p, next);
  if (way == "norm of 1") set_norms(p, Numbers(now.size(), 1));
}

// Trains a net, its weights in front of norms in one of the ways and the rest by SGD.
class Training {
 public:
  Training(Layer& net, std::vector<Parameter*> weights, std::string way)
      : weights_(std::move(weights)),
        way_(std::move(way)),
        rest_(groups(others(net), {{"rest",
                                    everything_else(),
                                    {.decay = way_ == "decay of the rest" ? decoupled_lr(lambda) : no_decay()}}}),
              {.lr = lr}) {
    if (way_ == "norm of 1")
      for (Parameter* const p : weights_) set_norms(*p, Numbers(norms_of(*p).size(), 1));
  }
  // After the gradients were made. Of "decay" it adds the norms to `norms`, of others it reads them.
  void step(Norms& norms, std::size_t number, double factor = 1 / (1 - lr * lambda)) {
    const bool source = way_ == "decay", reads = reads_norms(way_);
    if (source && norms.empty()) norms.push_back(all_norms());
    for (std::size_t k = 0; k < weights_.size(); ++k)
      step_of(way_, *weights_[k], factor, reads ? norms.at(number)[k] : Numbers(),
              reads ? norms.at(number + 1)[k] : Numbers());
    rest_.step();
    if (source) norms.push_back(all_norms());
  }

 private:
  std::vector<Parameter*> others(Layer& net) const {
    std::vector<Parameter*> out;
    for (Parameter* const p : net.parameters())
      if (std::ranges::find(weights_, p) == weights_.end()) out.push_back(p);
    return out;
  }
  std::vector<Numbers> all_norms() const {
    std::vector<Numbers> out;
    for (Parameter* const p : weights_) out.push_back(norms_of(*p));
    return out;
  }
  std::vector<Parameter*> weights_;
  std::string way_;
  Sgd rest_;
};

// The most that a channel's direction is off that of the decayed training, over 200 steps.
void directions(const Trial& trial, Record& record) {
  constexpr std::size_t steps = 200;
  Numbers last;  // norms at the end of the course
  const auto course = [&](const std::string& way, Norms& norms, double factor) {
    workloads::BnMlp net({.in = 12, .hidden = 16, .classes = 4, .eps = 0}, trial.rng().at("net"));
    net.to(DType::f64);
    Training training(net, {&net.fc1->weight}, way);
    std::vector<Tensor> out;
    for (std::size_t step = 0; step < steps; ++step) {
      workloads::gradients(net, workloads::made_up({32, 12}, 4, trial.rng().at("batch").at(step)));
      training.step(norms, step, factor);
      Parameter direction("direction", Role::weight, net.fc1->weight.value().clone());
      set_norms(direction, Numbers(16, 1));
      out.push_back(direction.value().clone());
    }
    last = norms_of(net.fc1->weight);
    return out;
  };
  Norms norms;
  const std::vector<Tensor> decayed = course("decay", norms, 1);
  const auto apart = [&](const std::string& way, double factor) {
    const std::vector<Tensor> seen = course(way, norms, factor);
    double worst = 0;
    for (std::size_t step = 0; step < steps; ++step)
      for (std::int64_t i = 0; i < seen[step].size(); ++i)
        worst = std::max(worst, std::abs(seen[step].data<double>()[i] - decayed[step].data<double>()[i]));
    return worst;
  };
  for (const std::string way : {"rate of each channel", "norm of each channel", "norm of 1"})
    put_exact(record, way, apart(way, 1 / (1 - lr * lambda)), apart(way, 1));
  record.put("nothing in its place", apart("nothing", 1));
  // lr / |w|^2 of the decayed training over that of the other, in the channel that gains least.
  double least = INFINITY;
  for (std::size_t c = 0; c < last.size(); ++c) least = std::min(least, std::pow(last[c] / norms.back()[0][c], 2));
  record.put("least rise of the effective lr", least);
}

void on_images(const Trial& trial, Record& record) {
  const Loader train(
      trial.data->train(images),
      {.batch = batch, .seed = trial.pair, .drop_last = true, .augment = {.label_noise = 0.2}, .prefetch = 0});
  // The mean of test accuracies over the last epochs: at a constant learning rate a single one is noisy.
  const auto trained = [&](workloads::BnMlp& model, const std::string& way, Norms& norms, bool judge) {
    Training training(model, {&model.fc1->weight}, way);
    std::size_t step = 0;
    double accuracy = 0;
    for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
      const Epoch order = train.epoch(epoch);
      for (std::int64_t i = 0; i < order.size(); ++i, ++step) {
        const Batch one = order[i];
        workloads::gradients(model, {one.images, one.labels});
        training.step(norms, step);
      }
      if (!judge || epoch < epochs - judged) continue;
      model.eval();
      accuracy += 100 * accuracy_on(model, trial.data->test(images).images()) / judged;
      model.train();
    }
    return accuracy;
  };
  const std::string& way = trial.word("way");
  Norms norms;
  if (reads_norms(way)) {
    workloads::BnMlp decayed({}, trial.rng().at("model"));
    trained(decayed, "decay", norms, false);
  }
  workloads::BnMlp model({}, trial.rng().at("model"));
  record.put("test accuracy", trained(model, way, norms, true));
  record.put("norm", median_of(norms_of(model.fc1->weight)));
}

void run(const Trial& trial, Record& record) {
  if (trial.word("way") == "decay") directions(trial, record);
  if (trial.tier > Tier::T1) on_images(trial, record);
}

Plot accuracies(const Results& results) {
  return over_levels({.title = "Test accuracy", .unit = "%", .x = "what acts on the first layer", .curves = {}},
                     results, "way", {"test accuracy"});
}

}  // namespace

Study transplant() {
  const Arm decay{{"way", "decay"}};
  const auto as = [](const char* way) { return Arm{{"way", way}}; };
  std::vector<Claim> claims{
      exact({"1", "undecayed with lr |w|^2 / |w decayed|^2 / (1 - lr lambda) of each channel: the same directions"},
            "rate of each channel", 1e-10, decay),
      exact({"2", "undecayed at the decayed norms with lr / (1 - lr lambda): the same"}, "norm of each channel", 1e-10,
            decay),
      exact({"3", "at a norm of 1 with lr / |w decayed|^2 / (1 - lr lambda): the same"}, "norm of 1", 1e-10, decay),
      at_least({"4", "undecayed with nothing in its place: other directions"}, "nothing in its place", 1e-5),
      at_least({"5", "decay raises the effective learning rate lr / |w|^2 of every channel", {"B11"}},
               "least rise of the effective lr", 1),
      equivalent({"6", "on images the first is as accurate as decay within half a point"}, "test accuracy", decay,
                 as("rate of each channel"), 0.5),
      equivalent({"7", "so is the second"}, "test accuracy", decay, as("norm of each channel"), 0.5),
      equivalent({"8", "so is the third"}, "test accuracy", decay, as("norm of 1"), 0.5),
      equivalent({"9", "so is nothing in its place", {}, Verdict::Is::refuted}, "test accuracy", decay, as("nothing"),
                 0.5),
      estimate({"10", "decay of the first layer beside none, in points"}, "test accuracy", decay, as("nothing")),
      estimate({"11", "decay of all but the first layer beside none"}, "test accuracy", as("decay of the rest"),
               as("nothing"))};
  for (std::size_t i = 5; i < claims.size(); ++i) claims[i].least = Tier::T2;
  return {
      .name = "transplant",
      .title = "The norms of decay without decay",
      .statement =
          "In front of a batch norm decay acts through the norm of the weights alone: whoever gives a training without "
          "decay the same effective learning rate has the same training.",
      .reference = "van Laarhoven 2017; Hoffer et al. 2018; Zhang et al. 2019",
      .limits =
          "Plain SGD at one constant learning rate, one net of two layers on 5,000 images with a fifth of the labels "
          "at "
          "random, twelve epochs, decay of the first layer only. With momentum the buffer has to be scaled, too.",
      .factors = {{"way",
                   {"decay", "rate of each channel", "norm of each channel", "norm of 1", "nothing",
                    "decay of the rest"}}},
      .data = {images},
      .pairs = 16,
      .tier = Tier::T2,
      .least_tier = Tier::T1,
      .minutes = 3,
      .run = run,
      .claims = std::move(claims),
      .figures = {{"accuracy", "Whatever brings the effective learning rate of decay brings its accuracy.", accuracies,
                   Tier::T2}},
      .pilot =
          "Pairs 101 to 104, by the last of eight epochs: decay was as accurate as the three others within 0.2 points, "
          "with deviations of up to 1.1, and worse than nothing by 1.2. Since then accuracy is a mean over the last "
          "four "
          "of twelve epochs. The sentence of claim 9 is expected to be refuted after that; margins were not changed."};
}

}  // namespace ebb::studies
