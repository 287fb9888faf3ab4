// The statistics of studies against known answers.
#include "lab/study/statistics.h"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "lab/study/implied_penalty.h"
#include "lab/study/valley.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::fails_with;

bool near(double got, double want, double tolerance) { return std::abs(got - want) <= tolerance; }

std::vector<double> normals(const Rng& rng, std::size_t count, double mean = 0, double deviation = 1) {
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(mean + deviation * rng.normal(i));
  return out;
}

BOOST_AUTO_TEST_SUITE(statistics)

BOOST_AUTO_TEST_CASE(sign_flips_count_patterns) {
  const std::array<double, 8> rising{1, 2, 3, 4, 5, 6, 7, 8};
  BOOST_TEST(sign_flip_p(rising) == 1.0 / 128);
  const std::array<double, 4> four{0.5, 0.25, 1, 2};
  BOOST_TEST(sign_flip_p(four) == 0.125);
  // 1, 2, -4: sums -1 +-..., by hand: |sum| >= 1 for all eight patterns but none below.
  const std::array<double, 3> mixed{1, 2, -4};
  BOOST_TEST(sign_flip_p(mixed) == 1.0);
  // 3, 1, -1: patterns with |sum| >= 3 are (3,1,1), (3,1,-1), (3,-1,1) and their opposites.
  const std::array<double, 3> three{3, 1, -1};
  BOOST_TEST(sign_flip_p(three) == 0.75);
  // 30 values whose p is far below what 200,000 patterns can see: the observed one alone is counted.
  const std::vector<double> many(30, 1.0);
  BOOST_TEST(sign_flip_p(many) <= 2.0 / 200000);
  const std::vector<double> noise = normals(Rng(3), 25);
  BOOST_TEST(sign_flip_p(noise) > 0.01);
  BOOST_TEST(fails_with({"sign flips", "0 values"}, [] { sign_flip_p({}); }));
  const std::array<double, 2> bad{1, std::nan("")};
  BOOST_TEST(fails_with({"nan"}, [&] { sign_flip_p(bad); }));
}

BOOST_AUTO_TEST_CASE(equivalence_of_two_one_sided_tests) {
  // Student's t by hand: mean 0.1, standard error 0.1 (n = 4, deviation 0.2), margin 0.5: t = 6 and -4 with 3 degrees.
  const std::array<double, 4> d{-0.1, 0.1, 0.1 + 0.1 * std::sqrt(8.0), 0.3 - 0.1 * std::sqrt(8.0)};
  const Equivalence e = tost(d, 0.5);
  BOOST_TEST(near(e.interval.estimate, 0.1, 1e-15));
  const double deviation = std::sqrt((0.04 + 0 + 0.08 + 0.01 * std::pow(2 - std::sqrt(8.0), 2)) / 3);
  const double half = 2.353363434801824 * deviation / 2;  // the 95 % quantile of t with 3 degrees of freedom
  BOOST_TEST(near(e.interval.high, 0.1 + half, 1e-12));
  BOOST_TEST(near(e.interval.low, 0.1 - half, 1e-12));
  BOOST_TEST(e.equivalent == (0.1 + half < 0.5));
  BOOST_TEST(!tost(d, 0.15).equivalent);
  // scipy.stats.t.sf(5, 15) for a mean of 0 and an error of 0.1 at margin 0.5.
  std::vector<double> even;
  for (int i = 0; i < 8; ++i) even.push_back(0.4 * std::sqrt(15.0 / 16)), even.push_back(-0.4 * std::sqrt(15.0 / 16));
  BOOST_TEST(near(tost(even, 0.5).p, 7.918475731e-05, 1e-12));
  BOOST_TEST(fails_with({"margin of 0"}, [&] { tost(d, 0); }));
}

