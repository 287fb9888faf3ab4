// Attention against its formula, and what decay alone moves in it.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/nn/multi_head_attention.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

bool says(const std::string& message, const char* part) { return message.find(part) != std::string::npos; }

constexpr std::int64_t batch = 2, tokens = 5, size = 6, head_count = 3, d = size / head_count;

struct Attention : MultiHeadAttention {
  explicit Attention(double dropout = 0)
      : MultiHeadAttention({.size = size, .heads = head_count, .dropout = dropout}, Rng(4)) {
    to(DType::f64);
  }
};

Tensor sequence() { return random({batch, tokens, size}, 3, -1, 2, DType::f64); }

// Loop by loop, as the paper has it.
Tensor by_formula(const Attention& net, const Tensor& x) {
  const auto mapped = [&](std::int64_t n, std::int64_t t, std::int64_t column) {
    double sum = net.qkv->bias->value().at({column});
    for (std::int64_t k = 0; k < size; ++k) sum += x.at({n, t, k}) * net.qkv->weight.value().at({k, column});
    return sum;
  };
  Tensor seen = Tensor::zeros({batch, tokens, size}, DType::f64), out = seen.clone();
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t h = 0; h < head_count; ++h)
      for (std::int64_t t = 0; t < tokens; ++t) {
        std::vector<double> weight(tokens);
        double total = 0;
        for (std::int64_t other = 0; other < tokens; ++other) {
          double product = 0;
          for (std::int64_t k = 0; k < d; ++k) product += mapped(n, t, h * d + k) * mapped(n, other, size + h * d + k);
          total += weight[static_cast<std::size_t>(other)] = std::exp(product / std::sqrt(double(d)));
        }
        for (std::int64_t k = 0; k < d; ++k) {
          double sum = 0;
          for (std::int64_t other = 0; other < tokens; ++other)
            sum += weight[static_cast<std::size_t>(other)] / total * mapped(n, other, 2 * size + h * d + k);
          seen.mutable_data<double>()[(n * tokens + t) * size + h * d + k] = sum;
        }
      }
  for (std::int64_t row = 0; row < batch * tokens; ++row)
    for (std::int64_t column = 0; column < size; ++column) {
      double sum = net.proj->bias->value().at({column});
      for (std::int64_t k = 0; k < size; ++k)
        sum += seen.data<double>()[row * size + k] * net.proj->weight.value().at({k, column});
      out.mutable_data<double>()[row * size + column] = sum;
    }
  return out;
}

// A loss that feels every output.
void backward(Attention& net, const Tensor& x) {
  Tape tape;
  const Var y = net(Var(x));
  tape.backward(sum(square(y) * Var(random(y.shape(), 8, -1, 1, DType::f64))));
}

// Of the columns from .. from + d - 1 of the map to queries, keys and values, with their bias: w g, and the greatest
// |g| of the bias.
struct Part {
  double dot = 0, bias_gradient = 0;
};

Part columns(const Attention& net, std::int64_t from) {
  Part out;
  for (std::int64_t c = from; c < from + d; ++c) {
    for (std::int64_t k = 0; k < size; ++k)
      out.dot += net.qkv->weight.value().at({k, c}) * net.qkv->weight.grad().at({k, c});
    const double g = net.qkv->bias->grad().at({c});
    out.dot += net.qkv->bias->value().at({c}) * g;
    out.bias_gradient = std::max(out.bias_gradient, std::abs(g));
  }
  return out;
}

double rows(const Attention& net, std::int64_t from) {
  double out = 0;
  for (std::int64_t r = from; r < from + d; ++r)
    for (std::int64_t k = 0; k < size; ++k)
      out += net.proj->weight.value().at({r, k}) * net.proj->weight.grad().at({r, k});
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(attention)

BOOST_AUTO_TEST_CASE(is_that_of_the_formula) {
  Attention net;
  const Tensor x = sequence();
  BOOST_TEST(close(net(Var(x)).value(), by_formula(net, x), 1e-14));
  net.to(DType::f32);
  const Tensor narrow = cast(x, DType::f32);
  BOOST_TEST(close(cast(net(Var(narrow)).value(), DType::f64), by_formula(Attention(), x), 1e-6));
}

BOOST_AUTO_TEST_CASE(the_loss_does_not_feel_what_queries_and_keys_or_values_and_rows_share) {
  Attention net;
  backward(net, sequence());
  for (std::int64_t h = 0; h < head_count; ++h) {
    const Part q = columns(net, h * d), k = columns(net, size + h * d), v = columns(net, 2 * size + h * d);
    BOOST_TEST(std::abs(q.dot - k.dot) < 1e-13);
    BOOST_TEST(std::abs(q.dot) > 1e-4);
    BOOST_TEST(std::abs(v.dot - rows(net, h * d)) < 1e-13);
    BOOST_TEST(std::abs(v.dot) > 1e-4);
    BOOST_TEST(k.bias_gradient < 1e-14);
    BOOST_TEST(q.bias_gradient > 1e-4);
  }
}

BOOST_AUTO_TEST_CASE(drops_weights_in_training_alone) {
  Attention net(0.5), without;
  const Tensor x = sequence(), first = net(Var(x)).value();
  BOOST_TEST(!same_bits(first, net(Var(x)).value()));
  net.eval();
  BOOST_TEST(same_bits(net(Var(x)).value(), without(Var(x)).value()));
}

BOOST_AUTO_TEST_CASE(says_what_it_refuses_and_what_it_costs) {
  const Rng rng(1);
  BOOST_TEST(says(error_of([&] { MultiHeadAttention({.size = 6, .heads = 4}, rng); }), "heads that divide size"));
  BOOST_TEST(says(error_of([&] { MultiHeadAttention({.heads = 1}, rng); }), "size = 0"));
  BOOST_TEST(says(error_of([&] { MultiHeadAttention({.size = 4, .dropout = 1.5}, rng); }), "dropout = 1.5"));
  Attention net;
  BOOST_TEST(says(error_of([&] { net(Var(Tensor::zeros({2, 6}, DType::f64))); }), "[batch, tokens, 6]"));
  BOOST_TEST(says(error_of([&] { net(Var(Tensor::zeros({2, 3, 4}, DType::f64))); }), "[batch, tokens, 6]"));
  BOOST_TEST(net.describe() == "6, 3 heads");
  // Scores and their use: two products of tokens x tokens x size for each sequence.
  BOOST_TEST(net.multiply_adds({2, 5, 6}, {2, 5, 6}) == 2 * 2 * 5 * 5 * 6);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
