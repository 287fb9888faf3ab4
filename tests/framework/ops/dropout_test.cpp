#include "framework/ops/dropout.h"

#include <boost/test/unit_test.hpp>

#include "framework/autograd/gradcheck.h"
#include "framework/ops/shape.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using namespace test;

constexpr DType types[] = {DType::f32, DType::f64};

struct Run {
  Tensor y, dx;
};

Run run(const Tensor& x, const Tensor& dy, double p, const Rng& rng) {
  Tape tape;
  const Var in = tape.input(x);
  const Var y = dropout(in, p, rng);
  tape.backward(y, dy);
  return {y.value(), tape.gradient(in)};
}

// The 32 bits that decide element i, as documented in the header.
std::uint32_t word(const Rng& rng, std::uint64_t i) { return rng.block(i / 64 * 16 + i % 16)[i / 16 % 4]; }

BOOST_AUTO_TEST_SUITE(dropouts)

BOOST_AUTO_TEST_CASE(equals_the_scalar_random_numbers_on_every_instruction_set) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const std::int64_t n : {1, 15, 16, 17, 63, 64, 65, 1000, 20001}) {
        for (const double p : {0.1, 0.5, 0.9}) {
          const Rng rng = Rng(5).at("drop");
          const Tensor x = random({n}, 1, -1, 1, dtype);
          Tensor want(x.shape(), dtype);
          dispatch("test", dtype, [&](auto zero) {
            using T = decltype(zero);
            for (std::int64_t i = 0; i < n; ++i) {
              const bool drop = static_cast<double>(word(rng, static_cast<std::uint64_t>(i))) < p * 0x1p32;
              want.mutable_data<T>()[i] = drop ? T(0) : static_cast<T>(1 / (1 - p)) * x.data<T>()[i];
            }
          });
          BOOST_TEST(close(dropout(x, p, rng).value(), want, 0), name << ' ' << n);
        }
      }
    }
  }
}

// Wherever it begins and ends: within a group of Philox's, at its edges, over the edge of a block.
BOOST_AUTO_TEST_CASE(a_part_of_an_array_gets_its_part_of_the_mask) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      constexpr std::int64_t all = 20001;
      const Tensor whole = random({all}, 1, 1, 2, dtype), up = random({all}, 2, 1, 2, dtype);
      const Run want = run(whole, up, 0.4, Rng(9));
      for (const std::int64_t first : {0, 1, 16, 63, 64, 65, 100, 8191, 8192, 9000})
        for (const std::int64_t size : {1, 5, 63, 64, 65, 1000, 11001}) {
          const auto part = [&](const Tensor& t) { return slice(t, 0, first, first + size).value(); };
          Tape tape;
          const Var in = tape.input(part(whole));
          const Var y = dropout(in, 0.4, Rng(9), first);
          tape.backward(y, part(up));
          BOOST_TEST(same_bits(y.value(), part(want.y)), name << ": " << size << " from " << first << " on");
          BOOST_TEST(same_bits(tape.gradient(in), part(want.dx)), name << ": " << size << " from " << first << " on");
        }
    }
  }
  BOOST_TEST(error_of([] { dropout(Tensor::zeros({3}), 0.5, Rng(1), -1); }) ==
             "[dropout] got a mask from element -1 on; wanted 0 or more");
}

BOOST_AUTO_TEST_CASE(rate_and_expectation) {
  constexpr std::int64_t n = 200000;
  const Tensor ones = Tensor::full({n}, 1);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    for (const double p : {0.01, 0.2, 0.5, 0.8, 0.999}) {
      const Tensor y = dropout(ones, p, Rng(seed)).value();
      double dropped = 0;
      for (const float v : y.span<float>()) dropped += v == 0 ? 1 : 0;
      const double error = std::sqrt(p * (1 - p) / n);
      BOOST_TEST(std::abs(dropped / n - p) < 4 * error, "p " << p << " seed " << seed << " rate " << dropped / n);
      BOOST_TEST(std::abs(sum(y) / n - 1) < 4 * error / (1 - p));
    }
  }
}

