// Rows of the gradient table: normalisation, softmax and losses.
#include "framework/ops/loss.h"
#include "framework/ops/normalization.h"
#include "tests/framework/ops/gradient_table.h"

namespace ebb::test {
namespace {

// Numbers whose sets are never nearly equal, where the fifth derivative of a normalisation, and with it the error of
// the stencil, is large.
Tensor spread(const Shape& shape, std::uint64_t seed) {
  Tensor x = numbers(shape, seed, -0.3, 0.3);
  const std::span<double> all = x.mutable_span<double>();
  for (std::size_t i = 0; i < all.size(); ++i) all[i] += i % 2 == 0 ? 1 : -1;
  return x;
}

// A state of running statistics in the type of x, new for each call: batch_norm writes into it.
BatchNormState state_for(const Var& x) {
  const std::int64_t channels = x.dim(-1);
  BatchNormState state;
  state.running_mean = as_type_of(x, numbers({channels}, 70));
  state.running_variance = as_type_of(x, numbers({channels}, 71, 0.5, 2));
  return state;
}

Var normalise(std::span<const Var> in, const BatchNormOptions& options) {
  BatchNormState state = state_for(in[0]);
  return in.size() == 3 ? batch_norm(in[0], in[1], in[2], state, options) : batch_norm(in[0], {}, {}, state, options);
}

// Inputs whose normalised numbers keep clear of the kink of a relu behind them.
std::vector<Tensor> away_from_zero(const Shape& shape, const BatchNormOptions& options) {
  BatchNormOptions plain = options;
  plain.activation = Activation::none;
  const Shape channels{shape[-1]};
  for (std::uint64_t seed = 1;; seed += 3) {
    const std::vector<Tensor> all{spread(shape, seed), numbers(channels, seed + 1, 0.5, 2),
                                  numbers(channels, seed + 2)};
    const std::vector<Var> in(all.begin(), all.end());
    double least = 1;
    for (const double v : values(normalise(in, plain).value())) least = std::min(least, std::abs(v));
    if (least > clearance) return all;
  }
}

double rows(const Shape& shape) { return static_cast<double>(shape.size() / shape[-1]); }

void add_batch_norm_rows(Table& table) {
  Row& row = table.row("batch_norm");
  const std::vector<Shape> shapes{{4, 1},       {5, 3},       {7, 5},        {3, 17},
                                  {2, 3, 2, 3}, {1, 2, 3, 5}, {2, 2, 1, 17}, {6, 1, 1, 1}};
  for (const bool training : {true, false})
    for (const Shape& shape : shapes) {
      const BatchNormOptions options{.training = training, .eps = 1e-3};
      const Shape channels{shape[-1]};
      const std::string name = training ? "training" : "running statistics";
      const std::vector<Tensor> all{spread(shape, 72), numbers(channels, 73, 0.5, 2), numbers(channels, 74)};
      const OpCall call = [options](std::span<const Var> in) { return normalise(in, options); };
      row.add(name, all, call, {.k = rows(shape)});
      row.add(name + ", no scale", {all[0]}, call, {.k = rows(shape)});
      BatchNormOptions fused = options;
      fused.activation = Activation::relu;
      row.add(name + ", relu", away_from_zero(shape, fused),
              [fused](std::span<const Var> in) { return normalise(in, fused); }, {.k = rows(shape), .twice = false});
    }
  row.add("one image with running statistics", {numbers({1, 1, 1, 3}, 75), numbers({3}, 76), numbers({3}, 77)},
          [](std::span<const Var> in) { return normalise(in, {.training = false}); });
  row.add("eps 0", {numbers({4, 3}, 78), numbers({3}, 79), numbers({3}, 80)},
          [](std::span<const Var> in) { return normalise(in, {.eps = 0}); }, {.k = 4});
}

std::string name_of(Reduction reduction) {
  if (reduction == Reduction::none) return "none";
  return reduction == Reduction::mean ? "mean" : "sum";
}

// Class weights, ignored samples, single losses.
void add_weighted_cross_entropy_cases(Row& row) {
  for (const std::int64_t classes : {1, 3, 17})
    for (const double smoothing : {0.0, 0.1})
      for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
        const Shape shape{5, classes};
        const Tensor weights = numbers({classes}, 101, 0.25, 3);
        const Tensor soft = softmax(numbers(shape, 102)).value();
        Tensor labels({5}, DType::i64);
        for (std::int64_t i = 0; i < 5; ++i) labels.mutable_data<std::int64_t>()[i] = i % 3 == 1 ? 255 : i % classes;
        for (const Tensor& targets : {labels, soft}) {
          const bool hard = !is_float(targets.dtype());
          row.add(
              text("weights, ", name_of(reduction), ", smoothing ", smoothing, hard ? ", ignored" : ", soft targets"),
              {numbers(shape, 103)},
              [=](std::span<const Var> in) {
                CrossEntropyOptions options{.label_smoothing = smoothing, .reduction = reduction};
                if (hard) options.ignore_index = 255;
                options.class_weights = as_type_of(in[0], weights);
                return softmax_cross_entropy(in[0], hard ? targets : as_type_of(in[0], targets), options);
              },
              {.k = static_cast<double>(3 * shape.size())});
        }
      }
}

}  // namespace

