// Curvature of nets on images: whether decay makes them flatter, with norms and without.
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "framework/compute/basic.h"
#include "framework/ops/activation.h"
#include "framework/ops/pooling.h"
#include "framework/ops/shape.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/study.h"
#include "lab/study/workloads.h"
#include "lab/training/curvature.h"
#include "optim/sgd.h"

namespace ebb::studies::curvature_net_study {
namespace {

using Numbers = std::vector<double>;
using Parameters = std::vector<Parameter*>;

constexpr const char* images = "fashion-mnist";
constexpr std::int64_t epochs = 5, seen = 500, seen_by_exact = 50;
constexpr double label_noise = 0.2;

// workloads::SmallCnn without its norms.
class PlainCnn : public Layer {
 public:
  explicit PlainCnn(const Rng& rng)
      : conv1{*this, "conv1", {.in = 1, .out = 8, .padding = {1, 1}}, rng},
        conv2{*this, "conv2", {.in = 8, .out = 16, .padding = {1, 1}}, rng},
        fc{*this, "fc", {.in = 16 * 7 * 7, .out = 10}, rng} {}
  Var forward(const Var& x) override {
    const Var first = max_pool2d(relu(conv1(x)), {.kernel = {2, 2}});
    const Var second = max_pool2d(relu(conv2(first)), {.kernel = {2, 2}});
    return fc(reshape(second, {second.dim(0), -1}));
  }
  Child<Conv2d> conv1, conv2;
  Child<Linear> fc;
};

std::unique_ptr<Layer> net_of(const Trial& trial, bool norm, double eps = 1e-5) {
  if (!norm) return std::make_unique<PlainCnn>(trial.rng().at("net"));
  return std::make_unique<workloads::SmallCnn>(workloads::SmallCnnOptions{.eps = eps}, trial.rng().at("net"));
}

Parameters filters_of(Layer& net) {
  Parameters out;
  for (const NamedParameter& p : net.named_parameters())
    if (p.path == "conv1.weight" || p.path == "conv2.weight") out.push_back(p.parameter);
  return out;
}

double square_of(const Parameters& of) {
  double out = 0;
  for (const Parameter* const p : of) out += sum_squares(p->value());
  return out;
}

double product(const Numbers& a, const Numbers& b) {
  double out = 0;
  for (std::size_t i = 0; i < a.size(); ++i) out += a[i] * b[i];
  return out;
}

// Products with the Hessian of some parameters of a net of f64 numbers where they are, the others held fixed. A step
// is so short that next to none of the millions of ReLUs and maxima turns over on it: at 1e-3 thousands do, each with
// a jump of the gradient that is no curvature of the pieces.
class Curvature {
 public:
  Curvature(Layer& net, Parameters of, const workloads::Batch& batch, double step = 1e-9)
      : net_(net), of_(std::move(of)), batch_(batch), step_(step) {
    for (const Parameter* const p : of_) {
      start_.push_back(p->value().clone());
      size_ += p->value().size();
    }
    gradient_ = at({}, 0);
  }

  const Numbers& gradient() const { return gradient_; }
  std::int64_t size() const { return size_; }

  Numbers weights() const {
    Numbers out;
    for (const Tensor& w : start_) out.insert(out.end(), w.data<double>(), w.data<double>() + w.size());
    return out;
  }

  Numbers times(const Numbers& v) const {
    const double length = std::sqrt(product(v, v));
    Numbers out = at(v, step_ / length);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = (out[i] - gradient_[i]) * length / step_;
    for (std::size_t k = 0; k < of_.size(); ++k) copy_into(of_[k]->value(), start_[k]);
    return out;
  }

  // Ten steps of Lanczos have it to three digits and more here.
  double largest(const Rng& rng) const {
    return lanczos(
               size_, [this](const Numbers& v) { return times(v); }, 10, rng)
        .back();
  }