BOOST_AUTO_TEST_CASE(backward_uses_the_same_mask) {
  for (const DType dtype : types) {
    const Tensor ones = Tensor::full({3, 5, 7, 11}, 1, dtype);
    const Tensor dy = random(ones.shape(), 1, 1, 2, dtype);
    const Run got = run(ones, dy, 0.4, Rng(9));
    const auto y = values(got.y), dx = values(got.dx), up = values(dy);
    bool equal = true;
    for (std::size_t i = 0; i < y.size(); ++i) equal = equal && (dx[i] == 0) == (y[i] == 0);
    BOOST_TEST(equal);
    BOOST_TEST(close(got.dx, dropout(dy, 0.4, Rng(9)).value(), 0));
  }
}

// What lies before and behind an element, the shape, and the type do not matter.
BOOST_AUTO_TEST_CASE(an_element_depends_on_key_and_position_only) {
  const Rng rng(4);
  const Tensor longest = dropout(Tensor::full({70000}, 1), 0.5, rng).value();
  for (const std::int64_t n : {1, 37, 64, 1000, 8191, 8193}) {
    const Tensor y = dropout(Tensor::full({n}, 1), 0.5, rng).value();
    const Tensor wide = dropout(Tensor::full({1, n, 1}, 1, DType::f64), 0.5, rng).value();
    bool equal = true;
    for (std::int64_t i = 0; i < n; ++i) {
      equal = equal && y.data<float>()[i] == longest.data<float>()[i];
      equal = equal && wide.data<double>()[i] == static_cast<double>(longest.data<float>()[i]);
    }
    BOOST_TEST(equal);
  }
  BOOST_TEST(!same_bits(longest, dropout(Tensor::full({70000}, 1), 0.5, Rng(5)).value()));
}

BOOST_AUTO_TEST_CASE(limits_of_p) {
  const Tensor x = random({3, 50}, 1), dy = random({3, 50}, 2);
  const Run none = run(x, dy, 0, Rng(1));
  BOOST_TEST(same_bits(none.y, x));
  BOOST_TEST(same_bits(none.dx, dy));
  const Run all = run(x, dy, 1, Rng(1));
  BOOST_TEST(same_bits(all.y, Tensor::zeros(x.shape())));
  BOOST_TEST(same_bits(all.dx, Tensor::zeros(x.shape())));
  // What is dropped is gone, even infinities.
  const Tensor wild = Tensor::full({1000}, std::numeric_limits<double>::infinity());
  const Tensor kept = dropout(wild, 0.5, Rng(1)).value();
  for (const float v : kept.span<float>()) BOOST_TEST_REQUIRE((v == 0 || v == std::numeric_limits<float>::infinity()));
  BOOST_TEST(all_finite(dropout(x, 1 - 0x1p-53, Rng(1)).value()));
}

BOOST_AUTO_TEST_CASE(gradients) {
  const std::vector<Tensor> inputs = {random({3, 7, 5}, 1, -1, 1, DType::f64)};
  const GradcheckReport report = gradcheck(
      "dropout", [](std::span<const Var> in) { return dropout(in[0], 0.3, Rng(2)); }, inputs);
  BOOST_TEST(report.passed, report.message);
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  const Tensor x = random({100, 1001}, 1), dy = random({100, 1001}, 2);
  Run first;
  for (const int threads : {1, 2, 3, 4, 8}) {
    const Threads use(threads);
    const Run now = run(x, dy, 0.3, Rng(3));
    if (threads == 1) first = now;
    BOOST_TEST(same_bits(now.y, first.y));
    BOOST_TEST(same_bits(now.dx, first.dx));
  }
}

BOOST_AUTO_TEST_CASE(bad_arguments) {
  for (const double p : {-0.1, 1.1, std::nan("")}) {
    const std::string message = error_of([&] { dropout(random({3}, 1), p, Rng(1)); });
    BOOST_TEST((message.find("[dropout]") == 0 && message.find("0 to 1") != std::string::npos), message);
  }
  BOOST_TEST(error_of([] { dropout(Tensor(), 0.5, Rng(1)); }).find("undefined") != std::string::npos);
  BOOST_TEST(error_of([] { dropout(Tensor::zeros({3}, DType::i64), 0.5, Rng(1)); }).find("i64") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
