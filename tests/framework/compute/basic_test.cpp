#include "framework/compute/basic.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "framework/compute/blocks.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::error_of;
using test::InstructionSet;
using test::Threads;
using test::values;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Around the widths of registers, of the runs that sums are carried in, and of blocks.
constexpr std::int64_t sizes[] = {0,  1,   2,   3,   7,    8,     15,    16,    17,   31,
                                  64, 100, 255, 257, 1000, 16383, 16384, 16385, 40001};

// Calls f(dtype, its rounding error) for each floating-point type on each instruction set.
template <class F>
void everywhere(F f) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    BOOST_TEST_CONTEXT(name) {
      f(DType::f32, double{std::numeric_limits<float>::epsilon()});
      f(DType::f64, std::numeric_limits<double>::epsilon());
    }
  }
}

// Sum over i of term(i) without rounding errors that matter.
template <class Term>
double exact(std::size_t n, Term term) {
  long double total = 0;
  for (std::size_t i = 0; i < n; ++i) total += term(i);
  return static_cast<double>(total);
}

bool near(double got, double want, double error) {
  if (std::abs(got - want) <= error) return true;
  BOOST_TEST_MESSAGE("got " << text(got) << ", wanted " << text(want) << " within " << text(error));
  return false;
}

BOOST_AUTO_TEST_SUITE(instruction_set_choice)

BOOST_AUTO_TEST_CASE(every_listed_set_can_be_used) {
  const std::string before = instruction_set();
  BOOST_TEST(!instruction_sets().empty());
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    BOOST_TEST(instruction_set() == name);
    BOOST_TEST(kernel_table().name == name);
  }
  BOOST_TEST(instruction_set() == before);
  const std::string message = error_of([] { set_instruction_set("mmx"); });
  BOOST_TEST(message.starts_with("[instruction set] got \"mmx\"; wanted one that this processor runs: "));
  BOOST_TEST(message.ends_with(instruction_sets().back()));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(compute_sums)

// Sums are carried in double over short runs in the element's type: an error of a few roundings of the terms.
BOOST_AUTO_TEST_CASE(agree_with_exact_sums) {
  everywhere([](DType dtype, double epsilon) {
    for (const std::int64_t n : sizes) {
      const Tensor x = test::random({n}, 1, -1, 1, dtype);
      const Tensor y = test::random({n}, 2, -1, 1, dtype);
      const std::vector<double> a = values(x);
      const std::vector<double> b = values(y);
      const std::size_t count = a.size();
      const double allowed = 4 * epsilon * (static_cast<double>(n) + 1);
      BOOST_TEST_CONTEXT(dtype << ", " << n << " elements") {
        BOOST_TEST(near(sum(x), exact(count, [&](std::size_t i) { return a[i]; }), allowed));
        BOOST_TEST(near(dot(x, y), exact(count, [&](std::size_t i) { return a[i] * b[i]; }), allowed));
        BOOST_TEST(near(sum_squares(x), exact(count, [&](std::size_t i) { return a[i] * a[i]; }), allowed));
        BOOST_TEST(near(sum_abs(x), exact(count, [&](std::size_t i) { return std::abs(a[i]); }), allowed));
        BOOST_TEST(norm(x) == std::sqrt(sum_squares(x)));
        double largest = 0;
        for (const double v : a) largest = std::max(largest, std::abs(v));
        BOOST_TEST(max_abs(x) == largest);
      }
    }
  });
}

BOOST_AUTO_TEST_CASE(long_single_precision_sums_stay_exact_to_single_rounding) {
  everywhere([](DType dtype, double epsilon) {
    const Tensor x = Tensor::full({3'000'000}, 0.1, dtype);
    const double wanted = 3e6 * x.at({0});
    BOOST_TEST(near(sum(x), wanted, 16 * epsilon * wanted));
    const Tensor large = Tensor::full({3'000'000}, 1e4 + 0.1, dtype);  // squares beyond 24 bits
    const double squares = 3e6 * large.at({0}) * large.at({0});
    BOOST_TEST(near(sum_squares(large), squares, 16 * epsilon * squares));
  });
}

