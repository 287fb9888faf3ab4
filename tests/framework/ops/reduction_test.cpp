#include "framework/ops/reduction.h"

#include <boost/test/unit_test.hpp>
#include <cfloat>
#include <limits>

#include "framework/compute/broadcast.h"
#include "framework/ops/arithmetic.h"
#include "tests/support/errors.h"
#include "tests/support/ops.h"

namespace ebb::reduction_test {
namespace {

using test::close;
using test::fails_with;
using test::gradient_of;
using test::same_bits;
using test::same_on_all_threads;

constexpr double infinity = std::numeric_limits<double>::infinity();

Tensor numbers(std::initializer_list<double> values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

struct Reduced {
  Shape shape;
  Axes axes;
};

// Leading, trailing, middle and scattered axes; narrow and wide rows; several blocks of each kind.
const std::vector<Reduced>& cases() {
  static const std::vector<Reduced> all{
      {{}, {}},
      {{5}, {}},
      {{5}, {0}},
      {{3, 4}, {0}},
      {{3, 4}, {1}},
      {{3, 4}, {0, 1}},
      {{3000, 3}, {0}},
      {{1000, 17}, {0}},
      {{999, 64}, {0}},
      {{70, 1030}, {0}},
      {{3, 40000}, {1}},
      {{40000, 2}, {1}},
      {{50000}, {0}},
      {{1, 6, 1, 5}, {0, 1}},
      {{1, 6, 1, 5}, {1, 2}},
      {{4, 9, 7, 5}, {1, 2}},
      {{4, 9, 7, 5}, {0, 1, 2}},
      {{4, 9, 7, 5}, {0, 2}},
      {{4, 9, 7, 5}, {1, 3}},
      {{4, 9, 7, 5}, {-1, -4}},
      {{2, 3, 2, 3, 2, 3}, {0, 2, 4}},
      {{2, 3, 2, 3, 2, 3}, {1, 3, 5}},
      {{2, 1, 3, 1, 4}, {0, 2}},
      {{2, 500, 33}, {1}},
      {{40, 300, 3}, {1}},
  };
  return all;
}

// The definition: `step` folds the numbers of each set in row-major order, starting from nothing.
Tensor reference(const Tensor& x, const Axes& axes, const std::function<double(double, double, bool)>& step) {
  Shape kept = x.shape();
  for (int i = 0; i < x.rank(); ++i) {
    bool reduced = axes.list().empty();
    for (const int axis : axes.list()) reduced = reduced || x.shape().axis("test", axis) == i;
    if (reduced) kept = kept.with(i, 1);
  }
  Tensor out(kept, DType::f64);
  std::vector<bool> started(static_cast<std::size_t>(out.size()), false);
  const std::vector<double> from = test::values(x);
  for (std::int64_t at = 0; at < x.size(); ++at) {
    std::int64_t rest = at;
    std::int64_t to = 0;
    std::int64_t stride = 1;
    for (int i = x.rank(); i-- > 0;) {
      if (kept[i] != 1) to += rest % x.dim(i) * stride;
      stride *= kept[i];
      rest /= x.dim(i);
    }
    double& place = out.mutable_data<double>()[to];
    const auto set = static_cast<std::size_t>(to);
    place = step(place, from[static_cast<std::size_t>(at)], !started[set]);
    started[set] = true;
  }
  return out;
}

BOOST_AUTO_TEST_SUITE(reduction)

BOOST_AUTO_TEST_CASE(values_over_all_kinds_of_axes) {
  const auto add_up = [](double sum, double v, bool first) { return first ? v : sum + v; };
  const auto largest = [](double best, double v, bool first) { return first || v > best ? v : best; };
  const auto add_exp = [](double sum, double v, bool first) { return (first ? 0.0 : sum) + std::exp(v); };
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    for (const DType dtype : {DType::f32, DType::f64})
      for (const Reduced& c : cases()) {
        const Tensor x = test::random(c.shape, 5, -1, 1, dtype);
        const Tensor want = reference(x, c.axes, add_up);
        const double count = static_cast<double>(x.size()) / static_cast<double>(want.size());
        const double eps = dtype == DType::f32 ? FLT_EPSILON : DBL_EPSILON;
        const double bound = 4 * eps * std::sqrt(count);
        Tensor average = want.clone();
        scale(average, 1 / count);
        BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << c.shape) {
          const auto is = [&](const Var& y, const Tensor& exact, double absolute) {
            return close(cast(y.value(), DType::f64), exact, bound, absolute);
          };
          BOOST_TEST(is(sum(x, c.axes, keep_dims), want, bound));
          BOOST_TEST(is(mean(x, c.axes, keep_dims), average, bound / count));
          BOOST_TEST(is(max(x, c.axes, keep_dims), reference(x, c.axes, largest), 0));
          BOOST_TEST(is(logsumexp(x, c.axes, keep_dims), log(reference(x, c.axes, add_exp)).value(), bound));
        }
      }
  }
}

BOOST_AUTO_TEST_CASE(shapes_of_results) {
  const Tensor x = Tensor::zeros({2, 3, 4});
  BOOST_TEST(sum(Var(x)).shape() == Shape{});
  BOOST_TEST(sum(x, {}, keep_dims).shape() == (Shape{1, 1, 1}));
  BOOST_TEST(mean(x, {1}).shape() == (Shape{2, 4}));
  BOOST_TEST(max(x, {-1, 0}).shape() == Shape{3});
  BOOST_TEST(logsumexp(x, {0}, keep_dims).shape() == (Shape{1, 3, 4}));
}

BOOST_AUTO_TEST_CASE(long_sums_of_floats_stay_accurate) {
  const std::int64_t n = 3000000;
  const Tensor x = Tensor::full({n}, 0.1);
  const double exact = static_cast<double>(0.1F) * static_cast<double>(n);
  BOOST_TEST(std::abs(sum(Var(x)).item() - exact) <= exact * FLT_EPSILON);
  for (const std::int64_t channels : {1, 3, 16, 100}) {
    const Tensor columns = Tensor::full({n / channels, channels}, 0.1);
    const double each = static_cast<double>(0.1F) * static_cast<double>(n / channels);
    BOOST_TEST(close(sum(columns, {0}).value(), Tensor::full({channels}, each), 1.01 * FLT_EPSILON));
  }
}

BOOST_AUTO_TEST_CASE(the_first_of_equal_numbers_gets_the_gradient_of_max) {
  const Tensor x = Tensor::from({3.0, 7.0, 7.0, 7.0, 1.0, 7.0}, {2, 3});
  const auto want = [](std::initializer_list<double> values) { return Tensor::from(values, {2, 3}); };
  BOOST_TEST(same_bits(gradient_of([](const Var& v) { return max(v); }, x), want({0, 1, 0, 0, 0, 0})));
  BOOST_TEST(same_bits(gradient_of([](const Var& v) { return max(v, {0}); }, x), want({0, 1, 1, 1, 0, 0})));
  BOOST_TEST(same_bits(gradient_of([](const Var& v) { return max(v, {1}); }, x), want({0, 1, 0, 1, 0, 0})));
}

BOOST_AUTO_TEST_CASE(ties_at_every_distance) {
  for (const std::string& name : instruction_sets()) {
    const test::InstructionSet use(name);
    for (std::int64_t n : {2, 15, 16, 17, 33, 64, 100})
      for (std::int64_t first = 0; first + 1 < n; first += 3) {
        Tensor x = Tensor::full({n}, -1);
        x.mutable_data<float>()[first] = x.mutable_data<float>()[n - 1] = 2;
        Tensor want = Tensor::zeros({n});
        want.mutable_data<float>()[first] = 1;
        BOOST_TEST(same_bits(gradient_of([](const Var& v) { return max(v); }, x), want),
                   name << ' ' << n << ' ' << first);
      }
  }
}

BOOST_AUTO_TEST_CASE(infinities_and_nan) {
  BOOST_TEST(max(Var(numbers({-infinity, -infinity}))).item() == -infinity);
  BOOST_TEST(std::isnan(max(Var(numbers({1, std::nan(""), 3}))).item()));
  BOOST_TEST(std::isnan(max(Var(numbers({1, 2, 3, 4, 5, 6, 7, 8, 9, std::nan("")}))).item()));
  BOOST_TEST(logsumexp(Var(numbers({-infinity, -infinity}))).item() == -infinity);
  BOOST_TEST(logsumexp(Var(numbers({-infinity, 0}))).item() == 0);
  BOOST_TEST(logsumexp(Var(numbers({1, infinity}))).item() == infinity);
  BOOST_TEST(std::isnan(logsumexp(Var(numbers({1, std::nan("")}))).item()));
  BOOST_TEST(same_bits(gradient_of([](const Var& v) { return logsumexp(v); }, numbers({-infinity, -infinity})),
                       numbers({0, 0})));
}

BOOST_AUTO_TEST_CASE(large_numbers_do_not_overflow) {
  const Tensor x = Tensor::from({1000.0F, 1000.0F, -1000.0F}, {3});
  BOOST_TEST(std::abs(logsumexp(Var(x)).item() - (1000 + std::log(2.0))) < 1e-4);
  const Tensor gradient = gradient_of([](const Var& v) { return logsumexp(v); }, x);
  BOOST_TEST(close(gradient, Tensor::from({0.5F, 0.5F, 0.0F}, {3}), 1e-4));
}

BOOST_AUTO_TEST_CASE(no_elements) {
  const Tensor empty({3, 0}, DType::f32);
  BOOST_TEST(same_bits(sum(empty, {1}).value(), Tensor::zeros({3})));
  BOOST_TEST(sum(empty, {0}).shape() == Shape{0});
  BOOST_TEST(max(empty, {0}).shape() == Shape{0});
  BOOST_TEST(fails_with({"max", "[3, 0]"}, [&] { max(empty, {1}); }));
  BOOST_TEST(fails_with({"mean", "[3, 0]"}, [&] { mean(empty); }));
  BOOST_TEST(fails_with({"logsumexp", "[3, 0]"}, [&] { logsumexp(empty, {1}); }));
}

BOOST_AUTO_TEST_CASE(errors) {
  const Tensor x = Tensor::zeros({2, 3});
  BOOST_TEST(fails_with({"sum", "2", "[2, 3]"}, [&] { sum(x, {2}); }));
  BOOST_TEST(fails_with({"mean", "-3"}, [&] { mean(x, {-3}); }));
  BOOST_TEST(fails_with({"max", "axis -1 twice"}, [&] { max(x, {1, -1}); }));
  BOOST_TEST(fails_with({"logsumexp", "undefined"}, [&] { logsumexp(Var()); }));
  BOOST_TEST(fails_with({"sum", "i64"}, [&] { sum(Var(Tensor::zeros({2}, DType::i64))); }));
  BOOST_TEST(fails_with({"axes", "7"}, [&] { sum(x, {0, 1, 2, 3, 4, 5, 6}); }));
}

BOOST_AUTO_TEST_CASE(sums_to_a_shape) {
  const Tensor x = test::random({4, 3, 5}, 1, -1, 1, DType::f64);
  BOOST_TEST(same_bits(sum_to(x, {4, 3, 5}), x));
  BOOST_TEST(same_bits(sum_to(x, {5}), sum(x, {0, 1}).value()));
  BOOST_TEST(same_bits(sum_to(x, {3, 1}), sum(x, {0, 2}).value().reshape({3, 1})));
  BOOST_TEST(same_bits(sum_to(x, {}), sum(Var(x)).value()));
}

BOOST_AUTO_TEST_CASE(same_bits_on_all_threads) {
  for (const Reduced& c : cases()) {
    const Tensor x = test::random(c.shape, 6);
    BOOST_TEST(same_on_all_threads([&] {
      std::vector<Tensor> all;
      using Op = Var (*)(const Var&, const Axes&, KeepDims);
      for (const Op op : {Op{sum}, Op{mean}, Op{max}, Op{logsumexp}}) {
        all.push_back(op(x, c.axes, keep_dims).value());
        all.push_back(gradient_of([&](const Var& v) { return op(v, c.axes, keep_dims); }, x));
      }
      return all;
    }));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::reduction_test