BOOST_AUTO_TEST_CASE(pages_trend_matches_the_published_table) {
  // Page 1963, table 2: k = 4, n = 8 is significant at 5 % from L = 214 on.
  // Rows that rise have L = 30; each swap of neighbours takes 1.
  const std::vector<double> rising{1, 2, 3, 4};
  const auto of = [&](int l) {
    std::vector<std::vector<double>> rows(8, rising);
    // Orders by their L below 30.
    const std::vector<std::pair<int, std::vector<double>>> orders{
        {10, {4, 3, 2, 1}}, {5, {2, 4, 1, 3}}, {1, {2, 1, 3, 4}}};
    int rest = 240 - l;
    for (std::vector<double>& row : rows)
      for (const auto& [less, order] : orders)
        if (rest >= less && row == rising) row = order, rest -= less;
    BOOST_REQUIRE(rest == 0);
    return page_trend(rows);
  };
  const Trend at = of(214), below = of(213);
  BOOST_TEST(at.l == 214);
  BOOST_TEST(at.p <= 0.05);
  BOOST_TEST(below.l == 213);
  BOOST_TEST(below.p > 0.05);
  BOOST_TEST(near(at.z, 14 / std::sqrt(8 * 16 * 25 * 3 / 144.0), 1e-12));
  // Two rows of three, by enumeration: the largest L of 36 has probability 1/36.
  BOOST_TEST(near(page_trend({{1, 2, 3}, {1, 2, 3}}).p, 1.0 / 36, 1e-15));
  BOOST_TEST(near(page_trend({{3, 2, 1}, {3, 2, 1}}).p, 1.0, 1e-15));
  // A row of ties says nothing.
  BOOST_TEST(near(page_trend({{1, 1, 1}}).p, 1.0, 1e-15));
}

BOOST_AUTO_TEST_CASE(holm_by_hand) {
  const std::array<double, 4> p{0.01, 0.04, 0.03, 0.005};
  const std::vector<double> adjusted = holm(p);
  BOOST_TEST(near(adjusted[3], 0.02, 1e-15));
  BOOST_TEST(near(adjusted[0], 0.03, 1e-15));
  BOOST_TEST(near(adjusted[2], 0.06, 1e-15));
  BOOST_TEST(near(adjusted[1], 0.06, 1e-15));  // not below the one before it
}

BOOST_AUTO_TEST_CASE(lines) {
  const std::array<double, 4> x{0, 1, 2, 3}, exact{1, 3, 5, 7}, noisy{1, 3, 5, 8};
  BOOST_TEST(line(x, exact).slope == 2);
  BOOST_TEST(line(x, exact).intercept == 1);
  BOOST_TEST(line(x, exact).r2 == 1);
  const LineFit fit = line(x, noisy);
  BOOST_TEST(near(fit.slope, 2.3, 1e-12));
  BOOST_TEST(near(fit.intercept, 0.8, 1e-12));
  BOOST_TEST(near(fit.slope_error, std::sqrt(0.3 / 2 / 5), 1e-12));
  BOOST_TEST(near(fit.r2, 1 - 0.3 / 26.75, 1e-12));
  BOOST_TEST(fails_with({"everywhere"}, [] { line(std::array<double, 2>{1, 1}, std::array<double, 2>{1, 2}); }));
}

BOOST_AUTO_TEST_CASE(the_bootstrap_covers_as_it_says) {
  int covered = 0;
  constexpr int samples = 400;
  for (int s = 0; s < samples; ++s) {
    const Rng rng = Rng(8).at(static_cast<std::uint64_t>(s));
    const Interval i = bootstrap(normals(rng, 30, 2), mean_of, rng.at("bootstrap"), 800);
    if (i.low <= 2 && 2 <= i.high) ++covered;
  }
  // 95 % with a standard error of 1.1 %; BCa at 30 values covers a little less.
  BOOST_TEST(covered >= 0.91 * samples);
  BOOST_TEST(covered <= 0.98 * samples);
}

BOOST_AUTO_TEST_CASE(blocks_keep_what_neighbours_share) {
  // x' = 0.8 x + noise: the mean of n values has variance (1 + 0.8) / (1 - 0.8) / n of the stationary one, ninefold.
  constexpr std::size_t n = 200'000;
  double x = 0;
  std::vector<double> series;
  for (std::size_t i = 0; i < n; ++i) series.push_back(x = 0.8 * x + Rng(5).normal(i));
  const Interval blocks = block_bootstrap(series, 200, Rng(6), 1000);
  const double deviation = (blocks.high - blocks.low) / (2 * 1.959964);
  const double want = 1 / (1 - 0.8) / std::sqrt(static_cast<double>(n));
  BOOST_TEST(near(deviation / want * (deviation / want), 1, 0.1));
  const Interval alone = block_bootstrap(series, 1, Rng(6), 200);
  BOOST_TEST((alone.high - alone.low) < 0.45 * (blocks.high - blocks.low));
}