BOOST_AUTO_TEST_CASE(have_the_same_bits_on_any_number_of_threads) {
  everywhere([](DType dtype, double) {
    const Tensor x = test::random({200'003}, 3, -1, 1, dtype);
    std::vector<double> first;
    for (const int threads : {1, 2, 3, 4, 8}) {
      const Threads use(threads);
      const std::vector<double> seen{sum(x), dot(x, x), sum_squares(x), sum_abs(x), max_abs(x)};
      if (first.empty()) first = seen;
      BOOST_TEST(seen == first);
    }
  });
}

BOOST_AUTO_TEST_CASE(notice_what_is_not_finite) {
  everywhere([](DType dtype, double) {
    for (const std::int64_t n : {1, 5, 17, 40001}) {
      for (const double bad : {nan, infinity, -infinity}) {
        for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
          Tensor x = test::random({n}, 4, -1, 1, dtype);
          BOOST_TEST(all_finite(x));
          dispatch("test", dtype, [&](auto zero) {
            x.mutable_span<decltype(zero)>()[static_cast<std::size_t>(at)] = static_cast<decltype(zero)>(bad);
          });
          BOOST_TEST(!all_finite(x));
          BOOST_TEST((std::isnan(bad) ? std::isnan(max_abs(x)) : max_abs(x) == infinity));
          BOOST_TEST(!std::isfinite(sum(x)));
        }
      }
    }
    BOOST_TEST(all_finite(Tensor({0}, dtype)));
    BOOST_TEST(max_abs(Tensor({0}, dtype)) == 0.0);
  });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(compute_elementwise)

BOOST_AUTO_TEST_CASE(axpy_add_and_scale) {
  everywhere([](DType dtype, double epsilon) {
    for (const std::int64_t n : sizes) {
      const Tensor x = test::random({n}, 5, -1, 1, dtype);
      Tensor y = test::random({n}, 6, -1, 1, dtype);
      Tensor wanted({n}, dtype);
      dispatch("test", dtype, [&](auto zero) {
        using T = decltype(zero);
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
          wanted.mutable_span<T>()[i] = static_cast<T>(
              (double{y.span<T>()[i]} + double{T(0.3)} * double{x.span<T>()[i]} + double{x.span<T>()[i]}) *
              double{T(1.7)});
      });
      axpy(0.3, x, y);
      add_into(y, x);
      scale(y, 1.7);
      BOOST_TEST(test::close(y, wanted, 4 * epsilon));
    }
  });
}

BOOST_AUTO_TEST_CASE(lerp_goes_a_share_of_the_way) {
  everywhere([](DType dtype, double epsilon) {
    for (const double share : {0.0, 0.001, 0.3, 0.5, 0.7, 1.0})
      for (const std::int64_t n : sizes) {
        const Tensor x = test::random({n}, 5, -1, 1, dtype);
        Tensor y = test::random({n}, 6, -1, 1, dtype);
        Tensor wanted({n}, dtype);
        dispatch("test", dtype, [&](auto zero) {
          using T = decltype(zero);
          for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
            wanted.mutable_span<T>()[i] = static_cast<T>(
                double{y.span<T>()[i]} + double{T(share)} * (double{x.span<T>()[i]} - double{y.span<T>()[i]}));
        });
        lerp(y, x, share);
        BOOST_TEST(test::close(y, wanted, 4 * epsilon), "share " << share);
        if (share == 1) BOOST_TEST(test::same_bits(y, x));
      }
    // Equal ones stay, also where the difference is no number; a far end is reached to the bit.
    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<double> kept{0.1, -0.0, inf, -inf, 1e-30, 3e38};
    for (const double share : {0.001, 0.6}) {
      Tensor y = cast(Tensor::from(std::span<const double>(kept), {6}), dtype);
      const Tensor x = y.clone();
      lerp(y, x, share);
      BOOST_TEST(test::same_bits(y, x));
    }
    Tensor far = Tensor::full({1}, 1e8, dtype);
    lerp(far, Tensor::full({1}, 1.0, dtype), 1.0);
    BOOST_TEST(far.item() == 1.0);
  });
  BOOST_TEST(error_of([] {
               Tensor y({2});
               lerp(y, Tensor::zeros({3}), 0.5);
             }) == "[lerp] got shapes [2] and [3]; wanted equal shapes");
}

// A number's result may not depend on where it stands: tails take the same path as full registers.
BOOST_AUTO_TEST_CASE(results_do_not_depend_on_the_position) {
  everywhere([](DType dtype, double) {
    const Tensor x = Tensor::full({67}, 0.1, dtype);
    Tensor y = Tensor::full({67}, 1.0 / 3, dtype);
    axpy(0.7, x, y);
    scale(y, 1.1);
    const std::vector<double> seen = values(y);
    BOOST_TEST(seen == std::vector<double>(67, seen[0]));
  });
}

BOOST_AUTO_TEST_CASE(fill_and_copy_every_type) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8}) {
    for (const std::int64_t n : {0, 1, 100, 70001}) {
      Tensor x({n}, dtype);
      fill(x, 7);
      Tensor y({n}, dtype);
      fill(y, 1);
      copy_into(y, x);
      BOOST_TEST(test::same_bits(y, Tensor::full({n}, 7, dtype)));
      BOOST_TEST(!y.shares(x));
    }
  }
}

