/// \file
/// Figures of studies: what was measured beside what was predicted.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/reports/plot.h"
#include "lab/study/results.h"

namespace ebb {

/// A measured series: every pair as faint dots, the mean of the pairs as dots where there is a
/// prediction, which is dashed, and as a line otherwise.
struct CourseOptions {
  std::string title;                      ///< In the legend.
  std::string measured;                   ///< A measure with steps.
  std::string predicted = {};             ///< Another one; empty: there is no prediction.
  Arm arm = {};                           ///< Of which arm.
  std::string colour = "var(--c0)";       ///< Of all of it, in CSS.
  double step = 1;                        ///< What one step is on the horizontal axis.
  std::function<double(double)> at = {};  ///< Where a step stands on it instead, e.g. its lambda.
  bool dots = false;  ///< The mean is dots without a prediction, too: of several courses in one plot.
};

/// Its curves, for Plot::curves. \throws Error when no trial has the measures.
std::vector<Curve> course(const Results& results, const CourseOptions& options);

/// Numbers over the levels of a factor, each over its number at the first level: every pair as faint dots, their
/// geometric mean as dots, on a logarithmic axis.
/// \param plot title, unit and x. \param measures numbers of each trial, all positive.
/// \param apart by how much of a level the measures stand beside each other, so that dots do not hide dots.
/// \throws Error when no trial has them.
Plot over_first_level(Plot plot, const Results& results, const std::string& factor,
                      const std::vector<std::string>& measures, double apart = 0);

/// Numbers over the levels of a factor that belong together.
struct LevelSeries {
  std::string title;     ///< In the legend.
  std::string measured;  ///< A number of each trial.
  Arm arm = {};          ///< Of the arms that agree with it.
  bool line = false;     ///< Whether a line joins the means.
};

/// Each series with every pair as faint dots and their mean as dots, beside the others by `apart` of a level. Levels
/// without its number are left out.
/// \param plot title, unit and x.
Plot series_over_levels(Plot plot, const Results& results, const std::string& factor,
                        const std::vector<LevelSeries>& series, double apart = 0);

/// As over_first_level(), the numbers themselves with their mean, on a linear axis.
Plot over_levels(Plot plot, const Results& results, const std::string& factor, const std::vector<std::string>& measures,
                 double apart = 0);

/// What one thing adds to another, pair by pair.
struct Contrast {
  std::string name;                 ///< On the horizontal axis.
  std::vector<double> differences;  ///< One for each pair.
};

/// Contrasts side by side with 0 dashed, and the margin of an equivalence on both sides of it where there is one.
/// \param plot title, unit and x.
Plot side_by_side(Plot plot, const std::vector<Contrast>& contrasts, double margin = 0);

/// The plot with what a reader needs to judge it. Where dots of single pairs, faint, stand before their mean, the mean
/// gets the 95 % interval over pairs as its band, as has a geometric mean that of the logarithms; and without a note
/// the plot gets one that says what pale dots, bars and areas are. So a band that a study draws itself has to be such
/// an interval, or the plot a note of its own.
/// \param pairs of the study.
Plot with_intervals(Plot plot, std::size_t pairs);

/// Points of measured against predicted numbers.
struct Scatter {
  std::string title;      ///< In the legend.
  std::string measured;   ///< A number of each trial.
  std::string predicted;  ///< Another one.
  Arm arm = {};           ///< Of the arms that agree with it: a point for each pair and arm.
};

/// A plot with the diagonal, on which all would lie, dashed. Its title ends in the R^2 of the points about the diagonal
/// and the median of |measured / predicted - 1|.
/// \param plot title, unit and x. \throws Error when no trial has the measures.
Plot against_prediction(Plot plot, const Results& results, const std::vector<Scatter>& points);

}  // namespace ebb
