// Hessian-vector products as docs/autograd.md describes them: central differences of gradients in f64.
#include "framework/nn/linear.h"
#include "framework/ops/loss.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

BOOST_AUTO_TEST_SUITE(hessian_vector_products)

// Logistic regression, whose Hessian is the mean of s (1 - s) x x^T with s = sigmoid(w x).
BOOST_AUTO_TEST_CASE(central_differences_agree_with_the_closed_form) {
  constexpr std::int64_t samples = 50;
  constexpr std::int64_t inputs = 7;
  Linear model({.in = inputs, .out = 1, .bias = false}, Rng(1));
  model.to(DType::f64);
  Tensor& weight = model.weight.value();
  const Tensor start = weight.clone();
  const Tensor x = test::random({samples, inputs}, 2, -2, 2, DType::f64);
  const Tensor targets = test::random({samples, 1}, 3, 0, 1, DType::f64);
  Tensor v = test::random({inputs, 1}, 4, -1, 1, DType::f64);
  scale(v, 1 / norm(v));

  const double h = 1e-5 * norm(start);
  const auto gradient_at = [&](double along) {
    copy_into(weight, start);
    axpy(along, v, weight);
    model.zero_grad();
    Tape tape;
    tape.backward(binary_cross_entropy_with_logits(model(x), targets));
    return model.weight.grad().clone();
  };
  Tensor product = gradient_at(h);
  axpy(-1, gradient_at(-h), product);
  scale(product, 1 / (2 * h));

  Tensor want = Tensor::zeros({inputs, 1}, DType::f64);
  const double* const w = start.data<double>();
  for (std::int64_t i = 0; i < samples; ++i) {
    const double* const row = x.data<double>() + i * inputs;
    double logit = 0;
    double along = 0;
    for (std::int64_t k = 0; k < inputs; ++k) {
      logit += w[k] * row[k];
      along += v.data<double>()[k] * row[k];
    }
    const double s = 1 / (1 + std::exp(-logit));
    for (std::int64_t k = 0; k < inputs; ++k)
      want.mutable_data<double>()[k] += s * (1 - s) * along * row[k] / static_cast<double>(samples);
  }
  BOOST_TEST(test::close(product, want, 1e-9));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