BOOST_AUTO_TEST_CASE(cast_any_to_any) {
  const DType all[] = {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8};
  for (const DType from : all) {
    const Tensor x = cast(Tensor::from({0.0, 1.0, 2.0, 100.0, 255.0}, {5}), from);
    for (const DType to : all) {
      const Tensor y = cast(x, to);
      BOOST_TEST(y.dtype() == to);
      BOOST_TEST(values(y) == (std::vector<double>{0, 1, 2, 100, 255}));
      BOOST_TEST(y.shares(x) == (from == to));
    }
  }
  BOOST_TEST(cast(Tensor::scalar(0.1, DType::f64), DType::f32).item() == double{0.1f});
  BOOST_TEST(values(cast(Tensor::from({-1.9, 1.9}, {2}), DType::i64)) == (std::vector<double>{-1, 1}));
}

// What an integer type cannot hold becomes its nearest number, NaN zero: no undefined conversion.
BOOST_AUTO_TEST_CASE(conversion_to_integers_saturates) {
  const Tensor x = Tensor::from({1e30, -1e30, infinity, -infinity, nan, 300.0}, {6});
  BOOST_TEST(values(cast(x, DType::u8)) == (std::vector<double>{255, 0, 255, 0, 0, 255}));
  BOOST_TEST(values(cast(x, DType::i32)) ==
             (std::vector<double>{0x7fffffff, -0x80000000LL, 0x7fffffff, -0x80000000LL, 0, 300}));
  BOOST_TEST(cast(x, DType::i64).span<std::int64_t>()[0] == std::numeric_limits<std::int64_t>::max());
  BOOST_TEST(cast(cast(x, DType::f32), DType::i64).span<std::int64_t>()[1] == std::numeric_limits<std::int64_t>::min());
  BOOST_TEST(Tensor::full({1}, -4, DType::u8).item() == 0.0);
  Tensor y({1}, DType::u8);
  fill(y, 1e9);
  BOOST_TEST(y.item() == 255.0);
}

BOOST_AUTO_TEST_CASE(tensors_that_do_not_match_are_errors) {
  Tensor a({2, 3});
  Tensor flat({6});
  Tensor wide({2, 3}, DType::f64);
  Tensor labels = Tensor::zeros({2, 3}, DType::i64);
  BOOST_TEST(error_of([&] { axpy(1, a, flat); }) == "[axpy] got shapes [6] and [2, 3]; wanted equal shapes");
  BOOST_TEST(error_of([&] { copy_into(a, wide); }) ==
             "[copy] got types f32 and f64; wanted equal types; convert one with cast(tensor, dtype)");
  BOOST_TEST(error_of([&] { dot(a, flat); }) == "[dot] got shapes [2, 3] and [6]; wanted equal shapes");
  BOOST_TEST(error_of([&] { dot(a, wide); }) != "no error");
  BOOST_TEST(error_of([&] { add_into(a, flat); }) != "no error");
  BOOST_TEST(error_of([&] { sum(labels); }) ==
             "[sum] got a tensor of type i64; wanted f32 or f64; convert it with cast(tensor, dtype)");
  BOOST_TEST(error_of([&] { scale(labels, 2); }) != "no error");
  BOOST_TEST(error_of([&] { fill_normal(labels, Rng(1), 0, 1); }) != "no error");
}

