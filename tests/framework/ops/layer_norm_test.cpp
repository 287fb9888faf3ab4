#include <boost/test/unit_test.hpp>

#include "framework/autograd/gradcheck.h"
#include "framework/ops/normalization.h"
#include "tests/support/norms.h"
#include "tests/support/tensors.h"

namespace ebb::layer_norm_test {
namespace {

using namespace test;

constexpr DType types[] = {DType::f32, DType::f64};

struct Run {
  Tensor y, dx, dscale, dshift;
};

struct Case {
  Tensor x, scale, shift, dy;
  double eps = 1e-5;
};

Case make_case(const Shape& shape, DType dtype, double eps = 1e-5) {
  const std::int64_t n = shape[-1];
  return {random(shape, 1, -1, 1, dtype), random({n}, 2, 0.5, 1.5, dtype), random({n}, 3, -1, 1, dtype),
          random(shape, 4, -1, 1, dtype), eps};
}

Run run(const Case& c) {
  Tape tape;
  const Var x = tape.input(c.x), scale = tape.input(c.scale), shift = tape.input(c.shift);
  const Var y = layer_norm(x, scale, shift, c.eps);
  tape.backward(y, c.dy);
  return {y.value(), tape.gradient(x), tape.gradient(scale), tape.gradient(shift)};
}

Run reference(const Case& c) {
  const std::int64_t n = c.x.dim(-1);
  const Reference r = reference_norm(values(c.x), values(c.scale), values(c.shift), values(c.dy), n,
                                     row_sets(c.x.size(), n), static_cast<long double>(c.eps), false);
  const DType dtype = c.x.dtype();
  return {cast(r.y_like(c.x), dtype), cast(r.dx_like(c.x), dtype), cast(r.dscale_like(c.scale), dtype),
          cast(r.dshift_like(c.scale), dtype)};
}

double tolerance(DType dtype, std::int64_t count) {
  return (dtype == DType::f32 ? 8 * 0x1p-24 : 16 * 0x1p-53) * std::sqrt(static_cast<double>(count));
}

BOOST_AUTO_TEST_SUITE(layer_norms)

BOOST_AUTO_TEST_CASE(matches_the_definition_on_every_instruction_set) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const std::int64_t n : {1, 2, 3, 5, 7, 8, 16, 17, 64, 129}) {
        for (const Shape& shape : {Shape{n}, Shape{1, n}, Shape{67, n}, Shape{3, 40, n}}) {
          BOOST_TEST_CONTEXT(name << ' ' << shape << ' ' << dtype) {
            const Case c = make_case(shape, dtype, 1e-3);
            const double allowed = 4 * tolerance(dtype, std::max<std::int64_t>(n, shape.size() / n));
            const Run got = run(c), want = reference(c);
            BOOST_TEST(close(got.y, want.y, allowed));
            // In short rows dx is the difference of nearly equal terms, divided by the root of eps.
            BOOST_TEST(close(got.dx, want.dx, allowed, allowed / std::sqrt(c.eps)));
            BOOST_TEST(close(got.dscale, want.dscale, allowed));
            BOOST_TEST(close(got.dshift, want.dshift, allowed));
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(gradients) {
  for (const std::int64_t n : {1, 3, 17}) {
    const std::vector<Tensor> inputs = {random({2, 3, n}, 1, -1, 1, DType::f64), random({n}, 2, 0.5, 1.5, DType::f64),
                                        random({n}, 3, -1, 1, DType::f64)};
    const GradcheckReport with = gradcheck(
        "layer_norm", [](std::span<const Var> in) { return layer_norm(in[0], in[1], in[2]); }, inputs);
    BOOST_TEST(with.passed, with.message);
    const GradcheckReport without = gradcheck(
        "layer_norm", [](std::span<const Var> in) { return layer_norm(in[0], Var(), Var()); },
        std::span<const Tensor>(inputs).first(1));
    BOOST_TEST(without.passed, without.message);
  }
}

BOOST_AUTO_TEST_CASE(large_mean_against_the_deviation) {
  for (const DType dtype : types) {
    const double mean = dtype == DType::f32 ? 1e3 : 1e9;
    const double lost = mean * (dtype == DType::f32 ? 0x1p-40 : 0x1p-53);
    for (const std::int64_t n : {17, 64, 300}) {
      Case c = make_case({9, n}, dtype);
      c.x = random({9, n}, 1, mean - 1.7, mean + 1.7, dtype);
      const Run got = run(c), want = reference(c);
      BOOST_TEST(close(got.y, want.y, 4 * tolerance(dtype, n), 4 * lost));
      BOOST_TEST(close(got.dx, want.dx, 16 * tolerance(dtype, n), 4 * lost));
      BOOST_TEST(close(got.dscale, want.dscale, 16 * tolerance(dtype, n), 36 * lost));
      BOOST_TEST(close(got.dshift, want.dshift, 16 * tolerance(dtype, n), 36 * lost));
    }
  }
}

BOOST_AUTO_TEST_CASE(constant_rows) {
  for (const DType dtype : types) {
    Case c = make_case({6, 5}, dtype, 0.0);
    c.x = Tensor::full({6, 5}, 0.1, dtype);
    const Run got = run(c);
    const auto y = values(got.y), shift = values(c.shift);
    bool equal = true;
    for (std::size_t i = 0; i < y.size(); ++i) equal = equal && y[i] == shift[i % 5];
    BOOST_TEST(equal);
    BOOST_TEST(max_abs(got.dx) == 0);
    BOOST_TEST(max_abs(got.dscale) == 0);
  }
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  for (const std::int64_t n : {5, 64, 1000}) {
    const Case c = make_case({2000, n}, DType::f32);
    Run first;
    for (const int threads : {1, 2, 3, 4, 8}) {
      const Threads use(threads);
      const Run now = run(c);
      if (threads == 1) first = now;
      BOOST_TEST(same_bits(now.y, first.y));
      BOOST_TEST(same_bits(now.dx, first.dx));
      BOOST_TEST(same_bits(now.dscale, first.dscale));
      BOOST_TEST(same_bits(now.dshift, first.dshift));
    }
  }
}

BOOST_AUTO_TEST_CASE(bad_arguments) {
  const Tensor x = random({4, 3}, 1), three = Tensor::zeros({3});
  const auto says = [](auto f, const std::string& part) {
    const std::string message = error_of(f);
    BOOST_TEST((message.find("[layer_norm]") == 0 && message.find(part) != std::string::npos), message);
  };
  says([&] { layer_norm(Tensor(), Var(), Var()); }, "undefined");
  says([&] { layer_norm(Tensor::scalar(1), Var(), Var()); }, "at least 1 axis");
  says([&] { layer_norm(x, three, Var()); }, "scale alone");
  says([&] { layer_norm(x, Tensor::zeros({4}), Tensor::zeros({4})); }, "[4]");
  says([&] { layer_norm(x, three, three, -1.0); }, "eps = -1");
  BOOST_TEST(layer_norm(Tensor({0, 3}), three, three).size() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::layer_norm_test
