/// \file
/// What studies conclude from numbers: pure functions, the same result on every machine that rounds alike.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "framework/tensor/random.h"

namespace ebb {

/// An estimate with a confidence interval.
struct Interval {
  double estimate = 0;  ///< Of all values.
  double low = 0;       ///< Lower end.
  double high = 0;      ///< Upper end.
};

/// A number made of a sample: a mean, a median, a ratio.
using Functional = std::function<double(std::span<const double>)>;

/// The mean. \throws Error for no values.
double mean_of(std::span<const double> values);

/// The mean with its interval by Student's t: exact for normal values however few. \param level of confidence, between
/// 0 and 1. \throws Error for fewer than two values, or a level that is none.
Interval mean_interval(std::span<const double> values, double level = 0.95);

/// The median. \throws Error for no values.
double median_of(std::span<const double> values);

/// Two-sided p of paired differences under sign flips: the share of all sign patterns whose sum is at least as far from
/// 0. Exact up to 20 pairs; beyond by 200,000 patterns drawn from a fixed seed, the observed one among them. The
/// smallest p of n pairs is 2^(1 - n): fewer than six cannot come below 0.05. \throws Error for no values, or values
/// that are not finite.
double sign_flip_p(std::span<const double> differences);

/// The bias-corrected and accelerated bootstrap (Efron 1987), its tails widened as few values need it (Hesterberg 2015,
/// "What teachers should know about the bootstrap").
/// \param level of confidence, between 0 and 1.
/// \throws Error for fewer than two values, resamples below 100, or a level that is none.
Interval bootstrap(std::span<const double> values, const Functional& f, const Rng& rng, int resamples = 10000,
                   double level = 0.95);

/// The mean of a series whose neighbours depend on each other: blocks of `block` values, wrapped round at the end, are
/// drawn whole (circular block bootstrap, Politis & Romano 1992); percentile interval. \param block about two
/// relaxation times of the series; at least 1. \throws Error as bootstrap(), or for a block longer than the series.
Interval block_bootstrap(std::span<const double> series, std::int64_t block, const Rng& rng, int resamples = 10000,
                         double level = 0.95);

/// What tost() found.
struct Equivalence {
  double p = 1;             ///< The larger of the p of both one-sided t-tests.
  Interval interval = {};   ///< Of the mean, 90 %.
  bool equivalent = false;  ///< Whether p < 0.05, which is: the interval lies within the margin.
};

/// Two one-sided paired t-tests for a mean within +-margin (Schuirmann 1987).
/// \throws Error for fewer than two values or a margin that is not positive.
Equivalence tost(std::span<const double> differences, double margin);

/// What page_trend() found.
struct Trend {
  double l = 0;  ///< Page's L: the sum over levels of level number times sum of ranks.
  double z = 0;  ///< L in standard deviations from its mean.
  double p = 1;  ///< One-sided, for values that rise with the level.
};

/// Page's test (1963) for a trend over ordered levels; ties get mean ranks. Exact up to eight levels, by the
/// distribution of L over all orders within each row; beyond by the normal distribution. \param rows one for each pair:
/// its values at the levels, in their order. \throws Error for no rows, or rows of different or fewer than two values.
Trend page_trend(const std::vector<std::vector<double>>& rows);

/// Holm's adjusted p values (1979), in the order given.
std::vector<double> holm(std::span<const double> p);

/// The area under the receiver operating characteristic: how often a score of `positive` is above one of `negative`,
/// ties by half (Hanley & McNeil 1982). 0.5 for scores that say nothing; no strictly rising function of the scores
/// changes it.
/// \throws Error where one of both has no values, or values that are not finite.
double auroc(std::span<const double> positive, std::span<const double> negative);

/// A straight line through points, by least squares.
struct LineFit {
  double intercept = 0;    ///< At x = 0.
  double slope = 0;        ///< Per unit of x.
  double slope_error = 0;  ///< Standard error of the slope; 0 for two points.
  double r2 = 0;           ///< Share of the variance of y that the line explains.
};

/// \throws Error for fewer than two points, lists of different length, or an x that is the same everywhere.
LineFit line(std::span<const double> x, std::span<const double> y);

/// The interval of a slope by Student's t. \param points of the fit, at least three. \throws Error for fewer.
Interval slope_interval(const LineFit& fit, std::size_t points, double level = 0.95);

}  // namespace ebb
