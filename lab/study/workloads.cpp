#include "lab/study/workloads.h"

#include <algorithm>

#include "framework/compute/basic.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/pooling.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"

namespace ebb::workloads {
namespace {

Var flat(const Var& x) { return x.rank() > 2 ? reshape(x, {x.dim(0), -1}) : x; }

}  // namespace

BnMlp::BnMlp(const BnMlpOptions& options, const Rng& rng)
    : fc1{*this, "fc1", {.in = options.in, .out = options.hidden, .bias = options.bias}, rng},
      bn1{*this, "bn1", {.channels = options.hidden, .eps = options.eps}},
      fc2{*this, "fc2", {.in = options.hidden, .out = options.classes}, rng},
      smooth_(options.smooth) {}

Var BnMlp::forward(const Var& x) {
  const Var normed = bn1(fc1(flat(x)));
  return fc2(smooth_ ? softplus(normed) : relu(normed));
}

PlainMlp::PlainMlp(const PlainMlpOptions& options, const Rng& rng)
    : fc1{*this, "fc1", {.in = options.in, .out = options.hidden}, rng},
      fc2{*this, "fc2", {.in = options.hidden, .out = options.classes}, rng} {}

Var PlainMlp::forward(const Var& x) { return fc2(relu(fc1(flat(x)))); }

SmallCnn::SmallCnn(const SmallCnnOptions& options, const Rng& rng)
    : conv1{*this, "conv1", {.in = options.channels, .out = options.width[0], .padding = {1, 1}, .bias = false}, rng},
      bn1{*this, "bn1", {.channels = options.width[0], .eps = options.eps, .activation = Activation::relu}},
      conv2{*this, "conv2", {.in = options.width[0], .out = options.width[1], .padding = {1, 1}, .bias = false}, rng},
      bn2{*this, "bn2", {.channels = options.width[1], .eps = options.eps, .activation = Activation::relu}},
      fc{*this, "fc", {.in = options.width[1] * (options.side / 4) * (options.side / 4), .out = options.classes}, rng} {
}

Var SmallCnn::forward(const Var& x) {
  const Var first = max_pool2d(bn1(conv1(x)), {.kernel = {2, 2}});
  const Var second = max_pool2d(bn2(conv2(first)), {.kernel = {2, 2}});
  return fc(reshape(second, {second.dim(0), -1}));
}

SampleNormNet::SampleNormNet(const SampleNormNetOptions& o, const Rng& rng)
    : fc1{*this, "fc1", {.in = 12, .out = 16}, rng}, fc2{*this, "fc2", {.in = 16, .out = 4}, rng} {
  if (o.groups > 0) group.emplace(*this, "group", GroupNormOptions{.groups = o.groups, .channels = 16, .eps = o.eps});
  else layer.emplace(*this, "layer", LayerNormOptions{.size = 16, .eps = o.eps});
  to(DType::f64);
}

Var SampleNormNet::forward(const Var& x) {
  const Var y = fc1(x);
  return fc2(relu(group ? (*group)(y) : (*layer)(y)));
}

ResidualNet::ResidualNet(double eps, const Rng& rng)
    : stem{*this, "stem", {.in = 1, .out = 4, .padding = {1, 1}}, rng},
      bn0{*this, "bn0", {.channels = 4, .eps = eps}},
      conv1{*this, "conv1", {.in = 4, .out = 4, .padding = {1, 1}}, rng},
      bn1{*this, "bn1", {.channels = 4, .eps = eps}},
      conv2{*this, "conv2", {.in = 4, .out = 4, .padding = {1, 1}}, rng},
      bn2{*this, "bn2", {.channels = 4, .eps = eps}},
      fc{*this, "fc", {.in = 4, .out = 4}, rng} {
  to(DType::f64);
}

Var ResidualNet::forward(const Var& x) {
  const Var stream = relu(bn0(stem(x)));
  return fc(mean(relu(stream + bn2(conv2(relu(bn1(conv1(stream)))))), {1, 2}));
}

Batch made_up(const Shape& shape, std::int64_t classes, const Rng& rng) {
  Batch out{Tensor(shape, DType::f64), Tensor({shape[0]}, DType::i64)};
  double* const numbers = out.x.mutable_data<double>();
  for (std::int64_t i = 0; i < out.x.size(); ++i) numbers[i] = rng.normal(static_cast<std::uint64_t>(i));
  const std::int64_t each = out.x.size() / shape[0];
  for (std::int64_t i = 0; i < shape[0]; ++i) {
    const double* const row = numbers + i * each;
    out.labels.mutable_data<std::int64_t>()[i] = std::max_element(row, row + classes) - row;
  }
  return out;
}

Batch made_up_noisy(const Shape& shape, std::int64_t classes, double share, const Rng& rng) {
  Batch out = made_up(shape, classes, rng.at("samples"));
  for (std::int64_t i = 0; i < shape[0]; ++i) {
    const auto place = static_cast<std::uint64_t>(i);
    if (rng.at("noise").uniform(place) < share)
      out.labels.mutable_data<std::int64_t>()[i] =
          static_cast<std::int64_t>(rng.at("label").below(static_cast<std::uint64_t>(classes), place));
  }
  return out;
}

double accuracy(const Tensor& logits, const Tensor& labels) {
  const Tensor numbers = logits.dtype() == DType::f64 ? logits : cast(logits, DType::f64);
  const std::int64_t n = numbers.dim(0), classes = numbers.dim(1);
  double right = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double* const row = numbers.data<double>() + i * classes;
    right += std::max_element(row, row + classes) - row == labels.data<std::int64_t>()[i];
  }
  return right / static_cast<double>(n);
}

double gradients(Layer& model, const Batch& batch) {
  for (Parameter* const p : model.parameters()) p->zero_grad();
  Tape tape;
  const Var loss = softmax_cross_entropy(model(batch.x), batch.labels);
  tape.backward(loss);
  return loss.item();
}

double train(Layer& model, Optimizer& optimizer, const Loader& train, std::int64_t epochs) {
  double loss = 0;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const Epoch order = train.epoch(epoch);
    loss = 0;
    for (std::int64_t i = 0; i < order.size(); ++i) {
      const ebb::Batch one = order[i];
      loss += gradients(model, {one.images, one.labels}) / static_cast<double>(order.size());
      optimizer.step();
    }
  }
  return loss;
}

}  // namespace ebb::workloads
