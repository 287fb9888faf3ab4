#include <boost/test/unit_test.hpp>

#include "framework/autograd/gradcheck.h"
#include "framework/ops/normalization.h"
#include "tests/support/norms.h"
#include "tests/support/tensors.h"

namespace ebb::group_norm_test {
namespace {

using namespace test;

constexpr DType types[] = {DType::f32, DType::f64};

struct Run {
  Tensor y, dx, dscale, dshift;
};

struct Case {
  Tensor x, scale, shift, dy;
  std::int64_t groups = 1;
  double eps = 1e-5;
};

Case make_case(const Shape& shape, std::int64_t groups, DType dtype, double eps = 1e-5) {
  const std::int64_t n = shape[-1];
  return {random(shape, 1, -1, 1, dtype),
          random({n}, 2, 0.5, 1.5, dtype),
          random({n}, 3, -1, 1, dtype),
          random(shape, 4, -1, 1, dtype),
          groups,
          eps};
}

Run run(const Case& c) {
  Tape tape;
  const Var x = tape.input(c.x), scale = tape.input(c.scale), shift = tape.input(c.shift);
  const Var y = group_norm(x, scale, shift, c.groups, c.eps);
  tape.backward(y, c.dy);
  return {y.value(), tape.gradient(x), tape.gradient(scale), tape.gradient(shift)};
}

Run reference(const Case& c) {
  const std::int64_t n = c.x.dim(-1);
  const Reference r = reference_norm(values(c.x), values(c.scale), values(c.shift), values(c.dy), n,
                                     group_sets(c.x.size(), c.x.size() / c.x.dim(0), n, c.groups),
                                     static_cast<long double>(c.eps), false);
  const DType dtype = c.x.dtype();
  return {cast(r.y_like(c.x), dtype), cast(r.dx_like(c.x), dtype), cast(r.dscale_like(c.scale), dtype),
          cast(r.dshift_like(c.scale), dtype)};
}

void compare(const Run& got, const Run& want, double tolerance, double absolute = 0) {
  BOOST_TEST(close(got.y, want.y, tolerance, absolute));
  BOOST_TEST(close(got.dx, want.dx, tolerance, absolute));
  BOOST_TEST(close(got.dscale, want.dscale, tolerance, absolute));
  BOOST_TEST(close(got.dshift, want.dshift, tolerance, absolute));
}

double tolerance(DType dtype, std::int64_t count) {
  return (dtype == DType::f32 ? 8 * 0x1p-24 : 16 * 0x1p-53) * std::sqrt(static_cast<double>(count));
}

BOOST_AUTO_TEST_SUITE(group_norms)

BOOST_AUTO_TEST_CASE(matches_the_definition_on_every_instruction_set) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const std::int64_t channels : {1, 6, 16, 34, 66}) {
        for (const std::int64_t groups : {std::int64_t{1}, channels % 2 == 0 ? channels / 2 : channels, channels}) {
          for (const Shape& shape : {Shape{3, channels}, Shape{1, 9, channels}, Shape{3, 5, 7, channels}}) {
            // In a group of one value dx is the difference of equal terms, divided by the root of eps.
            BOOST_TEST_CONTEXT(name << ' ' << shape << ' ' << groups << " groups " << dtype) {
              const Case c = make_case(shape, groups, dtype, 1e-2);
              const double allowed = 4 * tolerance(dtype, shape.size());
              const Run got = run(c), want = reference(c);
              BOOST_TEST(close(got.y, want.y, allowed, allowed));
              BOOST_TEST(close(got.dx, want.dx, allowed, allowed / std::sqrt(c.eps)));
              BOOST_TEST(close(got.dscale, want.dscale, allowed, allowed));
              BOOST_TEST(close(got.dshift, want.dshift, allowed));
            }
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(gradients) {
  for (const std::int64_t groups : {1, 2, 6}) {
    const std::vector<Tensor> inputs = {random({2, 3, 2, 6}, 1, -1, 1, DType::f64),
                                        random({6}, 2, 0.5, 1.5, DType::f64), random({6}, 3, -1, 1, DType::f64)};
    const GradcheckReport with = gradcheck(
        "group_norm", [&](std::span<const Var> in) { return group_norm(in[0], in[1], in[2], groups); }, inputs);
    BOOST_TEST(with.passed, with.message);
    const GradcheckReport without = gradcheck(
        "group_norm", [&](std::span<const Var> in) { return group_norm(in[0], Var(), Var(), groups); },
        std::span<const Tensor>(inputs).first(1));
    BOOST_TEST(without.passed, without.message);
  }
}

BOOST_AUTO_TEST_CASE(large_mean_against_the_deviation) {
  for (const DType dtype : types) {
    const double mean = dtype == DType::f32 ? 1e3 : 1e9;
    Case c = make_case({3, 9, 9, 6}, 2, dtype);
    c.x = random({3, 9, 9, 6}, 1, mean - 1.7, mean + 1.7, dtype);
    compare(run(c), reference(c), 16 * tolerance(dtype, 243), 729 * mean * (dtype == DType::f32 ? 0x1p-40 : 0x1p-53));
  }
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  const Case c = make_case({40, 9, 9, 12}, 3, DType::f32);
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

BOOST_AUTO_TEST_CASE(bad_arguments) {
  const Tensor x = random({4, 5, 6}, 1), six = Tensor::zeros({6});
  const auto says = [](auto f, const std::string& part) {
    const std::string message = error_of(f);
    BOOST_TEST((message.find("[group_norm]") == 0 && message.find(part) != std::string::npos), message);
  };
  says([&] { group_norm(Tensor(), Var(), Var(), 1); }, "undefined");
  says([&] { group_norm(six, six, six, 1); }, "at least 2 axes");
  says([&] { group_norm(x, six, six, 4); }, "divisor of 6");
  says([&] { group_norm(x, six, six, 0); }, "0 groups");
  says([&] { group_norm(x, Var(), six, 2); }, "shift alone");
  BOOST_TEST(group_norm(Tensor({0, 2, 6}), six, six, 2).size() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::group_norm_test
