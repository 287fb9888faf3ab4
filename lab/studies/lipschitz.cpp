// How steep a net can be: the product of spectral norms, with and without a batch norm, under decay.
#include <cmath>

#include "framework/ops/activation.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "lab/study/workloads.h"
#include "optim/sgd.h"

namespace ebb::studies::lipschitz_study {
namespace {

using namespace workloads;

// The greatest singular value of w diag(columns), w `[in, out]`, by power iteration.
double spectral_norm(const Tensor& w, const std::vector<double>& columns, const Rng& rng) {
  const std::int64_t in = w.dim(0), out = w.dim(1);
  std::vector<double> v(static_cast<std::size_t>(out)), u(static_cast<std::size_t>(in));
  for (std::size_t j = 0; j < v.size(); ++j) v[j] = rng.normal(j);
  double size = 0;
  for (int step = 0; step < 300; ++step) {
    size = 0;
    for (std::int64_t i = 0; i < in; ++i) {
      double& to = u[static_cast<std::size_t>(i)] = 0;
      for (std::int64_t j = 0; j < out; ++j)
        to += w.data<double>()[i * out + j] * columns[static_cast<std::size_t>(j)] * v[static_cast<std::size_t>(j)];
    }
    for (std::int64_t j = 0; j < out; ++j) {
      double& to = v[static_cast<std::size_t>(j)] = 0;
      for (std::int64_t i = 0; i < in; ++i)
        to += w.data<double>()[i * out + j] * columns[static_cast<std::size_t>(j)] * u[static_cast<std::size_t>(i)];
      size += to * to;
    }
    size = std::sqrt(size);
    for (double& x : v) x /= size;
  }
  return std::sqrt(size);  // v was |w' w v| long
}

struct Plain : Layer {
  explicit Plain(const Rng& rng)
      : fc1{*this, "fc1", {.in = 12, .out = 32}, rng}, fc2{*this, "fc2", {.in = 32, .out = 4}, rng} {
    to(DType::f64);
  }
  Var forward(const Var& x) override { return fc2(relu(fc1(x))); }
  Child<Linear> fc1, fc2;
};

template <class Net>
double product(Net& net, const std::vector<double>& columns, const Rng& rng) {
  return spectral_norm(net.fc1->weight.value(), columns, rng) *
         spectral_norm(net.fc2->weight.value(), std::vector<double>(4, 1.0), rng);
}

const std::vector<double> ones(32, 1.0);

// What a batch norm multiplies its inputs by: gamma / sqrt(variance + eps), of the last batch.
std::vector<double> folded(const BatchNorm& bn) {
  std::vector<double> out(32);
  for (std::size_t k = 0; k < 32; ++k)
    out[k] = bn.scale->value().data<double>()[k] / std::sqrt(bn.batch_variance().data<double>()[k] + bn.options().eps);
  return out;
}

// The bound is an upper one: the steepest of many differences of outputs over those of inputs.
double steepest(Plain& net, const Rng& rng) {
  double most = 0;
  for (std::uint64_t pair = 0; pair < 50; ++pair) {
    const Tensor x = toys::normals({1, 12}, rng.at(pair).at("x"));
    Tensor y = x.clone();
    axpy(1e-3, toys::normals({1, 12}, rng.at(pair).at("step")), y);
    Tensor rise = net(y).value().clone(), run = y.clone();
    axpy(-1, net(x).value(), rise), axpy(-1, x, run);
    most = std::max(most, norm(rise) / norm(run));
  }
  return most;
}

void run(const Trial& trial, Record& record) {
  const double lambda = trial.number("lambda");
  const Rng rng = trial.rng();
  const workloads::Batch batch = made_up({128, 12}, 4, rng.at("batch"));
  const auto train = [&](Layer& net, const Selector& decayed) {
    Sgd optimizer(groups(net, {{"decayed", decayed, {.decay = decoupled_lr(lambda)}},
                               {"rest", everything_else(), {.decay = no_decay()}}}),
                  {.lr = 0.1, .momentum = 0.9});
    for (int step = 0; step < 300; ++step) {
      gradients(net, batch);
      optimizer.step();
    }
  };
  Plain plain(rng.at("plain"));
  train(plain, path("*.weight"));
  const double bound = product(plain, ones, rng.at("power"));
  record.put("bound of a plain net", bound);
  record.put("steepest seen over the bound", steepest(plain, rng.at("pairs")) / bound);
  BnMlp bn({.in = 12, .hidden = 32, .classes = 4}, rng.at("bn"));
  bn.to(DType::f64);
  train(bn, path("fc1.weight"));
  bn(batch.x);
  record.put("product of weights with a batch norm", product(bn, ones, rng.at("power")));
  record.put("bound with a batch norm", product(bn, folded(*bn.bn1), rng.at("power")));
  // A tenth of the weight.
  const auto both = [&](double c, double eps) {
    BnMlp net({.in = 12, .hidden = 32, .classes = 4, .eps = eps}, rng.at("net"));
    net.to(DType::f64);
    scale(net.fc1->weight.value(), c);
    net(batch.x);
    return std::pair(product(net, ones, rng.at("power")), product(net, folded(*net.bn1), rng.at("power")));
  };
  const auto [weights, bound_of_it] = both(1, 0);
  const auto [less, bound_of_less] = both(0.1, 0);
  put_exact(record, "plain product", less / weights - 0.1, 0.9);
  put_exact(record, "folded product", bound_of_less / bound_of_it - 1, less / weights - 1);
}

Plot bounds(const Results& results) {
  Plot plot{.title = "Products of spectral norms", .unit = "over that without decay", .x = "lambda", .curves = {}};
  plot.x_names = results.levels("lambda");
  int colour = 0;
  for (const auto& [title, measure] :
       std::vector<std::pair<std::string, std::string>>{{"plain net, its bound", "bound of a plain net"},
                                                        {"with a batch norm, weights",
                                                         "product of weights with a batch "
                                                         "norm"},
                                                        {"with a batch norm, its bound", "bound with a batch norm"}}) {
    const std::string shade = "var(--c" + std::to_string(colour++) + ")";
    Curve dots{.title = {}, .points = {}, .faint = true, .dots = true, .colour = shade};
    Curve mean{.title = title, .points = {}, .dots = true, .colour = shade};
    const std::vector<double> first = results.values(measure, {{"lambda", plot.x_names[0]}});
    for (std::size_t level = 0; level < plot.x_names.size(); ++level) {
      const std::vector<double> values = results.values(measure, {{"lambda", plot.x_names[level]}});
      double sum = 0;
      const double x = static_cast<double>(level) + 0.08 * (colour - 2);
      for (std::size_t k = 0; k < values.size(); ++k) {
        dots.points.emplace_back(x, values[k] / first[k]);
        sum += values[k] / first[k] / static_cast<double>(values.size());
      }
      mean.points.emplace_back(x, sum);
    }
    plot.curves.push_back(std::move(dots)), plot.curves.push_back(std::move(mean));
  }
  plot.y_axis = {.from_zero = true};
  return plot;
}

}  // namespace

Study study() {
  const Arm none{{"lambda", "0"}};
  return {
      .name = "lipschitz",
      .title = "Decay and the steepness of a net",
      .statement =
          "Decay lowers the bound on the steepness of a plain net; in front of a batch norm it lowers the weights, "
          "not the function.",
      .answer =
          "Of a plain net decay lowers the bound, from 17.3 by 7.8 at lambda 0.03. In front of a batch norm it lowers "
          "the product of the weights from 9.4 by 5.5 and the net's own bound from 17.0 by 0.2, since the size of a "
          "weight there does not enter that bound.",
      .reference = "Bartlett, Foster & Telgarsky 2017 for the bound",
      .limits =
          "Nets of two layers on made-up samples. The bound is far above what a net does: it says what decay "
          "permits, not how smooth the net is.",
      .factors = {{"lambda", {"0", "0.003", "0.01", "0.03"}}},
      .pairs = 8,
      .tier = Tier::T1,
      .minutes = 0.1,
      .run = run,
      .claims =
          {exact({"1", "the product of spectral norms goes with the size of a weight", {"B7"}}, "plain product", 1e-12),
           exact({"2", "that of a net with a batch norm folded in does not, of the weight in front of it", {"B7"}},
                 "folded product", 1e-9),
           trend({"3", "decay lowers the bound of a plain net", {"B7"}}, "bound of a plain net", "lambda", -1),
           trend({"4", "decay in front of a batch norm lowers the product of weights", {"B7"}},
                 "product of weights with a batch norm", "lambda", -1),
           estimate({"5", "what the largest lambda there changes of the net's bound", {"B7"}},
                    "bound with a batch norm", {{"lambda", "0.03"}}, {{"lambda", "0"}}),
           estimate({"6", "the steepest of 50 differences over the bound, plain net"}, "steepest seen over the bound"),
           estimate({"7", "the bound of a plain net, without decay"}, "bound of a plain net", none),
           estimate({"8", "the product of weights with a batch norm, without decay"},
                    "product of weights with a batch norm", none),
           estimate({"9", "the bound with a batch norm, without decay"}, "bound with a batch norm", none)},
      .figures = {{"bounds", "In front of a batch norm decay makes weights smaller, not the net less steep.", bounds}}};
}

}  // namespace ebb::studies::lipschitz_study
