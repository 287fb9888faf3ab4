/// \file
/// A bowl fitted to a map over two settings, and the direction in which it is a valley.
#pragma once

#include <span>

namespace ebb {

/// z = constant + x_slope x + y_slope y + (xx x^2 + 2 xy x y + yy y^2) / 2.
struct BowlFit {
  double constant = 0;  ///< z at the origin.
  double x_slope = 0;   ///< There, along x ...
  double y_slope = 0;   ///< ... and along y.
  double xx = 0;        ///< Second derivative along x.
  double xy = 0;        ///< The cross term: 0 where x and y can be tuned apart.
  double yy = 0;        ///< Second derivative along y.
  double r2 = 0;        ///< Share of the variance of z that the bowl explains.

  double least_curvature() const;     ///< Along the valley; below 0 on a saddle.
  double greatest_curvature() const;  ///< Across it.

  /// Direction of the least curvature, in degrees from the x axis towards the y axis, above -90 and up to 90. -45: what
  /// x gains, y may lose. 0 where the bowl is as steep in all directions.
  double valley_angle() const;
};

/// Least squares. \throws Error for lists of different length, numbers that are not finite, fewer than six points, or
/// places that do not tell six coefficients apart, as of a grid that is two wide.
BowlFit bowl(std::span<const double> x, std::span<const double> y, std::span<const double> z);

}  // namespace ebb
