// Rank in a net: what small batches and decay do together to the singular values of a layer.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "data/loader.h"
#include "lab/study/figures.h"
#include "lab/study/singular_values.h"
#include "lab/study/study.h"
#include "lab/study/workloads.h"
#include "optim/sgd.h"

namespace ebb::studies::rank_net_study {
namespace {

constexpr const char* images = "fashion-mnist";
constexpr std::int64_t steps = 4000;
constexpr double lr = 0.02;

std::unique_ptr<Layer> model_of(const Trial& trial) {
  if (trial.word("norm") == "batch")
    return std::make_unique<workloads::BnMlp>(workloads::BnMlpOptions{}, trial.rng().at("model"));
  return std::make_unique<workloads::PlainMlp>(workloads::PlainMlpOptions{}, trial.rng().at("model"));
}

void run(const Trial& trial, Record& record) {
  const std::unique_ptr<Layer> model = model_of(trial);
  const auto batch = static_cast<std::int64_t>(trial.number("batch"));
  const Loader train(
      trial.data->train(images),
      {.batch = batch, .seed = trial.pair, .drop_last = true, .augment = {.label_noise = 0.2}, .prefetch = 0});
  Sgd optimizer(*model, {.lr = lr, .decay = decoupled_lr(trial.number("lambda"))});
  const std::int64_t epochs = (steps + train.batches() - 1) / train.batches();
  double loss = 0;
  for (std::int64_t epoch = 0, step = 0; epoch < epochs; ++epoch) {
    const Epoch order = train.epoch(epoch);
    for (std::int64_t i = 0; i < order.size() && step < steps; ++i, ++step) {
      const ebb::Batch one = order[i];
      loss = workloads::gradients(*model, {one.images, one.labels});
      optimizer.step();
    }
  }
  for (const NamedParameter& p : model->named_parameters()) {
    if (p.path != "fc1.weight") continue;
    const std::vector<double> values = singular_values(p.parameter->value());
    double squares = 0;
    for (const double s : values) squares += s * s;
    record.put("stable rank", squares / (values.front() * values.front()));
    record.put("directions above a hundredth",
               static_cast<double>(std::ranges::count_if(values, [&](double s) { return s > 0.01 * values.front(); })));
  }
  model->eval();
  record.put("last loss", loss);
  record.put("test error", 100 * (1 - accuracy_on(*model, trial.data->test(images).images())));
}

Plot ranks(const Results& results, const std::string& norm) {
  std::vector<LevelSeries> series;
  for (const std::string& batch : results.levels("batch"))
    series.push_back({.title = "batches of " + batch,
                      .measured = "stable rank",
                      .arm = {{"norm", norm}, {"batch", batch}},
                      .line = true});
  Plot plot = series_over_levels(
      {.title = norm == "none" ? "The first layer, without a norm" : "The first layer, in front of a batch norm",
       .unit = "stable rank, of 64",
       .x = "lambda",
       .curves = {}},
      results, "lambda", series, 0.1);
  plot.y_axis.from_zero = true;
  return plot;
}

}  // namespace

Study study() {
  const auto at = [](const char* norm, const char* batch, const char* lambda) {
    Arm arm{{"norm", norm}};
    if (*batch != '\0') arm["batch"] = batch;
    if (*lambda != '\0') arm["lambda"] = lambda;
    return arm;
  };
  const std::string rank = "stable rank", directions = "directions above a hundredth";
  return {
      .name = "rank_net",
      .title = "Rank, batches and decay in a net",
      .statement = "Decay lowers the stable rank of a layer, and so do small batches, with decay or without.",
      .answer =
          "Yes, in the sense that few directions come to carry a layer's length: without a norm, in batches of 4, the "
          "stable rank (the squares of all singular values over that of the greatest) is smaller by 7.9 of 64 at a "
          "lambda "
          "of 0.1 than without decay, and 17 of 64 directions more lie below a hundredth of the greatest. With small "
          "batches, which here have also seen less data, it is smaller, too, with decay and without.",
      .reference = "Galanti, Siegel, Gupte & Poggio 2025, arXiv 2206.05794",
      .limits =
          "The first of two layers, 784 by 64, of one net with and without a batch norm on 5,000 images, a fifth of "
          "whose "
          "labels are wrong; plain SGD at a constant learning rate of 0.02. Every training has 4,000 steps, so that "
          "one in batches of 4 sees each image three times and one in batches of 64 fifty times: what batches do is "
          "not "
          "told from what more data do. The theorem on rank by batches and decay, of B log(1 / eps) / (lr lambda) "
          "directions above eps of the whole, allows 9,200 of the 64 there are at batches of 4 and a lambda of 0.1; "
          "it would say something from a lambda of 14 on, under which nothing is learned.",
      .factors = {{"norm", {"none", "batch"}}, {"batch", {"4", "16", "64"}}, {"lambda", {"0", "0.01", "0.03", "0.1"}}},
      .data = {images},
      .pairs = 8,
      .tier = Tier::T2,
      .minutes = 1,
      .run = run,
      .claims =
          {trend({"1", "without a norm, in batches of 4: the more decay, the smaller the stable rank", {"B8"}}, rank,
                 "lambda", -1, at("none", "4", "")),
           trend({"2", "so it is in front of a batch norm", {"B8"}}, rank, "lambda", -1, at("batch", "4", "")),
           trend({"3", "without a norm, under the strongest decay: the larger the batch, the larger the stable rank"},
                 rank, "batch", 1, at("none", "", "0.1")),
           trend({"4", "so it is in front of a batch norm"}, rank, "batch", 1, at("batch", "", "0.1")),
           trend({"5", "without a norm and without decay it rises with the batch, too"}, rank, "batch", 1,
                 at("none", "", "0")),
           trend({"6", "so it does in front of a batch norm"}, rank, "batch", 1, at("batch", "", "0")),
           greater({"7",
                    "without a norm, in batches of 4: decay of 0.1 leaves fewer directions above a hundredth of the "
                    "greatest than none",
                    {"B8"}},
                   directions, at("none", "4", "0"), at("none", "4", "0.1")),
           estimate({"8", "how many it leaves in front of a batch norm, in batches of 4, of 64", {"B8"}}, directions,
                    at("batch", "4", "0.1")),
           estimate({"9", "without a norm, in batches of 4: the stable rank without decay less that at 0.1"}, rank,
                    at("none", "4", "0"), at("none", "4", "0.1")),
           estimate({"10", "without decay, without a norm: the stable rank in batches of 64 less that in batches of 4"},
                    rank, at("none", "64", "0"), at("none", "4", "0"))},
      .figures = {{"none", "Without a norm the stable rank falls with decay, and with small batches.",
                   [](const Results& r) { return ranks(r, "none"); }},
                  {"batch", "In front of a batch norm, too.", [](const Results& r) { return ranks(r, "batch"); }}},
      .pilot =
          "Pairs 101 to 104 showed what claims 1 to 3 and 5 to 7 say in each pair. In front of a batch norm at 0.1 "
          "batches of 16 were above those of 4 and of 64, for which claim 4 may come out undecided. A first pilot at a "
          "learning rate of 0.1, on pairs 101 and 102, was left: in batches of 4 nets without a norm hardly learned."};
}

}  // namespace ebb::studies::rank_net_study