 private:
  // The gradient at start + by v.
  Numbers at(const Numbers& v, double by) const {
    std::size_t place = 0;
    for (std::size_t k = 0; k < of_.size(); ++k) {
      copy_into(of_[k]->value(), start_[k]);
      if (by == 0) continue;
      for (double& w : of_[k]->value().mutable_span<double>()) w += by * v[place++];
    }
    workloads::gradients(net_, batch_);
    Numbers out;
    for (const Parameter* const p : of_) {
      const double* const g = p->grad().data<double>();
      out.insert(out.end(), g, g + p->value().size());
    }
    return out;
  }

  Layer& net_;
  Parameters of_;
  const workloads::Batch& batch_;
  double step_;
  std::int64_t size_ = 0;
  std::vector<Tensor> start_ = {};
  Numbers gradient_ = {};
};

Loader loader_of(const Trial& trial, std::int64_t batch) {
  return Loader(
      trial.data->train(images),
      {.batch = batch, .seed = trial.pair, .drop_last = true, .augment = {.label_noise = label_noise}, .prefetch = 0});
}

// The same images in all arms of a pair, with the labels of the training.
workloads::Batch batch_of(const Trial& trial, std::int64_t count) {
  const ebb::Batch one = loader_of(trial, count).epoch(0)[0];
  return {cast(one.images, DType::f64), one.labels};
}

struct Exact {
  double quarter, against_gradient, longer_step;
};

// Of the filters of a net that was not trained; `longer` is another step.
Exact exact_of(const Trial& trial, bool norm, const workloads::Batch& batch, double longer) {
  const std::unique_ptr<Layer> net = net_of(trial, norm, 0);
  net->to(DType::f64);
  const Parameters filters = filters_of(*net);
  const Rng rng = trial.rng().at("lanczos");
  const Curvature at_one(*net, filters, batch);
  const double largest = at_one.largest(rng);
  const Numbers &g = at_one.gradient(), along = at_one.times(at_one.weights());
  Numbers sum;
  for (std::size_t i = 0; i < g.size(); ++i) sum.push_back(along[i] + g[i]);
  Exact out{.quarter = 0,
            .against_gradient = std::sqrt(product(sum, sum) / product(g, g)),
            .longer_step = Curvature(*net, filters, batch, longer).largest(rng) / largest - 1};
  for (Parameter* const p : filters) scale(p->value(), 2);
  out.quarter = 4 * Curvature(*net, filters, batch).largest(rng) / largest - 1;
  return out;
}

void put_exacts(const Trial& trial, Record& record) {
  const workloads::Batch batch = batch_of(trial, seen_by_exact);
  const Exact normed = exact_of(trial, true, batch, 1e-10), bare = exact_of(trial, false, batch, 1e-4),
              across_kinks = exact_of(trial, true, batch, 1e-4);
  put_exact(record, "filters twice as large", normed.quarter, bare.quarter);
  put_exact(record, "along the filters", normed.against_gradient, bare.against_gradient);
  put_exact(record, "another step", normed.longer_step, across_kinks.longer_step);
}

void put_trained(const Trial& trial, Record& record) {
  const std::unique_ptr<Layer> net = net_of(trial, trial.word("norm") == "batch");
  const Loader train = loader_of(trial, 64);
  Sgd optimizer(decay_weights_only(*net, decoupled_lr(trial.number("lambda"))),
                {.lr = 0.05, .momentum = 0.9, .schedule = cosine(epochs * train.batches())});
  record.put("training loss", workloads::train(*net, optimizer, train, epochs));
  net->eval();
  record.put("test accuracy", 100 * accuracy_on(*net, trial.data->test(images).images()));
  net->train();
  net->to(DType::f64);
  const workloads::Batch batch = batch_of(trial, seen);
  Parameters all;
  for (const NamedParameter& p : net->named_parameters()) all.push_back(p.parameter);
  for (const auto& [name, of] : {std::pair{"filters", filters_of(*net)}, std::pair{"all", all}}) {
    const double largest = Curvature(*net, of, batch).largest(trial.rng().at("lanczos"));
    record.put(std::string("largest eigenvalue of ") + name, largest);
    record.put(std::string("times |w|^2 of ") + name, largest * square_of(of));
  }
}

void run(const Trial& trial, Record& record) {
  if (trial.word("norm") == "batch" && trial.number("lambda") == 0) put_exacts(trial, record);
  if (trial.tier >= Tier::T2) put_trained(trial, record);
}

const Arm batch_norm{{"norm", "batch"}}, no_norm{{"norm", "none"}};

Plot eigenvalues(const Results& results, const std::string& title, const std::string& measure) {
  Plot plot = series_over_levels(
      {.title = title, .unit = "of the loss on 500 images", .x = "lambda", .curves = {}}, results, "lambda",
      {{.title = "batch norm, filters", .measured = measure + " of filters", .arm = batch_norm, .line = true},
       {.title = "batch norm, all", .measured = measure + " of all", .arm = batch_norm, .line = true},
       {.title = "no norm, filters", .measured = measure + " of filters", .arm = no_norm, .line = true},
       {.title = "no norm, all", .measured = measure + " of all", .arm = no_norm, .line = true}},
      0.1);
  plot.y_axis = {.scale = AxisOptions::Scale::log};
  return plot;
}

Plot accuracies(const Results& results) {
  return series_over_levels({.title = "Accuracy on test images", .unit = "%", .x = "lambda", .curves = {}}, results,
                            "lambda",
                            {{.title = "batch norm", .measured = "test accuracy", .arm = batch_norm, .line = true},
                             {.title = "no norm", .measured = "test accuracy", .arm = no_norm, .line = true}},
                            0.1);
}

Arm at(Arm arm, const std::string& lambda) {
  arm["lambda"] = lambda;
  return arm;
}

// Of each number that without decay, and what lambda of 0.1 adds.
void add_estimates(std::vector<Claim>& claims) {
  const std::vector<std::pair<std::string, std::string>> all{
      {"largest eigenvalue of filters", "largest eigenvalue of the filters"},
      {"largest eigenvalue of all", "that of all parameters"},
      {"times |w|^2 of filters", "that of the filters times their |w|^2"},
      {"times |w|^2 of all", "that of all parameters times their |w|^2"},
      {"test accuracy", "test accuracy in percent"}};
  for (const Arm& net : {batch_norm, no_norm})
    for (const auto& [measure, what] : all) {
      const auto id = [&] { return std::to_string(claims.size() + 1); };
      const std::string of = (net == batch_norm ? "batch norm: " : "no norm: ") + what;
      claims.push_back(estimate({id(), of + ", without decay"}, measure, at(net, "0")));
      claims.push_back(estimate({id(), of + ", what lambda of 0.1 adds"}, measure, at(net, "0.1"), at(net, "0")));
    }
}

std::vector<Claim> claims() {
  const Arm exactly = at(batch_norm, "0");
  const std::string filters = "largest eigenvalue of filters", all = "largest eigenvalue of all";
  std::vector<Claim> out{
      exact({"1",
             "filters in front of batch norms without eps, on images: at twice their size their largest eigenvalue is "
             "a quarter",
             {"B4"}},
            "filters twice as large", 1e-3, exactly),
      exact({"2", "the Hessian times these filters is their gradient, turned round"}, "along the filters", 1e-3,
            exactly),
      exact({"3", "the eigenvalue is that between kinks: with a tenth of the step it is the same"}, "another step",
            1e-3, exactly),
      trend({"4",
             "decay flattens: with batch norms the largest eigenvalue of the filters falls",
             {"B4"},
             Verdict::Is::refuted},
            filters, "lambda", -1, batch_norm),
      trend({"5", "with batch norms that of all parameters falls", {"B4"}, Verdict::Is::refuted}, all, "lambda", -1,
            batch_norm),
      trend({"6", "without norms that of the filters falls", {"B4"}}, filters, "lambda", -1, no_norm),
      trend({"7", "without norms that of all parameters falls", {"B4"}, Verdict::Is::refuted}, all, "lambda", -1,
            no_norm),
      trend({"8", "with batch norms that of the filters falls once it is multiplied by their |w|^2", {"B4"}},
            "times |w|^2 of filters", "lambda", -1, batch_norm),
      greater({"9", "with batch norms lambda of 0.1, under which a net is sharper, makes it more accurate", {"B4"}},
              "test accuracy", at(batch_norm, "0.1"), at(batch_norm, "0"))};
  add_estimates(out);
  for (std::size_t i = 3; i < out.size(); ++i) out[i].least = Tier::T2;
  return out;
}

}  // namespace

Study study() {
  return {
      .name = "curvature_net",
      .title = "Decay and curvature, in nets on images",
      .statement = "Whether decay leaves a net on images in a flatter place, with batch norms and without.",
      .answer =
          "With batch norms, no: a lambda of 0.1 takes the largest eigenvalue of the filters in front of them from 2.0 "
          "to 4.3 and that of all parameters from 4.2 to 8.1, and the sharper net is more accurate by 0.8 points. "
          "Without norms it takes that of the filters from 4.5 to 3.5, but that of all parameters from 6.2 to 8.8. "
          "Multiplied by |w|^2 that of the filters falls with norms and without, from 53 to 27 and from 85 to 29.",
      .reference = "van Laarhoven 2017; Dinh et al. 2017 on sharpness and scale",
      .limits =
          "Two small nets of two convolutions, ReLU, pooling by maxima and a head, with batch norms and without: 1,224 "
          "filter weights of 9,100 parameters. 5,000 images, a fifth of whose labels are wrong, batches of 64, five "
          "epochs (390 steps) of SGD with a momentum of 0.9 and a learning rate of 0.05 that falls along a cosine; "
          "decay of weights, not of biases, scales and shifts. So no net fits its wrong labels. The Hessian is that of "
          "the loss without decay on 500 training images, their wrong labels included, batch norms by the moments of "
          "these 500; of its end only the largest eigenvalue. It is that of the smooth pieces of the loss: what kinks "
          "of ReLUs and maxima add is left out.",
      .factors = {{"norm", {"batch", "none"}}, {"lambda", {"0", "0.01", "0.03", "0.1"}}},
      .data = {images},
      .pairs = 8,
      .tier = Tier::T2,
      .least_tier = Tier::T1,
      .minutes = 1.3,
      .run = run,
      .claims = claims(),
      .figures =
          {{"eigenvalue",
            "Decay makes a net with batch norms sharper; without norms its filters flatter and the whole sharper.",
            [](const Results& r) { return eigenvalues(r, "Largest eigenvalue", "largest eigenvalue"); }, Tier::T2},
           {"times", "Times the squared length of the weights filters are flatter under decay, with norms and without.",
            [](const Results& r) { return eigenvalues(r, "Largest eigenvalue times |w|^2", "times |w|^2"); }, Tier::T2},
           {"accuracy", "With batch norms nets that decay made sharper are more accurate.", accuracies, Tier::T2}},
      .pilot =
          "Bounds of claims 1 to 3 were fixed on pairs 301 to 330, where the largest miss was 0.0008. Pairs 201 and "
          "202 showed that a learning rate that falls leaves accuracies less noisy than a constant one. At a constant "
          "one, of pair 201, the largest eigenvalue of all parameters without norms fell, from 8.6 to 5.5, where it "
          "rises here: claim 7 is of the training stated. Pairs 101 to 104, with all settings as they are: with batch "
          "norms lambda of 0.1 added 1.8 to the largest eigenvalue of the filters, 2.0, and 3.9 to that of all "
          "parameters, 4.4; without norms it took 0.6 from 4.0, in each pair, in one by 0.01, and added 3.0 to 6.0. So "
          "claims 4, 5 and 7, stated as the sentence has them, are expected to be refuted. Claim 9 was added then: "
          "accuracy with batch norms was 1.1 points higher at 0.1.",
      .explanation =
          "The largest eigenvalue does not foretell the accuracy here: with batch norms both rise with decay, and "
          "without norms the eigenvalue of all parameters rises while the accuracy falls, by 0.4 points. That of the "
          "filters in front of batch norms grows less than 1 / |w|^2 does, which is what claim 8 says: the net that "
          "decay "
          "leaves is another one, not the same one with smaller filters. Why all parameters are sharper under decay "
          "without norms was not looked into."};
}

}  // namespace ebb::studies::curvature_net_study
