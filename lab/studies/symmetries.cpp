// Changes of parameters that the loss does not feel: what gradients say of them, and what decay does along them.
#include "framework/ops/activation.h"
#include "lab/audit/audit.h"
#include "lab/study/along.h"
#include "lab/study/exact.h"
#include "lab/study/figures.h"
#include "lab/study/statistics.h"
#include "lab/study/study.h"
#include "lab/study/toys.h"
#include "lab/study/workloads.h"
#include "optim/adam.h"
#include "optim/channels.h"
#include "optim/sgd.h"

namespace ebb::studies::symmetries_study {
namespace {

using namespace toys;
using namespace workloads;

// <w, g> of each output channel.
std::vector<double> along(const Parameter& w) {
  const ChannelView view = channel_view(w);
  std::vector<double> out(static_cast<std::size_t>(view.channels()));
  channel_dots(view, w.value(), w.grad(), out.data());
  return out;
}

double size_of(const Parameter& w) { return norm(w.value()) * norm(w.grad()); }

// <W_k, g_k> = eps / (s2_k + eps) gamma_k dL/dgamma_k of every channel in front of a batch norm.
struct Missed {
  double error = 0, without_eps = INFINITY;
};

void batch_norm_identity(const Parameter& w, const BatchNorm& bn, Missed& missed) {
  const std::vector<double> left = along(w);
  double without = 0;
  for (std::size_t k = 0; k < left.size(); ++k) {
    const double s2 = bn.batch_variance().data<double>()[k], eps = bn.options().eps;
    const double right = eps / (s2 + eps) * bn.scale->value().data<double>()[k] * bn.scale->grad().data<double>()[k];
    missed.error = std::max(missed.error, std::abs(left[k] - right) / size_of(w));
    without = std::max(without, std::abs(left[k]) / size_of(w));
  }
  missed.without_eps = std::min(missed.without_eps, without);
}

void before_a_norm(const Trial& trial, Record& record) {
  Missed missed;
  BnMlp mlp({.in = 12, .hidden = 16, .classes = 4, .eps = 0.05, .bias = true}, trial.rng().at("mlp"));
  mlp.to(DType::f64);
  fill_uniform(mlp.bn1->scale->value(), trial.rng().at("scale"), 0.5, 1.5);
  gradients(mlp, made_up({32, 12}, 4, trial.rng().at("batch")));
  batch_norm_identity(mlp.fc1->weight, *mlp.bn1, missed);
  put_exact(record, "bias before batch norm", max_abs(mlp.fc1->bias->grad()) / norm(mlp.fc1->weight.grad()),
            max_abs(mlp.bn1->shift->grad()) / norm(mlp.fc1->weight.grad()));
  SmallCnn cnn({.side = 8, .classes = 4, .eps = 0.05}, trial.rng().at("cnn"));
  cnn.to(DType::f64);
  gradients(cnn, made_up({8, 8, 8, 1}, 4, trial.rng().at("images")));
  batch_norm_identity(cnn.conv1->weight, *cnn.bn1, missed);
  batch_norm_identity(cnn.conv2->weight, *cnn.bn2, missed);
  ResidualNet residual(0.05, trial.rng().at("residual"));
  gradients(residual, made_up({8, 8, 8, 1}, 4, trial.rng().at("images")));
  batch_norm_identity(residual.stem->weight, *residual.bn0, missed);
  batch_norm_identity(residual.conv1->weight, *residual.bn1, missed);
  batch_norm_identity(residual.conv2->weight, *residual.bn2, missed);
  put_exact(record, "batch norm", missed.error, missed.without_eps);

  const workloads::Batch batch = made_up({32, 12}, 4, trial.rng().at("batch"));
  SampleNormNet layer({.groups = 0, .eps = 0}, trial.rng().at("layer"));
  gradients(layer, batch);
  const Parameter& w = layer.fc1->weight;
  double channel = 0;
  for (const double one : along(w)) channel = std::max(channel, std::abs(one));
  put_exact(record, "layer norm by the whole",
            (dot(w.value(), w.grad()) + dot(layer.fc1->bias->value(), layer.fc1->bias->grad())) / size_of(w),
            channel / size_of(w));
  record.put("layer norm by channel", channel / size_of(w));
  // What all columns have in common: rows of the gradient sum to 0.
  double common = 0;
  for (std::int64_t i = 0; i < 12; ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < 16; ++j) sum += w.grad().at({i, j});
    common = std::max(common, std::abs(sum));
  }
  put_exact(record, "column mean before layer norm", common / sum_abs(w.grad()), max_abs(w.grad()) / sum_abs(w.grad()));
  SampleNormNet group({.groups = 2, .eps = 0}, trial.rng().at("group"));
  gradients(group, batch);
  const std::vector<double> of_weight = along(group.fc1->weight);
  double error = 0, effect = 0;
  for (std::size_t half : {0u, 8u}) {
    double sum = 0;
    for (std::size_t k = half; k < half + 8; ++k) {
      sum += of_weight[k] + group.fc1->bias->value().data<double>()[k] * group.fc1->bias->grad().data<double>()[k];
      effect = std::max(effect, std::abs(of_weight[k]));
    }
    error = std::max(error, std::abs(sum));
  }
  put_exact(record, "group norm by group", error / size_of(group.fc1->weight), effect / size_of(group.fc1->weight));
}

// The loss at 2^20 and 2^21 times the weights in front of a norm: equal bits; the gradient falls as 1/|w|.
void function_unchanged(const Trial& trial, Record& record) {
  const workloads::Batch batch = made_up({32, 12}, 4, trial.rng().at("batch"));
  const auto at = [&](double c, bool head, double eps) {
    BnMlp net({.in = 12, .hidden = 16, .classes = 4, .eps = eps}, trial.rng().at("mlp"));
    net.to(DType::f64);
    scale((head ? net.fc2 : net.fc1)->weight.value(), c);
    const double loss = gradients(net, batch);
    return std::pair(loss, norm((head ? net.fc2 : net.fc1)->weight.grad()));
  };
  put_exact(record, "loss at 2^20 and 2^21", at(0x1p20, false, 1e-5).first - at(0x1p21, false, 1e-5).first,
            at(1, true, 1e-5).first - at(2, true, 1e-5).first);
  std::vector<double> x, y, of_head;
  for (const double c : {0.5, 1.0, 2.0, 3.0, 7.0}) {
    const double gradient = at(c, false, 0).second, times = gradient / at(1, false, 0).second;
    x.push_back(std::log(c));
    y.push_back(std::log(gradient));
    of_head.push_back(std::log(at(c, true, 0).second));
    record.put("gradient by hundredths of the norm", std::lround(100 * c), times);
    record.put("foretold by hundredths of the norm", std::lround(100 * c), 1 / c);
  }
  put_exact(record, "slope of the gradient on the norm", line(x, y).slope + 1, line(x, of_head).slope + 1);
}

// H w = -g for a weight in front of a norm, by five points.
void curvature(const Trial& trial, Record& record) {
  const workloads::Batch batch = made_up({32, 12}, 4, trial.rng().at("batch"));
  const auto missed = [&](double eps) {
    BnMlp net({.in = 12, .hidden = 16, .classes = 4, .eps = eps, .smooth = true}, trial.rng().at("mlp"));
    net.to(DType::f64);
    Tensor& w = net.fc1->weight.value();
    const Tensor start = w.clone();
    const auto gradient = [&](double h) {
      copy_into(w, start);
      axpy(h, start, w);
      gradients(net, batch);
      return net.fc1->weight.grad().clone();
    };
    constexpr double h = 1e-3;
    Tensor sum = gradient(0);  // g + H w
    const double size = norm(sum);
    const std::array<std::pair<double, double>, 4> points{{{-2, 1}, {-1, -8}, {1, 8}, {2, -1}}};
    for (const auto& [at, weight] : points) axpy(weight / (12 * h), gradient(at * h), sum);
    return norm(sum) / size;
  };
  put_exact(record, "H w = -g", missed(0), missed(0.05));
}

// 500 steps with a cosine: the class mean of the head, and a row of weights whose input is always 0.
void tracers(const Trial& trial, Record& record) {
  constexpr int steps = 500;
  constexpr double lr = 0.05, lambda = 0.1;
  struct Seen {
    double head = 0, moved = 0, dead = 0;
    std::vector<double> course, foretold;  // of the weight without a gradient, as shares of its start
  };
  const auto trained = [&](auto make) {
    BnMlp net({.in = 12, .hidden = 16, .classes = 4}, trial.rng().at("mlp"));
    net.to(DType::f64);
    const auto mean = [&](std::int64_t row) {
      double sum = 0;
      for (std::int64_t k = 0; k < 4; ++k)
        sum += row < 16 ? net.fc2->weight.value().at({row, k}) : net.fc2->bias->value().at({k});
      return sum / 4;
    };
    std::vector<double> start(17);
    for (std::int64_t row = 0; row < 17; ++row) start[static_cast<std::size_t>(row)] = mean(row);
    const double dead = net.fc1->weight.value().at({11, 3});
    auto optimizer = make(net);
    Seen seen;
    double product = 1;
    for (int step = 0; step < steps; ++step) {
      workloads::Batch batch = made_up({16, 12}, 4, trial.rng().at("batch").at(static_cast<std::uint64_t>(step)));
      for (std::int64_t i = 0; i < 16; ++i) batch.x.mutable_data<double>()[i * 12 + 11] = 0;
      gradients(net, batch);
      product *= 1 - optimizer.terms().shrink;
      optimizer.step();
      seen.course.push_back(net.fc1->weight.value().at({11, 3}) / dead);
      seen.foretold.push_back(product);
    }
    for (std::int64_t row = 0; row < 17; ++row) {
      seen.head = std::max(seen.head, std::abs(mean(row) - product * start[static_cast<std::size_t>(row)]));
      seen.moved = std::max(seen.moved, std::abs((1 - product) * start[static_cast<std::size_t>(row)]));
    }
    seen.dead = std::abs(net.fc1->weight.value().at({11, 3}) / dead - product);
    return seen;
  };
  const Seen sgd = trained([&](Layer& net) {
    return Sgd(net, {.lr = lr, .momentum = 0.9, .schedule = cosine(steps), .decay = decoupled_lr(lambda)});
  });
  const Seen adamw = trained([&](Layer& net) {
    return AdamW(net, {.lr = lr / 10, .schedule = cosine(steps), .decay = decoupled_lr(lambda)});
  });
  const Seen coupled = trained(
      [&](Layer& net) { return Adam(net, {.lr = lr / 10, .schedule = cosine(steps), .decay = coupled_l2(lambda)}); });
  put_exact(record, "class mean under momentum", sgd.head, std::min(sgd.moved, adamw.head));
  record.put("class mean under AdamW", adamw.head);
  put_exact(record, "weights without a gradient under AdamW", adamw.dead, coupled.dead);
  for (std::size_t step = 24; step < steps; step += 25) {
    const auto at = static_cast<std::int64_t>(step) + 1;
    record.put("left under AdamW", at, adamw.course[step]);
    record.put("left as foretold", at, adamw.foretold[step]);
    record.put("left under Adam with L2", at, coupled.course[step]);
  }
}

// Q = |w_in|^2 + b^2 - |w_out|^2 of each unit of a plain net: Q' = (1 - eta lambda)^2 Q + eta^2 (the same of
// gradients).
struct PlainMlp : Layer {
  explicit PlainMlp(const Rng& rng)
      : fc1{*this, "fc1", {.in = 12, .out = 16}, rng}, fc2{*this, "fc2", {.in = 16, .out = 4}, rng} {
    to(DType::f64);
  }
  Var forward(const Var& x) override { return fc2(relu(fc1(x))); }
  Child<Linear> fc1, fc2;
};

void rescaling(const Trial& trial, Record& record) {
  constexpr double lr = 0.1, lambda = 0.05, a = (1 - lr * lambda) * (1 - lr * lambda);
  const auto worst = [&](double momentum) {
    PlainMlp net(trial.rng().at("plain"));
    Sgd optimizer(net, {.lr = lr, .momentum = momentum, .decay = coupled_l2(lambda)});
    const auto q = [&](bool of_gradients, std::int64_t unit) {
      const auto of = [&](const Parameter& p) -> const Tensor& { return of_gradients ? p.grad() : p.value(); };
      double sum = std::pow(of(*net.fc1->bias).at({unit}), 2);
      for (std::int64_t i = 0; i < 12; ++i) sum += std::pow(of(net.fc1->weight).at({i, unit}), 2);
      for (std::int64_t k = 0; k < 4; ++k) sum -= std::pow(of(net.fc2->weight).at({unit, k}), 2);
      return sum;
    };
    double out = 0;
    for (std::uint64_t step = 0; step < 40; ++step) {
      gradients(net, made_up({16, 12}, 4, trial.rng().at("batch").at(step)));
      std::vector<double> want;
      for (std::int64_t unit = 0; unit < 16; ++unit) want.push_back(a * q(false, unit) + lr * lr * q(true, unit));
      optimizer.step();
      for (std::int64_t unit = 0; unit < 16; ++unit)
        out = std::max(out, std::abs(q(false, unit) - want[static_cast<std::size_t>(unit)]));
    }
    return out;
  };
  put_exact(record, "law of rescaling", worst(0), worst(0.9));
}

void of_the_audit(const Trial& trial, Record& record) {
  const workloads::Batch rows = made_up({32, 12}, 4, trial.rng().at("batch"));
  const workloads::Batch images = made_up({8, 8, 8, 1}, 4, trial.rng().at("images"));
  const auto all = [&](double eps) {
    BnMlp mlp({.in = 12, .hidden = 16, .classes = 4, .eps = eps, .bias = true}, trial.rng().at("mlp"));
    SmallCnn cnn({.side = 8, .classes = 4, .eps = eps}, trial.rng().at("cnn"));
    ResidualNet residual(eps, trial.rng().at("residual"));
    SampleNormNet layer({.groups = 0, .eps = eps}, trial.rng().at("layer"));
    SampleNormNet group({.groups = 2, .eps = eps}, trial.rng().at("group"));
    Along worst;
    for (Layer* const net : std::initializer_list<Layer*>{&mlp, &cnn, &residual, &layer, &group}) {
      net->to(DType::f64);
      const Along one = along_symmetries(*net, net == &cnn || net == &residual ? images : rows);
      worst.scalings = std::max(worst.scalings, one.scalings);
      worst.shifts = std::max(worst.shifts, one.shifts);
      worst.confirmed += one.confirmed;
      worst.symmetries += one.symmetries;
    }
    return worst;
  };
  const Along exact = all(0), with_eps = all(0.05);
  ResidualNet net(0, trial.rng().at("residual"));
  gradients(net, images);
  double column = 0, sizes = 0;
  for (std::int64_t i = 0; i < 4; ++i) column += net.fc->weight.grad().at({i, 0});
  for (const Parameter* const p : net.parameters()) sizes += sum_abs(p->grad());
  put_exact(record, "gradient along scalings", exact.scalings, with_eps.scalings);
  put_exact(record, "gradient along shifts", exact.shifts, column / sizes);
  record.put("share of symmetries that the probe confirms",
             (exact.confirmed + with_eps.confirmed) / (exact.symmetries + with_eps.symmetries));
}

// 500 steps with a cosine of a net with a skip: every shift that the audit finds is a tracer.
void tracers_of_the_audit(const Trial& trial, Record& record) {
  constexpr int steps = 500;
  struct Seen {
    double error = 0, moved = 0;
  };
  const auto trained = [&](auto make) {
    ResidualNet net(1e-5, trial.rng().at("residual"));
    const auto batch = [&](int step) {
      return made_up({4, 8, 8, 1}, 4, trial.rng().at("steps").at(static_cast<std::uint64_t>(step)));
    };
    const workloads::Batch first = batch(0);
    const Audit found = audit(net, first.x, first.labels, nullptr, {.probe = false});
    const std::vector<double> start = tracers_of(net, found);
    auto optimizer = make(net);
    double left = 1;
    for (int step = 0; step < steps; ++step) {
      gradients(net, batch(step));
      left *= 1 - optimizer.terms().shrink;
      optimizer.step();
    }
    Seen seen;
    const std::vector<double> end = tracers_of(net, found);
    for (std::size_t i = 0; i < end.size(); ++i) {
      seen.error = std::max(seen.error, std::abs(end[i] - left * start[i]));
      seen.moved = std::max(seen.moved, std::abs((1 - left) * start[i]));
    }
    return seen;
  };
  const Seen sgd = trained([&](Layer& net) {
    return Sgd(net, {.lr = 0.05, .momentum = 0.9, .schedule = cosine(steps), .decay = decoupled_lr(0.1)});
  });
  const Seen adamw = trained(
      [&](Layer& net) { return AdamW(net, {.lr = 0.005, .schedule = cosine(steps), .decay = decoupled_lr(0.1)}); });
  put_exact(record, "tracers of a net with a skip", sgd.error, std::min(sgd.moved, adamw.error));
}

void run(const Trial& trial, Record& record) {
  before_a_norm(trial, record);
  function_unchanged(trial, record);
  curvature(trial, record);
  tracers(trial, record);
  rescaling(trial, record);
  of_the_audit(trial, record);
  tracers_of_the_audit(trial, record);
}

Plot falls(const Results& results) {
  Plot plot{.title = "Gradient in front of a norm", .unit = "times that at |w|", .x = "times |w|", .curves = {}};
  for (Curve& curve : course(results, {.title = "measured",
                                      .measured = "gradient by hundredths of the norm",
                                      .predicted = "foretold by hundredths of the norm",
                                      .step = 0.01}))
    plot.curves.push_back(std::move(curve));
  return plot;
}

Plot left(const Results& results) {
  Plot plot{.title = "Weight without a gradient", .unit = "of its start", .x = "step", .curves = {}};
  for (Curve& curve :
       course(results, {.title = "AdamW", .measured = "left under AdamW", .predicted = "left as foretold"}))
    plot.curves.push_back(std::move(curve));
  for (Curve& curve :
       course(results, {.title = "Adam with L2", .measured = "left under Adam with L2", .colour = "var(--c1)"}))
    plot.curves.push_back(std::move(curve));
  return plot;
}

}  // namespace

