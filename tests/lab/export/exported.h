// Models for tests of exports, and how far a graph is from what a model computes.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "framework/compute/basic.h"
#include "framework/nn/layer.h"
#include "lab/export/export_onnx.h"
#include "lab/export/onnx_graph.h"
#include "tests/lab/export/onnx_evaluator.h"

namespace ebb::test {

inline constexpr double rounding = 1e-5;  // of the largest number

// A layer that is a function, with a parameter or two.
class Function : public Layer {
 public:
  using Forward = std::function<Var(Function& self, const Var& x)>;
  explicit Function(Forward forward) : forward_(std::move(forward)) {}
  Var forward(const Var& x) override { return forward_(*this, x); }

  Parameter filter{*this, "filter", Role::weight, random({3, 2, 3, 4}, 1)};
  Parameter matrix{*this, "matrix", Role::weight, random({3, 4}, 2)};
  Parameter scale{*this, "scale", Role::norm_scale, random({4}, 3)};
  Parameter shift{*this, "shift", Role::norm_shift, random({4}, 4)};
  Buffer mean{*this, "mean", random({4}, 5)};
  Buffer variance{*this, "variance", Tensor::full({4}, 0.5)};

  static Tensor random(const Shape& shape, std::uint64_t seed) {
    Tensor out(shape);
    fill_normal(out, Rng(seed), 0, 1);
    return out;
  }

 private:
  Forward forward_;
};

inline Tensor some_images(const Shape& image, std::int64_t count) {
  Tensor x(image.insert(0, count));
  fill_normal(x, Rng(77), 0, 1);
  return x;
}

inline Array channels_first(const Tensor& images) { return array_of(detail::channels_first(images)); }

// The largest difference between the graph's logits and the model's, over the largest logit; infinite for other sizes.
inline double distance(Layer& model, const std::string& bytes, const Tensor& images) {
  const Array got = evaluate_onnx(bytes, "images", channels_first(images)).at("logits");
  model.eval();
  const Array wanted = array_of(model(images).value());
  if (got.shape != wanted.shape) return std::numeric_limits<double>::infinity();
  double most = 0, largest = 0;
  for (std::size_t i = 0; i < got.numbers.size(); ++i) {
    largest = std::max(largest, std::abs(wanted.numbers[i]));
    const double off = std::abs(got.numbers[i] - wanted.numbers[i]);
    most = std::isnan(off) ? off : std::max(most, off);
  }
  return most / largest;
}

inline std::string standardised(Layer& model, const Shape& image, OnnxOptions options = {}) {
  options.input = OnnxInput::standardised;
  return onnx_model(model, image, options);
}

}  // namespace ebb::test