BOOST_AUTO_TEST_CASE(students_t_gives_intervals_of_means_and_slopes) {
  // scipy.stats.t.interval(0.95, 3, mean, sem): t = 3.182446305284263 of three degrees of freedom.
  const std::array<double, 4> values{1, 2, 4, 5};
  const double half = 3.182446305284263 * std::sqrt(10.0 / 3 / 4);
  const Interval mean = mean_interval(values);
  BOOST_TEST(near(mean.estimate, 3, 1e-15));
  BOOST_TEST(near(mean.low, 3 - half, 1e-12));
  BOOST_TEST(near(mean.high, 3 + half, 1e-12));
  // Of five points the slope's interval has three degrees of freedom too.
  const std::array<double, 5> x{0, 1, 2, 3, 4}, y{0, 1, 2, 3, 5};
  const LineFit fit = line(x, y);
  const Interval of_slope = slope_interval(fit, 5);
  BOOST_TEST(near(of_slope.high - of_slope.low, 2 * 3.182446305284263 * fit.slope_error, 1e-12));
  BOOST_TEST(fails_with({"2 points"}, [&] { slope_interval(fit, 2); }));
  BOOST_TEST(fails_with({"a level of 1"}, [&] { mean_interval(values, 1); }));
}

BOOST_AUTO_TEST_CASE(scores_are_compared_by_rank) {
  // By hand: of the nine pairs of {3, 5, 5} and {1, 3, 5} six are won and three are ties.
  const std::array<double, 3> positive{5, 3, 5}, negative{3, 1, 5};
  BOOST_TEST(near(auroc(positive, negative), 6.5 / 9, 1e-15));
  BOOST_TEST(near(auroc(negative, positive), 2.5 / 9, 1e-15));
  BOOST_TEST(auroc(positive, positive) == 0.5);
  // Normal scores a deviation apart: Phi(1 / sqrt 2), by scipy.stats.norm.cdf.
  const std::vector<double> signal = normals(Rng(1), 20000, 1), noise = normals(Rng(2), 20000);
  const double area = auroc(signal, noise);
  BOOST_TEST(near(area, 0.7602499389065233, 0.01));
  // A temperature of the scores changes no rank.
  std::vector<double> cold = signal, quiet = noise;
  for (double& v : cold) v = std::exp(v / 8);
  for (double& v : quiet) v = std::exp(v / 8);
  BOOST_TEST(auroc(cold, quiet) == area);
  BOOST_TEST(fails_with({"auroc", "0 values"}, [&] { auroc({}, noise); }));
  const std::array<double, 1> bad{INFINITY};
  BOOST_TEST(fails_with({"inf"}, [&] { auroc(noise, bad); }));
}

// A bowl at the places of a grid. \param noise its deviation.
BowlFit fitted(double along_sum, double along_difference, double noise = 0) {
  std::vector<double> x, y, z;
  for (int i = 0; i < 7; ++i)
    for (int j = 0; j < 7; ++j) {
      const double a = i - 3, b = 0.5 * j - 1, sum = a + b, difference = a - b;
      x.push_back(a), y.push_back(b);
      z.push_back(3 + 0.5 * a - 0.25 * b + along_sum * sum * sum + along_difference * difference * difference +
                  noise * Rng(4).normal(x.size()));
    }
  return bowl(x, y, z);
}

