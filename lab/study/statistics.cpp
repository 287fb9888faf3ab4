#include "lab/study/statistics.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <map>
#include <numeric>
#include <xtensor/xadapt.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

void require_values(const char* where, std::span<const double> values, std::size_t least) {
  if (values.size() < least) fail(where, text(values.size(), " values"), text("at least ", least));
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i])) fail(where, text(values[i], " as value ", i), "finite numbers");
}

void require_level(const char* where, double level) {
  if (!(level > 0 && level < 1)) fail(where, text("a level of ", level), "a number between 0 and 1");
}

void require_resampling(const char* where, int resamples, double level) {
  if (resamples < 100) fail(where, text(resamples, " resamples"), "at least 100");
  require_level(where, level);
}

// Numbers as an array of xtensor.
using Series = xt::xtensor<double, 1>;

Series series_of(std::span<const double> values) {
  return xt::adapt(values.data(), values.size(), xt::no_ownership(), std::array{values.size()});
}

// The standard error of the mean of at least two values.
double error_of_mean(std::span<const double> values, double mean) {
  const double n = static_cast<double>(values.size());
  const Series away = series_of(values) - mean;
  return std::sqrt(xt::sum(away * away)() / (n - 1) / n);
}

// The value below which a share of the sorted numbers lies, by linear interpolation.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = std::clamp(share, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

double normal_cdf(double z) { return boost::math::cdf(boost::math::normal(), z); }
double normal_quantile(double p) { return boost::math::quantile(boost::math::normal(), p); }

// The acceleration of the bootstrap: the skewness of what leaving a value out does.
double acceleration(std::span<const double> values, const Functional& f) {
  std::vector<double> without(values.begin() + 1, values.end()), results;
  for (std::size_t i = 0; i < values.size(); ++i) {
    results.push_back(f(without));
    if (i < without.size()) without[i] = values[i];
  }
  const Series away = mean_of(results) - series_of(results);
  const double squares = xt::sum(away * away)(), cubes = xt::sum(away * away * away)();
  return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
}

std::uint64_t drawn(const Rng& rng, std::size_t below, std::size_t index) { return rng.below(below, index); }

// Ranks of a row, doubled, so that the mean ranks of ties are whole.
std::vector<int> doubled_ranks(const std::vector<double>& row) {
  const Series values = series_of(row);
  std::vector<int> ranks;
  for (const double value : row)
    ranks.push_back(2 * xt::sum<int>(values < value)() + xt::sum<int>(xt::equal(values, value))() + 1);
  return ranks;
}

int doubled_l(const std::vector<int>& ranks) {
  int l = 0;
  for (std::size_t level = 0; level < ranks.size(); ++level) l += static_cast<int>(level + 1) * ranks[level];
  return l;
}

// Shares of the orders of a row's ranks by their L.
std::map<int, double> distribution_of(std::vector<int> ranks) {
  std::map<int, double> shares;
  std::ranges::sort(ranks);
  double orders = 0;
  do ++shares[doubled_l(ranks)], ++orders;
  while (std::next_permutation(ranks.begin(), ranks.end()));
  for (auto& [l, share] : shares) share /= orders;
  return shares;
}

}  // namespace

double mean_of(std::span<const double> values) {
  require_values("mean", values, 1);
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Interval mean_interval(std::span<const double> values, double level) {
  require_values("interval of a mean", values, 2);
  require_level("interval of a mean", level);
  const double mean = mean_of(values);
  const boost::math::students_t t(static_cast<double>(values.size() - 1));
  const double half = boost::math::quantile(t, (1 + level) / 2) * error_of_mean(values, mean);
  return {mean, mean - half, mean + half};
}

double median_of(std::span<const double> values) {
  require_values("median", values, 1);
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  return quantile(sorted, 0.5);
}

double sign_flip_p(std::span<const double> differences) {
  require_values("sign flips", differences, 1);
  const std::size_t n = differences.size();
  double observed = 0, size = 0;
  for (const double d : differences) observed += d, size += std::abs(d);
  // Equal sums come out unequal in their last digits when their terms stand in another order.
  const double least = std::abs(observed) - 1e-12 * size;
  const bool exact = n <= 20;
  const std::uint64_t patterns = exact ? std::uint64_t{1} << n : 200000;
  std::uint64_t as_far = exact ? 0 : 1;
  for (std::uint64_t pattern = exact ? 0 : 1; pattern < patterns; ++pattern) {
    const Rng rng = Rng(20).at(pattern);
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const bool flipped = exact ? (pattern >> i & 1) != 0 : rng.below(2, i) != 0;
      sum += flipped ? -differences[i] : differences[i];
    }
    if (std::abs(sum) >= least) ++as_far;
  }
  return static_cast<double>(as_far) / static_cast<double>(patterns);
}

