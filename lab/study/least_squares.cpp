#include "lab/study/least_squares.h"

#include <Eigen/LU>

namespace ebb::toys {

std::vector<double> solve(const std::vector<double>& a, const std::vector<double>& b) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Vector = Eigen::VectorXd;
  const auto n = static_cast<Eigen::Index>(b.size());
  const Eigen::Map<const Matrix> matrix(a.data(), n, n);
  const Vector x = matrix.partialPivLu().solve(Eigen::Map<const Vector>(b.data(), n));
  return {x.begin(), x.end()};
}

}  // namespace ebb::toys
