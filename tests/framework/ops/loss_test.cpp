#include "framework/ops/loss.h"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "framework/autograd/gradcheck.h"
#include "tests/support/tensors.h"

namespace ebb::loss_test {
namespace {

using namespace test;

constexpr DType types[] = {DType::f32, DType::f64};
constexpr double infinity = std::numeric_limits<double>::infinity();

struct Run {
  double loss;
  Tensor dx;
};

Run run(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options = {}) {
  Tape tape;
  const Var x = tape.input(logits);
  const Var loss = softmax_cross_entropy(x, targets, options);
  tape.backward(loss);
  return {loss.item(), tape.gradient(x)};
}

Tensor labels(std::int64_t n, std::int64_t classes, DType dtype = DType::i64) {
  Tensor out({n}, dtype);
  dispatch_all("labels", dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < n; ++i) out.mutable_data<T>()[i] = static_cast<T>(i * 7 % classes);
  });
  return out;
}

Tensor one_hot(const Tensor& indices, std::int64_t classes, DType dtype) {
  Tensor out = Tensor::zeros({indices.size(), classes}, dtype);
  for (std::int64_t i = 0; i < indices.size(); ++i) {
    const std::int64_t at = i * classes + indices.data<std::int64_t>()[i];
    if (dtype == DType::f32) out.mutable_data<float>()[at] = 1;
    else out.mutable_data<double>()[at] = 1;
  }
  return out;
}

// The definition: -sum of q log p, q = (1 - smoothing) target + smoothing / classes, in long double.
Run reference(const Tensor& logits, const Tensor& soft, const CrossEntropyOptions& options) {
  const std::vector<double> x = values(logits), t = values(soft);
  const auto n = static_cast<std::size_t>(logits.dim(1));
  const long double weight =
      options.reduction == Reduction::mean ? 1.0L / static_cast<long double>(logits.dim(0)) : 1.0L;
  long double loss = 0;
  std::vector<double> dx(x.size());
  for (std::size_t row = 0; row < x.size(); row += n) {
    const long double most = *std::max_element(&x[row], &x[row] + n);
    long double sum = 0, all = 0;
    for (std::size_t i = row; i < row + n; ++i) sum += std::exp(x[i] - most);
    std::vector<long double> q(n);
    for (std::size_t i = 0; i < n; ++i) {
      q[i] = (1 - static_cast<long double>(options.label_smoothing)) * t[row + i] +
             static_cast<long double>(options.label_smoothing) / static_cast<long double>(n);
      all += q[i];
      if (q[i] != 0) loss -= weight * q[i] * (x[row + i] - most - std::log(sum));
    }
    for (std::size_t i = 0; i < n; ++i)
      dx[row + i] = static_cast<double>(weight * (all * std::exp(x[row + i] - most) / sum - q[i]));
  }
  return {static_cast<double>(loss), cast(Tensor::from(std::span<const double>(dx), logits.shape()), logits.dtype())};
}

void compare(const Run& got, const Run& want, DType dtype) {
  const double tolerance = dtype == DType::f32 ? 2e-6 : 1e-14;
  BOOST_TEST(std::abs(got.loss - want.loss) <= tolerance * std::max(1.0, std::abs(want.loss)),
             text("got ", got.loss, ", wanted ", want.loss));
  BOOST_TEST(close(got.dx, want.dx, tolerance, tolerance));
}

BOOST_AUTO_TEST_SUITE(cross_entropy)

BOOST_AUTO_TEST_CASE(matches_the_definition_on_every_instruction_set) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const std::int64_t classes : {1, 2, 3, 10, 16, 17, 100}) {
        for (const std::int64_t samples : {1, 7, 300}) {
          for (const double smoothing : {0.0, 0.1, 0.9}) {
            for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
              const CrossEntropyOptions options{smoothing, reduction};
              const Tensor x = random({samples, classes}, 1, -4, 4, dtype);
              const Tensor hard = labels(samples, classes), soft = one_hot(hard, classes, dtype);
              const Tensor any = random({samples, classes}, 2, 0, 1, dtype);  // rows that do not sum to 1
              BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << samples << 'x' << classes << ' ' << smoothing) {
                compare(run(x, hard, options), reference(x, soft, options), dtype);
                compare(run(x, soft, options), reference(x, soft, options), dtype);
                compare(run(x, any, options), reference(x, any, options), dtype);
              }
            }
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_type_of_class_index) {
  const Tensor x = random({20, 5}, 1);
  const Run want = run(x, labels(20, 5));
  for (const DType dtype : {DType::i32, DType::u8}) {
    const Run got = run(x, labels(20, 5, dtype));
    BOOST_TEST(got.loss == want.loss);
    BOOST_TEST(same_bits(got.dx, want.dx));
  }
}