Interval bootstrap(std::span<const double> values, const Functional& f, const Rng& rng, int resamples, double level) {
  require_values("bootstrap", values, 2);
  require_resampling("bootstrap", resamples, level);
  const std::size_t n = values.size();
  const double estimate = f(values);
  std::vector<double> results, sample(n);
  for (int r = 0; r < resamples; ++r) {
    const Rng row = rng.at(static_cast<std::uint64_t>(r));
    for (std::size_t i = 0; i < n; ++i) sample[i] = values[drawn(row, n, i)];
    results.push_back(f(sample));
  }
  std::ranges::sort(results);
  double below = 0;
  for (const double r : results) below += r < estimate ? 1 : r == estimate ? 0.5 : 0;
  const double share = std::clamp(below / resamples, 0.5 / resamples, 1 - 0.5 / resamples);
  const double bias = normal_quantile(share), a = acceleration(values, f);
  // The resamples' spread is that of n values about their own mean: too small by sqrt((n - 1) / n), and normal where
  // few values give Student's t.
  const double degrees = static_cast<double>(n - 1);
  const boost::math::students_t t(degrees);
  const auto end = [&](double tail) {
    const double z = bias + boost::math::quantile(t, tail) * std::sqrt(static_cast<double>(n) / degrees);
    return quantile(results, normal_cdf(bias + z / (1 - a * z)));
  };
  return {.estimate = estimate, .low = end((1 - level) / 2), .high = end((1 + level) / 2)};
}

Interval block_bootstrap(std::span<const double> series, std::int64_t block, const Rng& rng, int resamples,
                         double level) {
  require_values("block bootstrap", series, 2);
  require_resampling("block bootstrap", resamples, level);
  const std::size_t n = series.size();
  if (block < 1 || static_cast<std::size_t>(block) > n)
    fail("block bootstrap", text("blocks of ", block, " of ", n, " values"), text("1 to ", n));
  const auto length = static_cast<std::size_t>(block);
  Series wrapped = Series::from_shape({n + length});  // braces alone would hold the number
  for (std::size_t i = 0; i < n + length; ++i) wrapped(i) = series[i % n];
  std::vector<double> results;
  for (int r = 0; r < resamples; ++r) {
    const Rng row = rng.at(static_cast<std::uint64_t>(r));
    Series sample = Series::from_shape({n});
    for (std::size_t b = 0; b * length < n; ++b) {
      const std::size_t begin = b * length, end = std::min(begin + length, n), first = drawn(row, n, b);
      xt::view(sample, xt::range(begin, end)) = xt::view(wrapped, xt::range(first, first + end - begin));
    }
    results.push_back(xt::sum(sample)() / static_cast<double>(n));
  }
  std::ranges::sort(results);
  return {.estimate = mean_of(series),
          .low = quantile(results, (1 - level) / 2),
          .high = quantile(results, (1 + level) / 2)};
}

