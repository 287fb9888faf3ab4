#include "framework/tensor/random.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

namespace ebb {
namespace {

using Words = std::array<std::uint32_t, 4>;

BOOST_AUTO_TEST_SUITE(random_numbers)

// The known-answer vectors of the Random123 distribution for philox4x32 with ten rounds.
BOOST_AUTO_TEST_CASE(philox_known_answers) {
  const Words zeros{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  BOOST_TEST((philox({0, 0, 0, 0}, {0, 0}) == zeros));
  const std::uint32_t f = 0xffffffff;
  const Words ones{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  BOOST_TEST((philox({f, f, f, f}, {f, f}) == ones));
  const Words pi{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  BOOST_TEST((philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) == pi));
}

BOOST_AUTO_TEST_CASE(parts_have_keys_of_their_own) {
  const Rng root(7);
  std::set<std::uint64_t> keys{root.key(),
                               root.at("a").key(),
                               root.at("b").key(),
                               root.at("a").at("b").key(),
                               root.at("b").at("a").key(),
                               root.at(std::uint64_t{0}).key(),
                               Rng(8).key()};
  BOOST_TEST(keys.size() == 7u);
  BOOST_TEST(Rng(7).at("a").key() == root.at("a").key());
}

BOOST_AUTO_TEST_CASE(moments) {
  const Rng rng(3);
  constexpr int n = 100000;
  double mean = 0;
  double square = 0;
  double uniform = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    const double x = rng.normal(i);
    mean += x / n;
    square += x * x / n;
    uniform += rng.uniform(i) / n;
  }
  BOOST_TEST(std::abs(mean) < 4 / std::sqrt(double{n}));
  BOOST_TEST(std::abs(square - 1) < 4 * std::sqrt(2.0 / n));
  BOOST_TEST(std::abs(uniform - 0.5) < 4 * std::sqrt(1.0 / 12 / n));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
