#include "lab/study/singular_values.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"

namespace ebb {

std::vector<double> singular_values(const Tensor& w) {
  if (w.rank() != 2 || !is_float(w.dtype()))
    fail("singular_values", text("a tensor of shape ", w.shape(), ' ', w.dtype()), "a matrix of f32 or f64 numbers");
  const Tensor wide = cast(w, DType::f64);
  const Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> matrix(
      wide.data<double>(), w.dim(0), w.dim(1));
  const Eigen::VectorXd squares =
      Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(matrix.transpose() * matrix, Eigen::EigenvaluesOnly).eigenvalues();
  std::vector<double> out;
  for (Eigen::Index i = squares.size() - 1; i >= 0; --i) out.push_back(std::sqrt(std::max(squares[i], 0.0)));
  return out;
}

}  // namespace ebb