Equivalence tost(std::span<const double> differences, double margin) {
  require_values("equivalence", differences, 2);
  if (!(margin > 0)) fail("equivalence", text("a margin of ", margin), "a positive number");
  const double n = static_cast<double>(differences.size()), mean = mean_of(differences);
  const double error = error_of_mean(differences, mean);
  if (error == 0)
    return {.p = std::abs(mean) < margin ? 0.0 : 1.0,
            .interval = {mean, mean, mean},
            .equivalent = std::abs(mean) < margin};
  const boost::math::students_t t(n - 1);
  const double low = boost::math::cdf(boost::math::complement(t, (mean + margin) / error));
  const double high = boost::math::cdf(t, (mean - margin) / error);
  const double half = boost::math::quantile(t, 0.95) * error, p = std::max(low, high);
  return {.p = p, .interval = {mean, mean - half, mean + half}, .equivalent = p < 0.05};
}

Trend page_trend(const std::vector<std::vector<double>>& rows) {
  if (rows.empty() || rows[0].size() < 2) fail("trend", text(rows.size(), " rows"), "rows of at least two levels");
  const std::size_t levels = rows[0].size();
  for (const std::vector<double>& row : rows) {
    if (row.size() != levels)
      fail("trend", text("rows of ", levels, " and ", row.size(), " values"), "rows of one length");
    require_values("trend", row, 2);
  }
  const double n = static_cast<double>(rows.size()), k = static_cast<double>(levels);
  int l = 0;
  std::map<int, double> total{{0, 1.0}};
  for (const std::vector<double>& row : rows) {
    const std::vector<int> ranks = doubled_ranks(row);
    l += doubled_l(ranks);
    if (levels > 8) continue;
    std::map<int, double> next;
    for (const auto& [value, share] : distribution_of(ranks))
      for (const auto& [sum, before] : total) next[sum + value] += share * before;
    total = std::move(next);
  }
  const double z = (l / 2.0 - n * k * (k + 1) * (k + 1) / 4) / std::sqrt(n * k * k * (k + 1) * (k + 1) * (k - 1) / 144);
  double p = 1 - normal_cdf(z);
  if (levels <= 8) {
    p = 0;
    for (auto it = total.lower_bound(l); it != total.end(); ++it) p += it->second;
  }
  return {.l = l / 2.0, .z = z, .p = std::min(1.0, p)};
}

std::vector<double> holm(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<double> adjusted(p.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(p.size() - i) * p[order[i]]));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

double auroc(std::span<const double> positive, std::span<const double> negative) {
  require_values("auroc", positive, 1);
  require_values("auroc", negative, 1);
  std::vector<double> sorted(negative.begin(), negative.end());
  std::ranges::sort(sorted);
  double won = 0;
  for (const double score : positive) {
    const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), score);
    won += static_cast<double>((low - sorted.begin()) + (high - sorted.begin())) / 2;
  }
  return won / static_cast<double>(positive.size()) / static_cast<double>(negative.size());
}

LineFit line(std::span<const double> x, std::span<const double> y) {
  require_values("line", x, 2);
  require_values("line", y, 2);
  if (x.size() != y.size()) fail("line", text(x.size(), " and ", y.size(), " values"), "lists of one length");
  const double n = static_cast<double>(x.size()), mx = mean_of(x), my = mean_of(y);
  const Series dx = series_of(x) - mx, dy = series_of(y) - my;
  const double xx = xt::sum(dx * dx)(), xy = xt::sum(dx * dy)(), yy = xt::sum(dy * dy)();
  if (xx == 0) fail("line", text("x = ", mx, " everywhere"), "at least two places");
  const double slope = xy / xx, rest = std::max(0.0, yy - slope * xy);
  return {.intercept = my - slope * mx,
          .slope = slope,
          .slope_error = n > 2 ? std::sqrt(rest / (n - 2) / xx) : 0,
          .r2 = yy > 0 ? 1 - rest / yy : 1};
}

Interval slope_interval(const LineFit& fit, std::size_t points, double level) {
  if (points < 3) fail("interval of a slope", text(points, " points"), "at least 3");
  require_level("interval of a slope", level);
  const boost::math::students_t t(static_cast<double>(points - 2));
  const double half = boost::math::quantile(t, (1 + level) / 2) * fit.slope_error;
  return {fit.slope, fit.slope - half, fit.slope + half};
}

}  // namespace ebb
