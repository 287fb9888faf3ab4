// Normalisation kernels against loops: lengths that end inside a wide row, and calls that begin anywhere.
#include "framework/kernels/normalization.h"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "tests/support/tensors.h"

namespace ebb {
namespace {

using namespace test;

// Coefficients of `channels` channels, repeated to wide rows.
template <class T>
struct Coefficients {
  Coefficients(std::int64_t channels, bool relu)
      : period(kernels_of<T>().normalization.period(channels)), numbers(static_cast<std::size_t>(5 * period)) {
    for (std::int64_t a = 0; a < 5; ++a)
      for (std::int64_t i = 0; i < period; ++i)
        numbers[static_cast<std::size_t>(a * period + i)] =
            static_cast<T>(Rng(7).at(static_cast<std::uint64_t>(a)).uniform(static_cast<std::uint64_t>(i % channels)));
    map = {row(0), row(1), row(2), relu, false};
  }
  const T* row(std::int64_t a) const { return numbers.data() + a * period; }

  std::int64_t period;
  std::vector<T> numbers;
  kernels::ChannelMap<T> map{};
};

template <class T>
std::vector<T> uniform(std::int64_t n, std::uint64_t seed) {
  const Tensor t = random({n}, seed, -1, 1, dtype_of<T>());
  const auto span = t.span<T>();
  return {span.begin(), span.end()};
}

// The largest difference of two arrays.
template <class T>
double apart(const std::vector<T>& a, const std::vector<T>& b) {
  double most = a.size() == b.size() ? 0 : 1e30;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return most;
}

template <class T>
void check_channels(std::int64_t channels, std::int64_t rows, bool relu) {
  const auto& kernels = kernels_of<T>().normalization;
  const Coefficients<T> c(channels, relu);
  BOOST_TEST(c.period % channels == 0);
  const std::int64_t n = rows * channels;
  const std::vector<T> x = uniform<T>(n, 1), dy = uniform<T>(n, 2);
  std::vector<T> y(x.size()), dx(x.size()), want_y(x.size()), want_dx(x.size());
  std::vector<double> want_sums(static_cast<std::size_t>(2 * channels)), sums(want_sums.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t at = i % static_cast<std::size_t>(channels);
    const T centred = x[i] - c.map.center[at];
    const T v = centred * c.map.gain[at] + c.map.shift[at];
    const T g = relu && !(v > 0) ? T(0) : dy[i];
    want_y[i] = relu && !(v > 0) ? T(0) : v;
    want_dx[i] = c.map.gain[at] * g + c.row(3)[at] * centred + c.row(4)[at];
    want_sums[at] += static_cast<double>(g);
    want_sums[at + static_cast<std::size_t>(channels)] += static_cast<double>(g * centred);
  }
  const double tolerance = sizeof(T) == 4 ? 1e-6 : 1e-14;
  kernels.normalize(x.data(), y.data(), n, c.period, c.map);
  BOOST_TEST(apart(y, want_y) < tolerance);
  kernels.backward(x.data(), dy.data(), dx.data(), n, c.period, c.map, c.row(3), c.row(4));
  BOOST_TEST(apart(dx, want_dx) < tolerance);
  std::vector<T> work(static_cast<std::size_t>(3 * c.period));
  kernels.reduce(x.data(), dy.data(), rows, channels, c.map, work.data(), sums.data());
  BOOST_TEST(apart(sums, want_sums) < tolerance * std::sqrt(static_cast<double>(rows)));

  std::vector<double> moments(static_cast<std::size_t>(3 * channels)), want = moments;
  for (std::size_t ch = 0; ch < static_cast<std::size_t>(channels); ++ch) {
    const auto step = static_cast<std::size_t>(channels);
    double mean = 0, m2 = 0;
    for (std::size_t i = ch; i < x.size(); i += step) mean += static_cast<double>(x[i]) / static_cast<double>(rows);
    for (std::size_t i = ch; i < x.size(); i += step) {
      const double d = static_cast<double>(x[i]) - mean;
      m2 += d * d;
    }
    want[ch] = static_cast<double>(rows);
    want[ch + step] = mean;
    want[ch + 2 * step] = m2;
  }
  kernels.moments(x.data(), rows, channels, work.data(), moments.data());
  BOOST_TEST(apart(moments, want) < tolerance * static_cast<double>(rows));

  // Past the caches, at any address: the same bits.
  kernels::ChannelMap<T> past = c.map;
  past.stream = true;
  for (const std::int64_t first : {0, 1}) {
    Tensor to({n + 1}, dtype_of<T>());
    T* const at = to.mutable_data<T>() + first;
    kernels.normalize(x.data(), at, n, c.period, past);
    BOOST_TEST(apart(std::vector<T>(at, at + n), y) == 0);
    kernels.backward(x.data(), dy.data(), at, n, c.period, past, c.row(3), c.row(4));
    BOOST_TEST(apart(std::vector<T>(at, at + n), dx) == 0);
  }

  // In place, and from any row on: the same bits.
  std::vector<T> place = x;
  kernels.normalize(place.data(), place.data(), n, c.period, c.map);
  BOOST_TEST(apart(place, y) == 0);
  for (std::int64_t first = 1; first < std::min<std::int64_t>(rows, 4); ++first) {
    std::vector<T> rest(y.begin() + first * channels, y.end()), part(rest.size());
    kernels.normalize(x.data() + first * channels, part.data(), n - first * channels, c.period, c.map);
    BOOST_TEST(apart(part, rest) == 0);
  }
}

BOOST_AUTO_TEST_SUITE(normalization_kernels)

BOOST_AUTO_TEST_CASE(match_loops) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const std::int64_t channels : {1, 3, 5, 6, 8, 16, 17, 31, 64, 67, 1030}) {
      for (const std::int64_t rows : {1, 2, 3, 7, 64, 101}) {
        for (const bool relu : {false, true}) {
          BOOST_TEST_CONTEXT(name << ' ' << rows << 'x' << channels << (relu ? " relu" : "")) {
            check_channels<float>(channels, rows, relu);
            check_channels<double>(channels, rows, relu);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