BOOST_AUTO_TEST_CASE(undefined_tensors_are_errors) {
  Tensor none;
  Tensor other;
  BOOST_TEST(error_of([&] { fill(none, 1); }) != "no error");
  BOOST_TEST(error_of([&] { copy_into(none, other); }) != "no error");
  BOOST_TEST(error_of([&] { axpy(1, other, none); }) != "no error");
  BOOST_TEST(error_of([&] { scale(none, 1); }) != "no error");
  BOOST_TEST(error_of([&] { cast(none, DType::f64); }) == "[cast] got an undefined tensor; wanted a tensor");
  BOOST_TEST(error_of([&] { sum(none); }) == "[sum] got an undefined tensor; wanted a tensor");
  BOOST_TEST(error_of([&] { dot(none, other); }) != "no error");
  BOOST_TEST(error_of([&] { norm(none); }) != "no error");
  BOOST_TEST(error_of([&] { max_abs(none); }) != "no error");
  BOOST_TEST(error_of([&] { fill_uniform(none, Rng(1), 0, 1); }) != "no error");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(compute_random_fills)

BOOST_AUTO_TEST_CASE(number_i_is_number_i_of_the_key) {
  const Rng rng(11);
  for (const DType dtype : {DType::f32, DType::f64}) {
    Tensor uniform({5000}, dtype);
    Tensor normal({5000}, dtype);
    fill_uniform(uniform, rng, -2, 3);
    fill_normal(normal, rng, 1, 0.5);
    for (const std::int64_t i : {0, 1, 2047, 2048, 4999}) {
      const auto at = static_cast<std::uint64_t>(i);
      const Tensor wanted_uniform = Tensor::scalar(-2 + 5 * rng.uniform(at), dtype);
      const Tensor wanted_normal = Tensor::scalar(1 + 0.5 * rng.normal(at), dtype);
      BOOST_TEST(uniform.at({i}) == wanted_uniform.item());
      BOOST_TEST(normal.at({i}) == wanted_normal.item());
    }
  }
}

BOOST_AUTO_TEST_CASE(bits_are_the_same_on_any_number_of_threads_and_sets) {
  Tensor first;
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use_set(name);
    for (const int threads : {1, 2, 3, 8}) {
      const Threads use(threads);
      Tensor x({10'007});
      fill_normal(x, Rng(12), 0, 1);
      if (!first.defined()) first = x;
      BOOST_TEST(test::same_bits(x, first));
    }
  }
}

BOOST_AUTO_TEST_CASE(uniform_numbers_stay_in_their_half_open_range) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    // Single precision has three numbers in the second range and its end: rounding alone would reach the end often.
    for (const double high : {1.0, 1 + 0x1p-22}) {
      const double low = high > 1 ? 1 : 0;
      const Tensor x = test::random({100'000}, 13, low, high, dtype);
      std::int64_t outside = 0;
      for (const double v : values(x)) outside += v < low || v >= high ? 1 : 0;
      BOOST_TEST(outside == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(norms_whose_squares_are_no_numbers_of_the_type) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : {DType::f32, DType::f64})
      for (const double size : {1e-37, 1e-30, 1e-18, 1.0, 1e18, 1e30, 3e38, 1e-300, 1e-160, 1e160, 1e300}) {
        if (dtype == DType::f32 && (size > 3e38 || size < 1e-37)) continue;
        Tensor x = Tensor::full({3, 33}, size, dtype);
        const double stored = x.at({0, 0}), want = stored * std::sqrt(99.0);
        BOOST_TEST(std::abs(norm(x) / want - 1) < (dtype == DType::f32 ? 1e-6 : 1e-14),
                   name << ' ' << dtype << ' ' << size);
        normalize(x);
        BOOST_TEST(
            test::close(x, Tensor::full({3, 33}, 1 / std::sqrt(99.0), dtype), dtype == DType::f32 ? 1e-6 : 1e-14),
            size);
      }
  }
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  BOOST_TEST(norm(Tensor::from({1.0, -inf}, {2})) == inf);
  BOOST_TEST(std::isnan(norm(Tensor::from({1.0, nan, inf}, {3}))));
  BOOST_TEST(norm(Tensor::zeros({5})) == 0);
  BOOST_TEST(norm(Tensor(Shape{0})) == 0);
  Tensor zero = Tensor::zeros({5});
  normalize(zero);
  BOOST_TEST(test::same_bits(zero, Tensor::zeros({5})));
}

BOOST_AUTO_TEST_CASE(normal_numbers_have_their_moments) {
  Tensor x({200'000}, DType::f64);
  fill_normal(x, Rng(14), 3, 2);
  const double mean = sum(x) / 2e5;
  BOOST_TEST(near(mean, 3, 4 * 2 / std::sqrt(2e5)));
  BOOST_TEST(near(sum_squares(x) / 2e5 - mean * mean, 4, 4 * 4 * std::sqrt(2 / 2e5)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