void add_normalization_rows(Table& table) {
  add_batch_norm_rows(table);

  Row& layer = table.row("layer_norm");
  for (const Shape& shape :
       {Shape{2}, Shape{1, 3}, Shape{4, 5}, Shape{3, 17}, Shape{2, 1, 3}, Shape{2, 2, 2, 5}, Shape{3, 1}}) {
    const auto k = static_cast<double>(shape.size());
    const std::vector<Tensor> all{spread(shape, 81), numbers({shape[-1]}, 82), numbers({shape[-1]}, 83)};
    layer.add("", all, [](std::span<const Var> in) { return layer_norm(in[0], in[1], in[2], 1e-3); },
              {.k = k, .twice = shape.rank() > 1});
    layer.add("no scale", {all[0]}, [](std::span<const Var> in) { return layer_norm(in[0], {}, {}, 1e-3); }, {.k = k});
  }

  Row& group = table.row("group_norm");
  struct Grouped {
    Shape shape;
    std::int64_t groups;
  };
  for (const Grouped& g :
       {Grouped{{2, 3, 2, 4}, 2}, Grouped{{1, 2, 2, 3}, 3}, Grouped{{2, 3, 3, 1}, 1}, Grouped{{1, 2, 1, 17}, 1},
        Grouped{{1, 2, 2, 17}, 17}, Grouped{{3, 6}, 3}, Grouped{{2, 5, 5}, 5}, Grouped{{1, 1, 1, 10}, 5}}) {
    const auto k = static_cast<double>(g.shape.size());
    const std::int64_t groups = g.groups;
    const std::vector<Tensor> all{spread(g.shape, 84), numbers({g.shape[-1]}, 85), numbers({g.shape[-1]}, 86)};
    group.add(text(groups, " groups"), all,
              [groups](std::span<const Var> in) { return group_norm(in[0], in[1], in[2], groups, 1e-3); }, {.k = k});
    group.add(text(groups, " groups, no scale"), {all[0]},
              [groups](std::span<const Var> in) { return group_norm(in[0], {}, {}, groups, 1e-3); }, {.k = k});
  }
}

void add_loss_rows(Table& table) {
  Row& soft = table.row("softmax");
  Row& log_soft = table.row("log_softmax");
  for (const Shape& shape : {Shape{1}, Shape{5}, Shape{1, 3}, Shape{4, 1}, Shape{3, 17}, Shape{2, 3, 5}}) {
    const CaseOptions options{.k = static_cast<double>(shape[-1])};
    soft.add(
        "", {numbers(shape, 90)}, [](std::span<const Var> in) { return softmax(in[0]); }, options);
    log_soft.add(
        "", {numbers(shape, 91)}, [](std::span<const Var> in) { return log_softmax(in[0]); }, options);
  }
  for (const int axis : {0, 1, 2, -2, -4}) {
    const Shape shape{2, 17, 1, 3};
    const CaseOptions options{.k = static_cast<double>(shape[axis])};
    soft.add(
        text("axis ", axis), {numbers(shape, 104)}, [axis](std::span<const Var> in) { return softmax(in[0], axis); },
        options);
    log_soft.add(
        text("axis ", axis), {numbers(shape, 105)},
        [axis](std::span<const Var> in) { return log_softmax(in[0], axis); }, options);
  }

  Row& entropy = table.row("softmax_cross_entropy");
  for (const std::int64_t n : {1, 3, 5})
    for (const std::int64_t classes : {1, 3, 5, 17})
      for (const double smoothing : {0.0, 0.1})
        for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
          const CrossEntropyOptions options{.label_smoothing = smoothing, .reduction = reduction};
          const CaseOptions lengths{.k = static_cast<double>(n * classes)};
          const std::string name = text(reduction == Reduction::mean ? "mean" : "sum", ", smoothing ", smoothing);
          Tensor labels({n}, DType::i64);
          for (std::int64_t i = 0; i < n; ++i) labels.mutable_data<std::int64_t>()[i] = (2 * i + 1) % classes;
          entropy.add(
              name, {numbers({n, classes}, 92)},
              [labels, options](std::span<const Var> in) { return softmax_cross_entropy(in[0], labels, options); },
              lengths);
          const Tensor targets = softmax(numbers({n, classes}, 93)).value();
          entropy.add(
              name + ", soft targets", {numbers({n, classes}, 94)},
              [targets, options](std::span<const Var> in) {
                return softmax_cross_entropy(in[0], as_type_of(in[0], targets), options);
              },
              lengths);
        }

  add_weighted_cross_entropy_cases(entropy);

  Row& square = table.row("mse_loss");
  Row& logistic = table.row("binary_cross_entropy_with_logits");
  for (const Shape& shape : standard_shapes())
    for (const Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
      const CaseOptions options{.k = static_cast<double>(shape.size())};
      const std::string name = name_of(reduction);
      square.add(
          name, {numbers(shape, 95), numbers(shape, 96)},
          [reduction](std::span<const Var> in) { return mse_loss(in[0], in[1], reduction); }, options);
      const Tensor targets = numbers(shape, 97, 0, 1);
      const Tensor each = numbers({shape.rank() == 0 ? 1 : shape[-1]}, 99, 0.25, 3);
      for (const Tensor& pos_weight : {Tensor(), each, Tensor::scalar(2.5, DType::f64)})
        logistic.add(
            text(name, pos_weight.defined() ? text(", weights ", pos_weight.shape()) : ""), {numbers(shape, 98)},
            [targets, reduction, pos_weight](std::span<const Var> in) {
              BinaryCrossEntropyOptions how{.reduction = reduction};
              if (pos_weight.defined()) how.pos_weight = as_type_of(in[0], pos_weight);
              return binary_cross_entropy_with_logits(in[0], as_type_of(in[0], targets), how);
            },
            options);
    }
}

}  // namespace ebb::test
