// Rows of the gradient table: arithmetic and activations.
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "tests/framework/ops/gradient_table.h"

namespace ebb::test {
namespace {

using UnaryCall = std::function<Var(const Var&)>;

// f on every standard shape.
void unary(Row& row, const UnaryCall& f, double low, double high, std::initializer_list<double> kinks = {},
           const std::string& name = "", const CaseOptions& options = {}) {
  std::uint64_t seed = 100;
  for (const Shape& shape : standard_shapes())
    row.add(
        name, {numbers(shape, ++seed, low, high, kinks)}, [f](std::span<const Var> in) { return f(in[0]); }, options);
}

using BinaryCall = std::function<Var(const Var&, const Var&)>;

// f on shapes that broadcast in every way; the second operand is drawn from [low, high).
void binary(Row& row, const BinaryCall& f, double low, double high) {
  const std::vector<std::pair<Shape, Shape>> shapes{{{}, {}},
                                                    {{1}, {1}},
                                                    {{7, 5}, {7, 5}},
                                                    {{2, 3, 5}, {5}},
                                                    {{5}, {2, 3, 5}},
                                                    {{4, 1}, {1, 3}},
                                                    {{1}, {4}},
                                                    {{}, {3, 17}},
                                                    {{3, 17}, {}},
                                                    {{2, 1, 3}, {1, 4, 1}},
                                                    {{1, 17}, {3, 17}},
                                                    {{2, 3}, {2, 1}},
                                                    {{2, 1}, {2, 17}},
                                                    {{2, 2, 2, 3}, {1, 3}},
                                                    {{2, 2, 1, 3}, {2, 1, 2, 1}},
                                                    {{1, 1}, {1, 1}},
                                                    {{5, 1, 17}, {17}},
                                                    {{2, 1, 1, 5}, {2, 2, 2, 5}}};
  std::uint64_t seed = 200;
  for (const auto& [a, b] : shapes) {
    const Shape out = broadcast("rows", a, b);
    const double sum = static_cast<double>(out.size()) / static_cast<double>(std::min(a.size(), b.size()));
    row.add("", {numbers(a, ++seed), numbers(b, ++seed, low, high)},
            [f](std::span<const Var> in) { return f(in[0], in[1]); }, {.k = sum});
  }
}

}  // namespace

void add_arithmetic_rows(Table& table) {
  Row& sum = table.row("add");
  binary(
      sum, [](const Var& a, const Var& b) { return add(a, b); }, -2, 2);
  unary(
      sum, [](const Var& x) { return add(x, 0.7); }, -2, 2, {}, "number");
  binary(
      table.row("sub"), [](const Var& a, const Var& b) { return sub(a, b); }, -2, 2);
  Row& product = table.row("mul");
  binary(
      product, [](const Var& a, const Var& b) { return mul(a, b); }, -2, 2);
  unary(
      product, [](const Var& x) { return mul(x, -1.3); }, -2, 2, {}, "number");
  binary(
      table.row("div"), [](const Var& a, const Var& b) { return div(a, b); }, 0.5, 2);

  Row& plus = table.row("operator+");
  binary(
      plus, [](const Var& a, const Var& b) { return a + b; }, -2, 2);
  unary(
      plus, [](const Var& x) { return (x + 0.3) * (0.5 + x); }, -2, 2, {}, "number");
  Row& minus = table.row("operator-");
  binary(
      minus, [](const Var& a, const Var& b) { return a - b; }, -2, 2);
  unary(
      minus, [](const Var& x) { return (x - 0.3) * (0.5 - x) * -x; }, -2, 2, {}, "number");
  Row& times = table.row("operator*");
  binary(
      times, [](const Var& a, const Var& b) { return a * b; }, -2, 2);
  unary(
      times, [](const Var& x) { return (x * 0.3) * (0.5 * x); }, -2, 2, {}, "number");
  Row& over = table.row("operator/");
  binary(
      over, [](const Var& a, const Var& b) { return a / b; }, 0.5, 2);
  unary(
      over, [](const Var& x) { return x / 0.3 + 0.5 / x; }, 0.5, 2, {}, "number");

  unary(
      table.row("neg"), [](const Var& x) { return neg(x); }, -2, 2);
  unary(
      table.row("exp"), [](const Var& x) { return exp(x); }, -2, 2);
  unary(
      table.row("log"), [](const Var& x) { return log(x); }, 0.3, 3);
  unary(
      table.row("sqrt"), [](const Var& x) { return sqrt(x); }, 0.3, 3);
  unary(
      table.row("square"), [](const Var& x) { return square(x); }, -2, 2);
  unary(table.row("abs"), [](const Var& x) { return abs(x); }, -2, 2, {0});
  unary(table.row("clamp"), [](const Var& x) { return clamp(x, -0.6, 0.9); }, -2, 2, {-0.6, 0.9});
  Row& power = table.row("pow");
  for (const double exponent : {-1.5, -1.0, 0.0, 0.5, 1.0, 2.5})
    unary(
        power, [exponent](const Var& x) { return pow(x, exponent); }, 0.5, 2, {}, text(exponent));
  for (const double exponent : {2.0, 3.0})
    unary(
        power, [exponent](const Var& x) { return pow(x, exponent); }, -2, 2, {}, text(exponent));

  Row& choice = table.row("where");
  const Tensor flags = Tensor::from<std::uint8_t>({1, 0, 1, 1, 0, 2}, {2, 3});
  const auto choose = [](const Tensor& condition) {
    return [condition](std::span<const Var> in) { return where(condition, in[0], in[1]); };
  };
  choice.add("", {numbers({2, 3}, 1), numbers({2, 3}, 2)}, choose(flags));
  choice.add("scalar", {numbers({2, 3}, 1), numbers({}, 2)}, choose(flags), {.k = 6});
  choice.add("column", {numbers({2, 1}, 1), numbers({3}, 2)}, choose(flags), {.k = 3});
  choice.add("broadcast condition", {numbers({5, 2, 3}, 1), numbers({5, 1, 1}, 2)}, choose(flags), {.k = 6});
  choice.add("small operands", {numbers({1}, 1), numbers({}, 2)}, choose(flags), {.k = 6});

  Row& fused = table.row("add_relu");
  std::uint64_t seed = 300;
  for (const Shape& shape : standard_shapes()) {
    const Tensor a = numbers(shape, ++seed, -2, 2, {0}, 0.6);
    fused.add("", {a, numbers(shape, ++seed, -0.5, 0.5)},
              [](std::span<const Var> in) { return add_relu(in[0], in[1]); });
  }
}

void add_activation_rows(Table& table) {
  unary(table.row("relu"), [](const Var& x) { return relu(x); }, -2, 2, {0});
  unary(table.row("relu6"), [](const Var& x) { return relu6(x); }, -2, 8, {0, 6});
  Row& leaky = table.row("leaky_relu");
  unary(leaky, [](const Var& x) { return leaky_relu(x); }, -2, 2, {0});
  unary(
      leaky, [](const Var& x) { return leaky_relu(x, 0.2); }, -2, 2, {0}, "slope 0.2");
  Row& exponential = table.row("elu");
  unary(exponential, [](const Var& x) { return elu(x); }, -2, 2, {0});
  unary(
      exponential, [](const Var& x) { return elu(x, 0.4); }, -2, 2, {0}, "alpha 0.4");
  Row& gauss = table.row("gelu");
  unary(
      gauss, [](const Var& x) { return gelu(x); }, -3, 3, {}, "exact");
  unary(
      gauss, [](const Var& x) { return gelu(x, Gelu::tanh); }, -3, 3, {}, "tanh");
  unary(
      table.row("silu"), [](const Var& x) { return silu(x); }, -3, 3);
  unary(
      table.row("softplus"), [](const Var& x) { return softplus(x); }, -3, 3);
  const CaseOptions from_one{.scale = 1};  // the derivative is what remains of 1 when y or its square is taken away
  unary(
      table.row("sigmoid"), [](const Var& x) { return sigmoid(x); }, -3, 3, {}, "", from_one);
  unary(
      table.row("tanh"), [](const Var& x) { return tanh(x); }, -3, 3, {}, "", from_one);
}

}  // namespace ebb::test
