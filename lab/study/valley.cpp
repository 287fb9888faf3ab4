#include "lab/study/valley.h"

#include <Eigen/QR>
#include <cmath>
#include <numbers>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr Eigen::Index terms = 6;

// Half of the difference of both curvatures.
double half_gap(const BowlFit& fit) { return std::hypot((fit.xx - fit.yy) / 2, fit.xy); }

}  // namespace

double BowlFit::least_curvature() const { return (xx + yy) / 2 - half_gap(*this); }

double BowlFit::greatest_curvature() const { return (xx + yy) / 2 + half_gap(*this); }

double BowlFit::valley_angle() const {
  if (half_gap(*this) == 0) return 0;
  // The angle at which (xx - yy) cos 2a + 2 xy sin 2a is least.
  const double angle = std::atan2(-2 * xy, yy - xx) / 2 * 180 / std::numbers::pi;
  return angle <= -90 ? angle + 180 : angle;
}

BowlFit bowl(std::span<const double> x, std::span<const double> y, std::span<const double> z) {
  if (x.size() != y.size() || x.size() != z.size())
    fail("bowl", text(x.size(), ", ", y.size(), " and ", z.size(), " values"), "lists of one length");
  const auto points = static_cast<Eigen::Index>(x.size());
  if (points < terms) fail("bowl", text(points, " points"), text("at least ", terms));
  Eigen::MatrixXd design(points, terms);
  Eigen::VectorXd values(points);
  for (Eigen::Index i = 0; i < points; ++i) {
    const auto k = static_cast<std::size_t>(i);
    for (const double number : {x[k], y[k], z[k]})
      if (!std::isfinite(number)) fail("bowl", text(number, " at point ", k), "finite numbers");
    design.row(i) << 1, x[k], y[k], x[k] * x[k] / 2, x[k] * y[k], y[k] * y[k] / 2;
    values[i] = z[k];
  }
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(design);
  if (qr.rank() < terms)
    fail("bowl", text("places that fix ", qr.rank(), " of six coefficients"), "a grid 3 wide and high");
  const Eigen::VectorXd c = qr.solve(values);
  const double rest = (values - design * c).squaredNorm();
  const double all = (values.array() - values.mean()).matrix().squaredNorm();
  return {.constant = c[0],
          .x_slope = c[1],
          .y_slope = c[2],
          .xx = c[3],
          .xy = c[4],
          .yy = c[5],
          .r2 = all > 0 ? 1 - rest / all : 1};
}

}  // namespace ebb
