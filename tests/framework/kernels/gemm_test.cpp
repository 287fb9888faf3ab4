#include <boost/test/unit_test.hpp>

#include "framework/compute/gemm.h"
#include "tests/support/naive.h"

namespace ebb::test {
namespace {

// Sizes around the edges of registers, tiles and blocks, and plain random ones.
std::int64_t size(const Rng& rng, std::uint64_t at) {
  constexpr std::int64_t edges[] = {1, 2, 3, 4, 5, 7, 8, 12, 13, 14, 15, 16, 17, 28, 29, 31, 32, 33, 64, 65, 70, 71};
  if (rng.uniform(2 * at) < 0.5) return edges[rng.below(std::size(edges), 2 * at + 1)];
  return 1 + static_cast<std::int64_t>(rng.below(80, 2 * at + 1));
}

boost::test_tools::assertion_result check_product(std::int64_t m, std::int64_t n, std::int64_t k, std::uint64_t seed) {
  const Rng rng(seed);
  const DType dtype = rng.below(2, 100) == 0 ? DType::f32 : DType::f64;
  const bool transpose_a = rng.below(2, 101) == 0, transpose_b = rng.below(2, 102) == 0;
  const Tensor a = random(transpose_a ? Shape{k, m} : Shape{m, k}, seed + 1, -1, 1, dtype);
  const Tensor b = random(transpose_b ? Shape{n, k} : Shape{k, n}, seed + 2, -1, 1, dtype);
  const Tensor bias = rng.below(2, 103) == 0 ? random({n}, seed + 3, -1, 1, dtype) : Tensor();
  const Tensor got = matmul(a, transpose_a, b, transpose_b, bias);
  const Tensor want = naive_matmul(a, transpose_a, b, transpose_b, bias);
  auto result = close(cast(got, DType::f64), want, product_tolerance(dtype, k));
  if (!result)
    result.message() << " for "
                     << text(m, "x", k, "x", n, " ", dtype, " in ", instruction_set(), transpose_a ? " a'" : "",
                             transpose_b ? " b'" : "", bias.defined() ? " biased" : "");
  return result;
}

void check_random_sizes(std::uint64_t first, std::uint64_t count) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (std::uint64_t i = first; i < first + count; ++i) {
      const Rng rng = Rng(7).at(i);
      BOOST_REQUIRE(check_product(size(rng, 0), size(rng, 1), size(rng, 2), rng.key()));
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(gemm_kernels)

BOOST_AUTO_TEST_CASE(random_sizes_in_every_instruction_set) { check_random_sizes(0, 300); }

BOOST_AUTO_TEST_CASE(long_sums_and_many_blocks) {
  constexpr std::int64_t sizes[][3] = {{1, 1, 5000}, {3, 10, 4099}, {20, 33, 9000}, {150, 130, 1030},
                                       {300, 7, 64}, {5, 700, 33},  {64, 96, 2048}};
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const auto& s : sizes)
      for (std::uint64_t seed = 0; seed < 4; ++seed) BOOST_REQUIRE(check_product(s[0], s[1], s[2], seed));
  }
}

BOOST_AUTO_TEST_CASE(adds_to_strided_results) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const std::int64_t k : {5, 40, 3000}) {
      const std::int64_t m = 9, n = 35, pitch = 41;
      const Tensor a = random({m, k}, 1), b = random({k, n}, 2), before = random({m, pitch}, 3);
      Tensor c = before.clone();
      gemm<float>(m, n, k, {a.data<float>(), k, 1}, {b.data<float>(), n, 1}, c.mutable_data<float>(), pitch,
                  {.add = true});
      Tensor want = cast(before, DType::f64);
      const Tensor product = naive_matmul(a, false, b, false, {});
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j)
          want.mutable_data<double>()[i * pitch + j] += product.data<double>()[i * n + j];
      BOOST_TEST(close(cast(c, DType::f64), want, product_tolerance(DType::f32, k)));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_sum_of_nothing_is_the_bias) {
  const Tensor bias = random({5}, 1);
  const Tensor c = matmul(Tensor({3, 0}), false, Tensor({0, 5}), false, bias);
  for (std::int64_t i = 0; i < 3; ++i)
    for (std::int64_t j = 0; j < 5; ++j) BOOST_TEST(c.at({i, j}) == bias.at({j}));
  BOOST_TEST(matmul(Tensor({0, 4}), false, Tensor({4, 5}), false).shape() == Shape({0, 5}));
}

BOOST_AUTO_TEST_CASE(infinity_and_nan_pass_through) {
  Tensor a = Tensor::zeros({20, 30});
  Tensor b = Tensor::full({30, 40}, 1);
  a.mutable_data<float>()[3 * 30 + 7] = std::numeric_limits<float>::infinity();
  a.mutable_data<float>()[5 * 30 + 29] = std::numeric_limits<float>::quiet_NaN();
  const Tensor c = matmul(a, false, b, false);
  for (std::int64_t j = 0; j < 40; ++j) {
    BOOST_TEST(std::isinf(c.at({3, j})));
    BOOST_TEST(std::isnan(c.at({5, j})));
    BOOST_TEST(c.at({4, j}) == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(gemm_kernels_slow)

BOOST_AUTO_TEST_CASE(many_random_sizes_in_every_instruction_set) { check_random_sizes(300, 2000); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