Study study() {
  return {
      .name = "symmetries",
      .title = "What the loss does not feel",
      .statement =
          "Scales in front of norms, what classes share, and rescalings obey identities; decay acts along them alone.",
      .answer =
          "The identities hold to roundings: along every direction that the loss does not feel, in front of batch, "
          "layer and group norms and in a net with a skip, the gradient is 0 but for eps. Under SGD with momentum "
          "what classes share moves by decay alone; under AdamW gradients move it, too.",
      .reference = "van Laarhoven 2017; Kunin et al. 2021",
      .limits = "Small nets on made-up data, in f64.",
      .pairs = 4,
      .tier = Tier::T1,
      .minutes = 0.2,
      .version = 4,
      .run = run,
      .claims =
          {exact({"1", "<W_k, g_k> = eps/(s2_k + eps) gamma_k dL/dgamma_k in front of batch norms"}, "batch norm",
                 1e-10),
           exact({"2", "a bias in front of a batch norm has no gradient"}, "bias before batch norm", 1e-13),
           exact({"3", "<W, g> + <b, g_b> = 0 in front of a layer norm without eps"}, "layer norm by the whole", 1e-12),
           at_least({"4", "by channel it is not 0"}, "layer norm by channel", 1e-3),
           exact({"5", "what all columns share has no gradient in front of a layer norm"},
                 "column mean before layer norm", 1e-13),
           exact({"6", "in front of a group norm the same by group"}, "group norm by group", 1e-12),
           exact({"7", "the loss is the same to the bit at 2^20 and 2^21 times the weight in front of a norm", {"B10"}},
                 "loss at 2^20 and 2^21", 0),
           exact({"8", "its gradient falls as 1/|w|", {"B10", "B11"}}, "slope of the gradient on the norm", 1e-6),
           exact({"9", "H w = -g"}, "H w = -g", 1e-9),
           exact({"10", "the class mean of a head shrinks by prod(1 - shrink): SGD with momentum"},
                 "class mean under momentum", 1e-12),
           at_least({"11", "under AdamW gradients move it, too"}, "class mean under AdamW", 1e-3),
           exact({"12", "AdamW shrinks what has no gradient by prod(1 - shrink)", {"A4"}},
                 "weights without a gradient under AdamW", 1e-12),
           exact({"13", "|w_in|^2 + b^2 - |w_out|^2 of units without norm follows its law"}, "law of rescaling", 1e-12),
           exact({"14",
                  "along every scaling and rescaling that the audit finds in five nets, one of them with a skip, the "
                  "gradient is 0"},
                 "gradient along scalings", 1e-12),
           exact({"15", "along every shift that it finds there, too"}, "gradient along shifts", 1e-12),
           at_least({"16", "its probe confirms all of them, scalings to the bit"},
                    "share of symmetries that the probe confirms", 1),
           exact(
               {"17", "every shift that it finds in a net with a skip shrinks by prod(1 - shrink): SGD with momentum"},
               "tracers of a net with a skip", 1e-12)},
      .figures = {{"gradient", "In front of a norm the gradient falls as 1/|w|.", falls},
                  {"left", "AdamW shrinks what has no gradient by prod(1 - shrink); Adam with L2 does not.", left}}};
}

}  // namespace ebb::studies::symmetries_study