BOOST_AUTO_TEST_CASE(large_logits) {
  for (const DType dtype : types) {
    for (const double size : {1e4, 1e30}) {
      const Tensor x = random({9, 10}, 1, -size, size, dtype);
      const Tensor hard = labels(9, 10);
      const Run got = run(x, hard), want = reference(x, one_hot(hard, 10, dtype), {});
      BOOST_TEST(got.loss == want.loss, boost::test_tools::tolerance(1e-6));
      BOOST_TEST(all_finite(got.dx));
      BOOST_TEST(close(got.dx, want.dx, 1e-6, 1e-7));
    }
    // Two near winners far from zero.
    const Tensor far = cast(Tensor::from({1e4, 1e4 + 0.5, -1e4}, {1, 3}), dtype);
    compare(run(far, Tensor::from<std::int64_t>({0}, {1})),
            reference(far, one_hot(Tensor::from<std::int64_t>({0}, {1}), 3, dtype), {}), dtype);
  }
}

BOOST_AUTO_TEST_CASE(excluded_classes) {
  // A logit of -infinity takes its class out; only a sample of that class pays, infinitely.
  const Tensor x = Tensor::from({0.0, -infinity, 0.0}, {1, 3});
  const auto label = [](std::int64_t c) { return Tensor::from<std::int64_t>({c}, {1}); };
  BOOST_TEST(run(x, label(0)).loss == std::log(2.0), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(run(x, one_hot(label(0), 3, DType::f64)).loss == std::log(2.0), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(close(run(x, label(0)).dx, Tensor::from({-0.5, 0.0, 0.5}, {1, 3}), 1e-15));
  BOOST_TEST(run(x, label(1)).loss == infinity);
}

BOOST_AUTO_TEST_CASE(gradients) {
  for (const std::int64_t classes : {1, 3, 17}) {
    for (const double smoothing : {0.0, 0.2}) {
      const std::vector<Tensor> inputs = {random({5, classes}, 1, -2, 2, DType::f64)};
      const Tensor any = random({5, classes}, 2, 0, 1, DType::f64);
      for (const Tensor& targets : {labels(5, classes), any}) {
        const GradcheckReport report = gradcheck(
            "softmax_cross_entropy",
            [&](std::span<const Var> in) {
              return softmax_cross_entropy(in[0], targets, {.label_smoothing = smoothing});
            },
            inputs);
        BOOST_TEST(report.passed, report.message);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  const Tensor x = random({3000, 37}, 1), hard = labels(3000, 37);
  Run first{};
  for (const int threads : {1, 2, 3, 4, 8}) {
    const Threads use(threads);
    const Run now = run(x, hard, {.label_smoothing = 0.1});
    if (threads == 1) first = now;
    BOOST_TEST(now.loss == first.loss);
    BOOST_TEST(same_bits(now.dx, first.dx));
  }
}

BOOST_AUTO_TEST_CASE(bad_arguments) {
  const Tensor x = random({4, 3}, 1);
  const auto says = [](auto f, const std::string& part) {
    const std::string message = error_of(f);
    BOOST_TEST((message.find("[softmax_cross_entropy]") == 0 && message.find(part) != std::string::npos), message);
  };
  const auto indices = [](std::initializer_list<std::int64_t> v) {
    return Tensor::from<std::int64_t>(v, {static_cast<std::int64_t>(v.size())});
  };
  says([&] { softmax_cross_entropy(x, indices({0, 1, 3, 2})); }, "class 3 at position 2");
  says([&] { softmax_cross_entropy(x, indices({0, 1, 2, -1})); }, "class -1 at position 3");
  says([&] { softmax_cross_entropy(x, Tensor::full({4}, 255, DType::u8)); }, "class 255 at position 0");
  says([&] { softmax_cross_entropy(x, indices({0, 1, 2})); }, "[3]");
  says([&] { softmax_cross_entropy(x, random({4, 2}, 1)); }, "[4, 2]");
  says([&] { softmax_cross_entropy(x, random({4, 3}, 1, 0, 1, DType::f64)); }, "f64");
  says([&] { softmax_cross_entropy(random({4, 3, 2}, 1), indices({0, 1, 2, 0})); }, "[4, 3, 2]");
  says([&] { softmax_cross_entropy(Tensor({0, 3}), Tensor({0}, DType::i64)); }, "[0, 3]");
  says([&] { softmax_cross_entropy(x, Tensor()); }, "undefined");
  says([&] { softmax_cross_entropy(x, indices({0, 1, 2, 0}), {.label_smoothing = 1}); }, "label_smoothing = 1");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(other_losses)

BOOST_AUTO_TEST_CASE(mean_squared_error) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const std::int64_t n : {1, 17, 40000}) {
        for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
          const Tensor a = random({n}, 1, -1, 1, dtype), b = random({n}, 2, -1, 1, dtype);
          const std::vector<double> p = values(a), t = values(b);
          const double weight = reduction == Reduction::mean ? 1.0 / static_cast<double>(n) : 1.0;
          double want = 0;
          std::vector<double> da(p.size()), db(p.size());
          for (std::size_t i = 0; i < p.size(); ++i) {
            want += weight * (p[i] - t[i]) * (p[i] - t[i]);
            da[i] = 2 * weight * (p[i] - t[i]);
            db[i] = -da[i];
          }
          Tape tape;
          const Var pv = tape.input(a), tv = tape.input(b);
          const Var loss = mse_loss(pv, tv, reduction);
          tape.backward(loss);
          const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-13;
          BOOST_TEST(std::abs(loss.item() - want) <= tolerance * want);
          BOOST_TEST(close(tape.gradient(pv), cast(Tensor::from(std::span<const double>(da), {n}), dtype), tolerance));
          BOOST_TEST(close(tape.gradient(tv), cast(Tensor::from(std::span<const double>(db), {n}), dtype), tolerance));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(binary_cross_entropy) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const double size : {1.0, 30.0, 1e4}) {
        for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
          constexpr std::int64_t n = 5003;
          const Tensor x = random({n}, 1, -size, size, dtype), t = random({n}, 2, 0, 1, dtype);
          const std::vector<double> v = values(x), goal = values(t);
          const double weight = reduction == Reduction::mean ? 1.0 / n : 1.0;
          long double want = 0;
          std::vector<double> dx(v.size());
          for (std::size_t i = 0; i < v.size(); ++i) {
            const long double l = v[i];
            want += weight * (std::max(l, 0.0L) - l * goal[i] + std::log1p(std::exp(-std::abs(l))));
            dx[i] = static_cast<double>(weight * (1 / (1 + std::exp(-l)) - goal[i]));
          }
          Tape tape;
          const Var in = tape.input(x);
          const Var loss = binary_cross_entropy_with_logits(in, t, {.reduction = reduction});
          tape.backward(loss);
          const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-13;
          BOOST_TEST(std::abs(loss.item() - static_cast<double>(want)) <= tolerance * static_cast<double>(want));
          BOOST_TEST(close(tape.gradient(in), cast(Tensor::from(std::span<const double>(dx), {n}), dtype), tolerance));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(gradients) {
  const std::vector<Tensor> pair = {random({3, 17}, 1, -2, 2, DType::f64), random({3, 17}, 2, 0, 1, DType::f64)};
  const GradcheckReport squares = gradcheck(
      "mse_loss", [](std::span<const Var> in) { return mse_loss(in[0], in[1]); }, pair);
  BOOST_TEST(squares.passed, squares.message);
  const GradcheckReport binary = gradcheck(
      "binary_cross_entropy_with_logits",
      [&](std::span<const Var> in) { return binary_cross_entropy_with_logits(in[0], pair[1]); },
      std::span<const Tensor>(pair).first(1));
  BOOST_TEST(binary.passed, binary.message);
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  const Tensor x = random({70001}, 1), t = random({70001}, 2, 0, 1);
  double squares = 0, binary = 0;
  for (const int threads : {1, 2, 3, 4, 8}) {
    const Threads use(threads);
    const double a = mse_loss(x, t).item(), b = binary_cross_entropy_with_logits(x, t).item();
    if (threads == 1) {
      squares = a;
      binary = b;
    }
    BOOST_TEST(a == squares);
    BOOST_TEST(b == binary);
  }
}

BOOST_AUTO_TEST_CASE(bad_arguments) {
  const Tensor x = random({4, 3}, 1);
  BOOST_TEST(error_of([&] { mse_loss(x, random({3}, 1)); }).find("[mse_loss] got shapes") == 0u);
  BOOST_TEST(error_of([&] { mse_loss(x, cast(x, DType::f64)); }).find("types f32 and f64") != std::string::npos);
  BOOST_TEST(error_of([&] { mse_loss(Tensor({0}), Tensor({0})); }).find("at least one element") != std::string::npos);
  BOOST_TEST(error_of([&] { binary_cross_entropy_with_logits(x, Tensor()); }).find("undefined") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::loss_test
