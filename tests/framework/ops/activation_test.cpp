#include "framework/ops/activation.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cfloat>
#include <limits>

#include "tests/support/errors.h"
#include "tests/support/ops.h"

namespace ebb {
namespace {

using test::close;
using test::fails_with;
using test::gradient_of;
using test::same_bits;
using test::same_on_all_threads;

using Op = std::function<Var(const Var&)>;
using Formula = std::function<double(double)>;

struct Known {
  const char* name;
  Op op;
  Formula value;
  Formula slope;
};

double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }
double normal_distribution(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double gelu_inner(double x) { return std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x); }

const std::vector<Known>& known() {
  static const std::vector<Known> all{
      {"relu", [](const Var& x) { return relu(x); }, [](double x) { return std::max(x, 0.0); },
       [](double x) { return x > 0 ? 1.0 : 0.0; }},
      {"relu6", [](const Var& x) { return relu6(x); }, [](double x) { return std::clamp(x, 0.0, 6.0); },
       [](double x) { return x > 0 && x < 6 ? 1.0 : 0.0; }},
      {"leaky_relu", [](const Var& x) { return leaky_relu(x, 0.1); }, [](double x) { return x > 0 ? x : 0.1 * x; },
       [](double x) { return x > 0 ? 1.0 : 0.1; }},
      {"elu", [](const Var& x) { return elu(x, 0.7); }, [](double x) { return x > 0 ? x : 0.7 * std::expm1(x); },
       [](double x) { return x > 0 ? 1.0 : 0.7 * std::exp(x); }},
      {"gelu", [](const Var& x) { return gelu(x); }, [](double x) { return x * normal_distribution(x); },
       [](double x) { return normal_distribution(x) + x * normal_density(x); }},
      {"gelu tanh", [](const Var& x) { return gelu(x, Gelu::tanh); },
       [](double x) { return x / 2 * (1 + std::tanh(gelu_inner(x))); },
       [](double x) {
         const double t = std::tanh(gelu_inner(x));
         return (1 + t) / 2 + x / 2 * (1 - t * t) * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
       }},
      {"silu", [](const Var& x) { return silu(x); }, [](double x) { return x * logistic(x); },
       [](double x) { return logistic(x) * (1 + x * (1 - logistic(x))); }},
      {"softplus", [](const Var& x) { return softplus(x); },
       [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); },
       [](double x) { return logistic(x); }},
      {"sigmoid", [](const Var& x) { return sigmoid(x); }, [](double x) { return logistic(x); },
       [](double x) { return logistic(x) * (1 - logistic(x)); }},
      {"tanh", [](const Var& x) { return tanh(x); }, [](double x) { return std::tanh(x); },
       [](double x) { return 1 - std::tanh(x) * std::tanh(x); }},
  };
  return all;
}

Tensor apply(const Formula& f, const Tensor& x) {
  Tensor y(x.shape(), DType::f64);
  const std::vector<double> from = test::values(x);
  for (std::size_t i = 0; i < from.size(); ++i) y.mutable_data<double>()[i] = f(from[i]);
  return y;
}

Tensor numbers(std::initializer_list<double> values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

constexpr double infinity = std::numeric_limits<double>::infinity();

BOOST_AUTO_TEST_SUITE(activation)

// Against the C library: within a few roundings of the largest number, in each type, on each instruction set.
BOOST_AUTO_TEST_CASE(values_and_gradients) {
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    for (const DType dtype : {DType::f32, DType::f64}) {
      const double bound = dtype == DType::f32 ? 4 * FLT_EPSILON : 64 * DBL_EPSILON;  // erf in f64: 34 eps
      for (const Known& k : known())
        for (const double range : {0.1, 6.0, 30.0}) {
          const Tensor x = test::random({20011}, 9, -range, range, dtype);
          BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << k.name << " to " << range) {
            BOOST_TEST(close(cast(k.op(x).value(), DType::f64), apply(k.value, x), bound));
            BOOST_TEST(close(cast(gradient_of(k.op, x), DType::f64), apply(k.slope, x), bound));
          }
        }
    }
  }
}

BOOST_AUTO_TEST_CASE(gradients_at_kinks) {
  const Tensor x = numbers({-1, -0.0, 0, 1});
  BOOST_TEST(same_bits(gradient_of([](const Var& v) { return relu(v); }, x), numbers({0, 0, 0, 1})));
  BOOST_TEST(
      same_bits(gradient_of([](const Var& v) { return leaky_relu(v, 0.25); }, x), numbers({0.25, 0.25, 0.25, 1})));
  BOOST_TEST(same_bits(relu(x).value(), numbers({0, 0, 0, 1})));
  const Tensor bounds = numbers({-1, -0.0, 0, 3, 6, 7});
  for (const DType dtype : {DType::f32, DType::f64}) {
    BOOST_TEST(same_bits(gradient_of([](const Var& v) { return relu6(v); }, cast(bounds, dtype)),
                         cast(numbers({0, 0, 0, 1, 0, 0}), dtype)));
    BOOST_TEST(same_bits(relu6(cast(bounds, dtype)).value(), cast(numbers({0, 0, 0, 3, 6, 6}), dtype)));
  }
}

BOOST_AUTO_TEST_CASE(extremes) {
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    for (const DType dtype : {DType::f32, DType::f64}) {
      BOOST_TEST_CONTEXT(name << ' ' << dtype) {
        const Tensor x = cast(numbers({-infinity, -1e4, 1e4, infinity}), dtype);
        const auto is = [&](const Var& y, std::initializer_list<double> want) {
          return close(cast(y.value(), DType::f64), numbers(want), 0);
        };
        BOOST_TEST(is(relu(x), {0, 0, 1e4, infinity}));
        BOOST_TEST(is(relu6(x), {0, 0, 6, 6}));
        BOOST_TEST(is(elu(x), {-1, -1, 1e4, infinity}));
        BOOST_TEST(is(softplus(x), {0, 0, 1e4, infinity}));
        BOOST_TEST(is(sigmoid(x), {0, 0, 1, 1}));
        BOOST_TEST(is(tanh(x), {-1, -1, 1, 1}));
        const Tensor finite = cast(numbers({-1e4, 1e4}), dtype);
        BOOST_TEST(is(silu(finite), {0, 1e4}));
        BOOST_TEST(is(gelu(finite), {0, 1e4}));
        for (const Known& k : known()) {
          BOOST_TEST(all_finite(gradient_of(k.op, finite)), k.name);
          BOOST_TEST(std::isnan(k.op(cast(numbers({std::nan("")}), dtype)).item()), k.name);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(errors) {
  for (const Known& k : known()) {
    BOOST_TEST(fails_with({"undefined"}, [&] { k.op(Var()); }), k.name);
    BOOST_TEST(fails_with({"i32", "f32 or f64"}, [&] { k.op(Tensor::zeros({2}, DType::i32)); }), k.name);
  }
  BOOST_TEST(fails_with({"[softplus]"}, [] { softplus(Var()); }));
}

BOOST_AUTO_TEST_CASE(same_bits_on_all_threads) {
  const Tensor x = test::random({70001}, 3, -4, 4);
  BOOST_TEST(same_on_all_threads([&] {
    std::vector<Tensor> all;
    for (const Known& k : known()) {
      all.push_back(k.op(x).value());
      all.push_back(gradient_of(k.op, x));
    }
    return all;
  }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
