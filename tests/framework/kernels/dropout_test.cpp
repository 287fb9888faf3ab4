#include "framework/kernels/dropout.h"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "tests/support/tensors.h"

namespace ebb {
namespace {

using namespace test;

BOOST_AUTO_TEST_SUITE(dropout_kernel)

// Counters beyond 32 bits, and groups cut anywhere.
BOOST_AUTO_TEST_CASE(matches_philox_at_any_place) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{64 * 999}, std::uint64_t{1} << 33,
                                      (std::uint64_t{1} << 34) - 64, (std::uint64_t{1} << 50) + 64}) {
      for (const std::int64_t n : {1, 64, 65, 1000}) {
        constexpr std::uint64_t key = 0x0123456789ABCDEF;
        constexpr std::uint32_t threshold = 0x80000001;
        const Tensor numbers = random({n}, 3);
        const std::span<const float> x = numbers.span<float>();
        std::vector<float> y(x.size(), 7), want(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
          const std::uint64_t at = first + i;
          const std::uint64_t counter = at / 64 * 16 + at % 16;
          const auto words =
              philox({static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32), 0, 0},
                     {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
          want[i] = words[at / 16 % 4] < threshold ? 0.0f : 3.0f * x[i];
        }
        kernels_of<float>().dropout.apply(key, first, threshold, 3.0f, x.data(), y.data(), n);
        BOOST_TEST((y == want), name << " from " << first);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
