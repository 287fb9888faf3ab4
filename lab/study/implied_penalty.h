/// \file
/// The penalty that a training stands for: what the loss lacks for its resting weights to be a minimum.
#pragma once

#include <cstddef>
#include <vector>

namespace ebb {

/// With alpha_i w_i in place of a penalty's gradient, g_i + alpha_i w_i = 0 says what alpha_i is: that of an L2 penalty
/// is one number, of one that is weighted by some s_i a line through the origin. This is the line of alpha over s by
/// least squares with weights w_i^2, since the error of alpha_i = -g_i / w_i goes with 1 / w_i: the least squares of
/// -g_i on w_i and s_i w_i.
struct ImpliedPenalty {
  double constant = 0;   ///< Of the line at s = 0.
  double slope = 0;      ///< Of the line.
  double explained = 0;  ///< R^2 of the line: 0 where alpha does not depend on s.
  double mean = 0;       ///< Mean of alpha with the same weights.
};

/// \param w weights at rest. \param g gradients of the loss there. \param s what a penalty might be weighted by, such
/// as the root of Adam's second moments.
inline ImpliedPenalty implied_penalty(const std::vector<double>& w, const std::vector<double>& g,
                                      const std::vector<double>& s) {
  double n = 0, sum_s = 0, sum_a = 0;
  for (std::size_t i = 0; i < w.size(); ++i) n += w[i] * w[i], sum_s += w[i] * w[i] * s[i], sum_a -= g[i] * w[i];
  const double mean_s = sum_s / n, mean = sum_a / n;
  double ss = 0, sa = 0, aa = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double by = w[i] * (s[i] - mean_s), off = -g[i] - mean * w[i];
    ss += by * by, sa += by * off, aa += off * off;
  }
  const double slope = sa / ss;
  return {.constant = mean - slope * mean_s, .slope = slope, .explained = sa * sa / (ss * aa), .mean = mean};
}

}  // namespace ebb