BOOST_AUTO_TEST_CASE(a_valley_lies_where_the_bowl_is_flat) {
  const BowlFit valley = fitted(1, 0.01);
  BOOST_TEST(near(valley.constant, 3, 1e-12));
  BOOST_TEST(near(valley.x_slope, 0.5, 1e-12));
  BOOST_TEST(near(valley.y_slope, -0.25, 1e-12));
  BOOST_TEST(near(valley.xx, 2.02, 1e-12));
  BOOST_TEST(near(valley.xy, 1.98, 1e-12));
  BOOST_TEST(near(valley.yy, 2.02, 1e-12));
  BOOST_TEST(near(valley.r2, 1, 1e-12));
  BOOST_TEST(near(valley.least_curvature(), 0.04, 1e-12));
  BOOST_TEST(near(valley.greatest_curvature(), 4, 1e-12));
  BOOST_TEST(near(valley.valley_angle(), -45, 1e-9));
  BOOST_TEST(near(fitted(0.01, 1).valley_angle(), 45, 1e-9));
  BOOST_TEST(near(fitted(1, 0.01, 0.5).valley_angle(), -45, 10));
  BOOST_TEST(fitted(1, 0.01, 0.5).r2 < 0.9999);
  // Along the axes, by the coefficients alone; and a saddle.
  const BowlFit flat_in_x{.xx = 1, .yy = 2}, flat_in_y{.xx = 2, .yy = 1}, even{.xx = 1, .yy = 1},
      saddle{.xx = 0.5, .xy = 1, .yy = 0.5};
  BOOST_TEST(flat_in_x.valley_angle() == 0);
  BOOST_TEST(flat_in_y.valley_angle() == 90);
  BOOST_TEST(even.valley_angle() == 0);
  BOOST_TEST(saddle.least_curvature() == -0.5);
  // Lines of three columns fix a bowl, of two they do not.
  const std::vector<double> two{0, 1, 0, 1, 0, 1}, three{0, 0, 1, 1, 2, 2}, any{1, 2, 3, 4, 5, 7};
  BOOST_TEST(fails_with({"bowl", "fix 5 of six"}, [&] { bowl(two, three, any); }));
  BOOST_TEST(fails_with({"6, 6 and 5"}, [&] { bowl(two, three, std::span(any).first(5)); }));
  BOOST_TEST(fails_with({"5 points"},
                        [&] { bowl(std::span(two).first(5), std::span(three).first(5), std::span(any).first(5)); }));
}

BOOST_AUTO_TEST_CASE(a_penalty_is_found_as_a_line_and_large_weights_count_more) {
  const std::vector<double> w{1, -2, 0.5, 3}, s{1, 2, 3, 4};
  // g = -(0.25 + 0.5 s) w.
  const ImpliedPenalty line = implied_penalty(w, {-0.75, 2.5, -0.875, -6.75}, s);
  BOOST_TEST(near(line.slope, 0.5, 1e-14));
  BOOST_TEST(near(line.constant, 0.25, 1e-14));
  BOOST_TEST(near(line.explained, 1, 1e-14));
  BOOST_TEST(near(line.mean, 0.25 + 0.5 * (1 + 8 + 0.75 + 36) / 14.25, 1e-14));
  // Alpha 1, 1, 3, 1 at s 1, 2, 3, 2, weights 1, 1, 1/4, 1: by hand a slope of 4/7, a constant of 1/7 and R^2 of 8/21.
  const ImpliedPenalty rough = implied_penalty({1, -1, 0.5, 1}, {-1, 1, -1.5, -1}, {1, 2, 3, 2});
  BOOST_TEST(near(rough.slope, 4.0 / 7, 1e-14));
  BOOST_TEST(near(rough.constant, 1.0 / 7, 1e-14));
  BOOST_TEST(near(rough.explained, 8.0 / 21, 1e-14));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(statistics_slow)

BOOST_AUTO_TEST_CASE(the_bootstrap_covers_2000_samples) {
  int covered = 0;
  constexpr int samples = 2000;
  for (int s = 0; s < samples; ++s) {
    const Rng rng = Rng(9).at(static_cast<std::uint64_t>(s));
    const Interval i = bootstrap(normals(rng, 30, 2), mean_of, rng.at("bootstrap"), 2000);
    if (i.low <= 2 && 2 <= i.high) ++covered;
  }
  BOOST_TEST(std::abs(static_cast<double>(covered) / samples - 0.95) <= 0.015, covered);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
