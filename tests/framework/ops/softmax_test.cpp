#include <boost/test/unit_test.hpp>
#include <limits>

#include "framework/autograd/gradcheck.h"
#include "framework/ops/loss.h"
#include "tests/support/tensors.h"

namespace ebb::softmax_test {
namespace {

using namespace test;

constexpr DType types[] = {DType::f32, DType::f64};
constexpr double infinity = std::numeric_limits<double>::infinity();

// log_softmax row by row in long double.
std::vector<long double> log_p(const Tensor& x) {
  const std::vector<double> v = values(x);
  const auto n = static_cast<std::size_t>(x.dim(-1));
  std::vector<long double> out(v.size());
  for (std::size_t row = 0; row < v.size(); row += n) {
    const long double most = *std::max_element(&v[row], &v[row] + n);
    long double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += std::exp(v[row + i] - most);
    for (std::size_t i = 0; i < n; ++i) out[row + i] = v[row + i] - most - std::log(sum);
  }
  return out;
}

Tensor tensor(const std::vector<long double>& v, const Tensor& like) {
  const std::vector<double> rounded(v.begin(), v.end());
  return cast(Tensor::from(std::span<const double>(rounded), like.shape()), like.dtype());
}

double tolerance(DType dtype) { return dtype == DType::f32 ? 1e-6 : 4e-15; }

struct Run {
  Tensor y, dx;
};

Run run(Var (*op)(const Var&, int), const Tensor& x, const Tensor& dy, int axis = -1) {
  Tape tape;
  const Var in = tape.input(x);
  const Var y = op(in, axis);
  tape.backward(y, dy);
  return {y.value(), tape.gradient(in)};
}

BOOST_AUTO_TEST_SUITE(softmaxes)

BOOST_AUTO_TEST_CASE(matches_the_definition_on_every_instruction_set) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const std::int64_t n : {1, 2, 3, 10, 16, 17, 100, 1000}) {
        for (const Shape& shape : {Shape{n}, Shape{5, n}, Shape{2, 30, n}}) {
          const Tensor x = random(shape, 1, -4, 4, dtype), dy = random(shape, 2, -1, 1, dtype);
          const std::vector<long double> logs = log_p(x);
          const std::vector<double> up = values(dy);
          std::vector<long double> p(logs.size()), dx(logs.size()), dlog(logs.size());
          for (std::size_t row = 0; row < p.size(); row += static_cast<std::size_t>(n)) {
            long double along = 0, sum = 0;
            const std::size_t end = row + static_cast<std::size_t>(n);
            for (std::size_t i = row; i < end; ++i) {
              p[i] = std::exp(logs[i]);
              along += p[i] * up[i];
              sum += up[i];
            }
            for (std::size_t i = row; i < end; ++i) {
              dx[i] = p[i] * (up[i] - along);
              dlog[i] = up[i] - p[i] * sum;
            }
          }
          BOOST_TEST_CONTEXT(name << ' ' << shape << ' ' << dtype) {
            const Run plain = run(softmax, x, dy), log = run(log_softmax, x, dy);
            BOOST_TEST(close(plain.y, tensor(p, x), tolerance(dtype)));
            BOOST_TEST(close(plain.dx, tensor(dx, x), tolerance(dtype), tolerance(dtype)));
            BOOST_TEST(close(log.y, tensor(logs, x), tolerance(dtype)));
            BOOST_TEST(close(log.dx, tensor(dlog, x), 10 * tolerance(dtype), tolerance(dtype)));
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(large_numbers) {
  for (const DType dtype : types) {
    Tensor x = random({4, 11}, 1, -1e4, 1e4, dtype);
    BOOST_TEST(close(log_softmax(x).value(), tensor(log_p(x), x), tolerance(dtype)));
    BOOST_TEST(all_finite(softmax(x).value()));
    // A shift of all numbers changes nothing.
    const Tensor near = random({4, 11}, 2, 0, 1, dtype);
    Tensor far = cast(near, DType::f64).clone();
    for (double& v : far.mutable_span<double>()) v = std::floor(v * 8) / 8;
    Tensor small = cast(far, dtype);
    for (double& v : far.mutable_span<double>()) v += 1e4;
    BOOST_TEST(same_bits(softmax(cast(far, dtype)).value(), softmax(small).value()));
  }
}

BOOST_AUTO_TEST_CASE(infinities_and_nan) {
  const auto row = [](std::initializer_list<double> v) {
    return Tensor::from(v, {static_cast<std::int64_t>(v.size())});
  };
  BOOST_TEST(close(softmax(row({-infinity, 0, -infinity, 0})).value(), row({0, 0.5, 0, 0.5}), 1e-15));
  BOOST_TEST(std::isnan(softmax(row({0, std::nan(""), 1})).value().at({0})));
}

BOOST_AUTO_TEST_CASE(gradients) {
  for (const std::int64_t n : {1, 3, 17}) {
    const std::vector<Tensor> inputs = {random({2, 3, n}, 1, -2, 2, DType::f64)};
    const GradcheckReport plain = gradcheck(
        "softmax", [](std::span<const Var> in) { return softmax(in[0]); }, inputs);
    BOOST_TEST(plain.passed, plain.message);
    const GradcheckReport log = gradcheck(
        "log_softmax", [](std::span<const Var> in) { return log_softmax(in[0]); }, inputs);
    BOOST_TEST(log.passed, log.message);
  }
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  const Tensor x = random({3000, 37}, 1), dy = random({3000, 37}, 2);
  for (const auto op : {softmax, log_softmax}) {
    Run first;
    for (const int threads : {1, 2, 3, 4, 8}) {
      const Threads use(threads);
      const Run now = run(op, x, dy);
      if (threads == 1) first = now;
      BOOST_TEST(same_bits(now.y, first.y));
      BOOST_TEST(same_bits(now.dx, first.dx));
    }
  }
}

// The last axis is compared with the definition above, so another one may be compared with it.
BOOST_AUTO_TEST_CASE(any_axis) {
  for (const DType dtype : types)
    for (const auto op : {softmax, log_softmax})
      for (const Shape& shape : {Shape{5}, Shape{3, 7}, Shape{2, 17, 3}, Shape{1, 40, 1, 2}, Shape{3, 2, 5, 4}})
        for (int axis = -shape.rank(); axis < shape.rank(); ++axis) {
          const int at = axis < 0 ? axis + shape.rank() : axis;
          const Tensor x = random(shape, 1, -4, 4, dtype), dy = random(shape, 2, -1, 1, dtype);
          const Run got = run(op, x, dy, axis);
          BOOST_TEST_REQUIRE(got.y.shape() == shape);
          BOOST_TEST_REQUIRE(got.dx.shape() == shape);
          std::int64_t inner = 1;
          for (int i = at + 1; i < shape.rank(); ++i) inner *= shape[i];
          const std::int64_t n = shape[at];
          const std::vector<double> from = values(x), up = values(dy), y = values(got.y), dx = values(got.dx);
          for (std::int64_t line = 0; line < shape.size() / n; ++line) {
            const std::int64_t first = line / inner * n * inner + line % inner;
            std::vector<double> one, one_up, one_y, one_dx;
            for (std::int64_t i = 0; i < n; ++i) {
              const auto place = static_cast<std::size_t>(first + i * inner);
              one.push_back(from[place]);
              one_up.push_back(up[place]);
              one_y.push_back(y[place]);
              one_dx.push_back(dx[place]);
            }
            const auto row = [&](const std::vector<double>& v) {
              return cast(Tensor::from(std::span<const double>(v), {n}), dtype);
            };
            const Run want = run(op, row(one), row(one_up));
            BOOST_TEST(close(row(one_y), want.y, tolerance(dtype)));
            BOOST_TEST(close(row(one_dx), want.dx, tolerance(dtype), tolerance(dtype)));
          }
        }
}

BOOST_AUTO_TEST_CASE(bad_arguments) {
  for (const auto op : {softmax, log_softmax}) {
    const auto says = [&](const Tensor& x, int axis, const std::string& part) {
      const std::string message = error_of([&] { op(x, axis); });
      BOOST_TEST(message.find(part) != std::string::npos, message);
    };
    says(Tensor(), -1, "undefined");
    says(Tensor::scalar(1), -1, "an axis of at least one class");
    says(Tensor({3, 0}), -1, "axis -1 of an input of shape [3, 0]");
    says(Tensor({0, 3}), 0, "axis 0 of an input of shape [0, 3]");
    says(Tensor::zeros({3}, DType::i32), -1, "i32");
    says(Tensor({3, 2}), 2, "axis 2");
    says(Tensor({3, 2}), -3, "axis -3");
    BOOST_TEST(op(Tensor({0, 3}), -1).size() == 0);
    BOOST_TEST(op(Tensor({0, 3, 2}), 1).shape() == Shape({0, 3, 2}));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::softmax_test
