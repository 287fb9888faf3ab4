#include "framework/autograd/gradcheck.h"

#include <algorithm>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"

namespace ebb {
namespace {

using Function = std::function<Var(std::span<const Var>)>;

// Points of the five-point stencil, in steps, and their weights, times 12.
constexpr double stencil_at[4] = {-2, -1, 1, 2};
constexpr double stencil_weight[4] = {1, -8, 8, -1};

struct Poison {
  const bool before = memory::set_poison(true);
  Poison() = default;
  Poison(const Poison&) = delete;
  Poison& operator=(const Poison&) = delete;
  ~Poison() { memory::set_poison(before); }
};

// "[1, 0, 2]" for the element `at` of a tensor of this shape.
std::string index_text(const Shape& shape, std::int64_t at) {
  std::string out;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    out.insert(0, text(axis > 0 ? ", " : "", at % shape[axis]));
    at /= shape[axis];
  }
  return text('[', out, ']');
}

// A number in [0.5, 1) or its negative: no element of a random direction is lost beside the others.
double signed_uniform(const Rng& rng, std::int64_t i) {
  const double u = rng.uniform(static_cast<std::uint64_t>(i));
  return u < 0.5 ? -0.5 - u : u;
}

Tensor signed_uniform(const Rng& rng, const Shape& shape) {
  Tensor out(shape, DType::f64);
  const std::span<double> to = out.mutable_span<double>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = signed_uniform(rng, static_cast<std::int64_t>(i));
  return out;
}

// One run of the comparison. Inputs are cloned, so that a function which edits them harms nobody.
class Check {
 public:
  Check(const std::string& op, const Function& f, std::span<const Tensor> inputs, const GradcheckOptions& options)
      : op_(op), f_(f), options_(options) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      require_defined("gradcheck", text("input ", i).c_str(), inputs[i]);
      if (inputs[i].dtype() != DType::f64)
        fail("gradcheck", text("input ", i, " of ", op, " of type ", inputs[i].dtype()), "f64",
             "convert it with cast(x, DType::f64)");
      inputs_.push_back(inputs[i].clone());
    }
    const Rng rng(options.seed);
    direction_rng_ = rng.at("directions");
    base_ = evaluate();
    if (base_.dtype() != DType::f64)
      fail("gradcheck", text(op, " with a result of type ", base_.dtype()), "a result of type f64");
    weights_ = signed_uniform(rng.at("weights"), base_.shape());
  }

  GradcheckReport run() {
    const std::vector<Tensor> gradients = weighted_gradients();
    for (std::size_t i = 0; i < inputs_.size() && report_.passed; ++i) {
      alone(i, gradients[i]);
      if (inputs_[i].size() <= options_.full_jacobian_up_to) one_by_one(i, gradients[i]);
      else
        for (int d = 0; d < options_.directions && report_.passed; ++d)
          direction(i, i + 1, gradients, direction_rng_.at(static_cast<std::uint64_t>(d)));
    }
    if (report_.passed && !inputs_.empty()) direction(0, inputs_.size(), gradients, direction_rng_.at("all"));
    return report_;
  }

 private:
  // The output at inputs_, computed without a tape.
  Tensor evaluate() const {
    const Tape::Pause pause;
    const std::vector<Var> vars(inputs_.begin(), inputs_.end());
    return f_(vars).value();
  }

  // Gradients of sum(seed * output) with respect to the inputs from `first` to `last`; the others are constants.
  std::vector<Tensor> backward(std::size_t first, std::size_t last, const Tensor& seed) {
    Tape tape;
    std::vector<Var> vars(inputs_.begin(), inputs_.end());
    for (std::size_t i = first; i < last; ++i) vars[i] = tape.input(inputs_[i]);
    const Var output = f_(vars);
    if (!(output.shape() == base_.shape()) || !std::ranges::equal(output.value().bytes(), base_.bytes())) {
      mismatch("its result differs between calls, or with and without a tape: it must be a function of its inputs");
      return {};
    }
    std::vector<Tensor> gradients;
    if (output.tracked()) tape.backward(output, seed);
    for (std::size_t i = first; i < last; ++i)
      gradients.push_back(output.tracked() ? tape.gradient(vars[i]) : Tensor::zeros(inputs_[i].shape(), DType::f64));
    return gradients;
  }

  std::vector<Tensor> weighted_gradients() { return backward(0, inputs_.size(), weights_); }

  // A rule that skips what nobody wants must still be right for the one input that is wanted.
  void alone(std::size_t argument, const Tensor& together) {
    if (inputs_.size() < 2) return;
    const std::vector<Tensor> gradient = backward(argument, argument + 1, weights_);
    if (!report_.passed) return;
    const std::span<const double> got = gradient[0].span<double>();
    const std::span<const double> expected = together.span<double>();
    for (std::size_t j = 0; j < got.size() && report_.passed; ++j)
      compare(got[j], expected[j], [&] {
        return text("argument ", argument, ", index ",
                    index_text(inputs_[argument].shape(), static_cast<std::int64_t>(j)),
                    ", the other arguments being constants, against the gradient of all together");
      });
  }

  // Every element of one input: against the weighted sum of all outputs, and, when they are not too many, against
  // each output on its own.
  void one_by_one(std::size_t argument, const Tensor& weighted) {
    const std::int64_t n = inputs_[argument].size();
    const std::int64_t m = base_.size();
    const bool each_output = m <= options_.full_jacobian_up_to;
    std::vector<double> columns(static_cast<std::size_t>(each_output ? n * m : m));  // d output[k] / d input[j]
    const double* const weights = weights_.data<double>();
    for (std::int64_t j = 0; j < n && report_.passed; ++j) {
      double* const column = columns.data() + (each_output ? j * m : 0);
      differentiate(argument, j, column);
      double expected = 0;
      for (std::int64_t k = 0; k < m; ++k) expected += weights[k] * column[k];
      compare(weighted.data<double>()[j], expected, [&] {
        return text("argument ", argument, ", index ", index_text(inputs_[argument].shape(), j),
                    ", all outputs with random weights");
      });
    }
    if (!each_output) return;
    Tensor seed = Tensor::zeros(base_.shape(), DType::f64);
    for (std::int64_t k = 0; k < m && report_.passed; ++k) {
      seed.mutable_data<double>()[k] = 1.0;
      const std::vector<Tensor> row = backward(argument, argument + 1, seed);
      seed.mutable_data<double>()[k] = 0.0;
      for (std::int64_t j = 0; j < n && report_.passed; ++j)
        compare(row[0].data<double>()[j], columns[static_cast<std::size_t>(j * m + k)], [&] {
          return text("argument ", argument, ", index ", index_text(inputs_[argument].shape(), j), ", output ",
                      index_text(base_.shape(), k));
        });
    }
  }

  // to[k] = d output[k] / d input[j] by the stencil.
  void differentiate(std::size_t argument, std::int64_t j, double* to) {
    const double x = inputs_[argument].data<double>()[j];
    const double h = options_.step * std::max(1.0, std::abs(x));
    std::fill(to, to + base_.size(), 0.0);
    for (int s = 0; s < 4; ++s) {
      inputs_[argument].mutable_data<double>()[j] = x + stencil_at[s] * h;
      const Tensor y = evaluate();
      for (std::int64_t k = 0; k < base_.size(); ++k) to[k] += stencil_weight[s] * y.data<double>()[k];
    }
    inputs_[argument].mutable_data<double>()[j] = x;
    for (std::int64_t k = 0; k < base_.size(); ++k) to[k] /= 12.0 * h;
  }

  // All elements of the inputs from `first` to `last` at once: one number.
  void direction(std::size_t first, std::size_t last, std::span<const Tensor> gradients, const Rng& rng) {
    std::vector<Tensor> origin;
    std::vector<Tensor> along;
    double got = 0;
    for (std::size_t i = first; i < last; ++i) {
      origin.push_back(inputs_[i]);
      Tensor v = signed_uniform(rng.at(i), inputs_[i].shape());
      double* const to = v.mutable_data<double>();
      for (std::int64_t j = 0; j < v.size(); ++j) {
        to[j] *= std::max(1.0, std::abs(inputs_[i].data<double>()[j]));
        got += to[j] * gradients[i].data<double>()[j];
      }
      along.push_back(std::move(v));
    }
    double expected = 0;
    for (int s = 0; s < 4; ++s) {
      for (std::size_t i = first; i < last; ++i) {
        inputs_[i] = origin[i - first].clone();
        axpy(stencil_at[s] * options_.step, along[i - first], inputs_[i]);
      }
      expected += stencil_weight[s] * dot(weights_, evaluate());
    }
    for (std::size_t i = first; i < last; ++i) inputs_[i] = origin[i - first];
    expected /= 12.0 * options_.step;
    compare(got, expected, [&] {
      return last - first == 1 ? text("argument ", first, ", along a random direction of all its elements")
                               : text("all arguments along one random direction");
    });
  }

  // `where` is called for the message only.
  template <class Where>
  void compare(double got, double expected, Where where) {
    ++report_.compared;
    const double allowed = options_.atol + options_.rtol * std::max(std::abs(got), std::abs(expected));
    if (std::abs(got - expected) <= allowed) return;  // false for NaN
    mismatch(text(where(), ": got ", got, ", expected ", expected, "; a difference of ", std::abs(got - expected),
                  " where ", allowed, " is allowed",
                  std::isnan(got) ? " (NaN: an element that the rule never wrote?)" : ""));
  }

  void mismatch(const std::string& what) {
    report_.passed = false;
    report_.message = text(op_, ": ", what);
  }

  const std::string& op_;
  const Function& f_;
  const GradcheckOptions& options_;
  std::vector<Tensor> inputs_;
  Tensor base_;
  Tensor weights_;
  Rng direction_rng_{0};
  GradcheckReport report_;
};

}  // namespace

GradcheckReport gradcheck(const std::string& op, const std::function<Var(std::span<const Var>)>& f,
                          std::span<const Tensor> inputs, const GradcheckOptions& options) {
  const Poison poison;
  return Check(op, f, inputs, options).run();
}

}  // namespace ebb
