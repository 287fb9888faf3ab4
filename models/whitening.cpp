#include "models/whitening.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

// A square matrix, row by row.
struct Matrix {
  explicit Matrix(std::size_t side) : n(side), numbers(side * side) {}
  double& operator()(std::size_t i, std::size_t j) { return numbers[i * n + j]; }
  double operator()(std::size_t i, std::size_t j) const { return numbers[i * n + j]; }
  std::size_t n;
  std::vector<double> numbers;
};

// The patch at (y, x) of an image, as a filter's weight lies: [side, side, channels].
void read_patch(const float* image, std::int64_t width, std::int64_t channels, std::int64_t side, std::int64_t y,
                std::int64_t x, std::vector<double>& patch) {
  auto to = patch.begin();
  for (std::int64_t i = 0; i < side; ++i) {
    const float* const from = image + ((y + i) * width + x) * channels;
    to = std::copy_n(from, side * channels, to);
  }
}

// Covariance of all patches, summed in their order.
Matrix covariance(const Tensor& images, std::int64_t side) {
  const std::int64_t count = images.dim(0), height = images.dim(1), width = images.dim(2), channels = images.dim(3);
  const auto n = static_cast<std::size_t>(side * side * channels);
  Matrix out(n);
  std::vector<double> sum(n), patch(n);
  for (std::int64_t image = 0; image < count; ++image) {
    const float* const from = images.data<float>() + image * height * width * channels;
    for (std::int64_t y = 0; y + side <= height; ++y) {
      for (std::int64_t x = 0; x + side <= width; ++x) {
        read_patch(from, width, channels, side, y, x, patch);
        for (std::size_t i = 0; i < n; ++i) {
          sum[i] += patch[i];
          for (std::size_t j = 0; j <= i; ++j) out(i, j) += patch[i] * patch[j];
        }
      }
    }
  }
  const double patches = static_cast<double>(count * (height - side + 1) * (width - side + 1));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j)
      out(i, j) = out(j, i) = out(i, j) / patches - sum[i] / patches * (sum[j] / patches);
  return out;
}

// Turns rows and columns p and q of the symmetric `a` so that a(p, q) becomes 0, and columns p and q of `vectors`
// with them. Golub, Van Loan 2013, section 8.5.2.
void rotate(Matrix& a, Matrix& vectors, std::size_t p, std::size_t q) {
  if (a(p, q) == 0) return;
  const double tau = (a(q, q) - a(p, p)) / (2 * a(p, q));
  const double t = std::copysign(1.0, tau) / (std::abs(tau) + std::sqrt(1 + tau * tau));
  const double c = 1 / std::sqrt(1 + t * t), s = t * c;
  const auto turn = [c, s](double& x, double& y) {
    const double before = x;
    x = c * before - s * y;
    y = s * before + c * y;
  };
  for (std::size_t k = 0; k < a.n; ++k) turn(a(k, p), a(k, q));
  for (std::size_t k = 0; k < a.n; ++k) turn(a(p, k), a(q, k));
  for (std::size_t k = 0; k < a.n; ++k) turn(vectors(k, p), vectors(k, q));
}

// Jacobi's method: the eigenvectors of `a` as columns; `a` becomes diagonal with the eigenvalues.
Matrix diagonalise(Matrix& a) {
  Matrix vectors(a.n);
  for (std::size_t i = 0; i < a.n; ++i) vectors(i, i) = 1;
  constexpr int sweeps = 30;  // each squares the error; ten are plenty
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    double off = 0, all = 0;
    for (std::size_t i = 0; i < a.n; ++i)
      for (std::size_t j = 0; j < a.n; ++j) {
        all += a(i, j) * a(i, j);
        if (i != j) off += a(i, j) * a(i, j);
      }
    if (off <= 1e-30 * all) break;
    for (std::size_t p = 0; p < a.n; ++p)
      for (std::size_t q = p + 1; q < a.n; ++q) rotate(a, vectors, p, q);
  }
  return vectors;
}

// The sign of an eigenvector is free: its largest number becomes positive.
double sign_of(const Matrix& vectors, std::size_t column) {
  double largest = 0;
  for (std::size_t i = 0; i < vectors.n; ++i)
    if (std::abs(vectors(i, column)) > std::abs(largest)) largest = vectors(i, column);
  return largest < 0 ? -1 : 1;
}

}  // namespace

Tensor whitening_filters(const Tensor& images, std::int64_t side, double eps) {
  if (images.rank() != 4 || images.dtype() != DType::f32 || images.size() == 0)
    fail("whitening_filters", text("images ", images.shape()), "f32 [n, height, width, channels], at least one");
  if (side < 1 || side > std::min(images.dim(1), images.dim(2)))
    fail("whitening_filters", text("patches of side ", side), text("1 to the side of the images ", images.shape()));
  if (!(eps > 0)) fail("whitening_filters", text("eps = ", eps), "a number above 0");

  Matrix a = covariance(images, side);
  if (!std::ranges::all_of(a.numbers, [](double number) { return std::isfinite(number); }))
    fail("whitening_filters", "a pixel that is not finite", "finite images");
  const Matrix vectors = diagonalise(a);
  std::vector<std::size_t> order(a.n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&a](std::size_t i, std::size_t j) { return a(i, i) > a(j, j); });

  const auto outputs = static_cast<std::int64_t>(2 * a.n);
  Tensor filters({side, side, images.dim(3), outputs}, DType::f32);
  float* const to = filters.mutable_data<float>();
  for (std::size_t k = 0; k < a.n; ++k) {
    const std::size_t column = order[k];
    const double scale = sign_of(vectors, column) / std::sqrt(std::max(a(column, column), 0.0) + eps);
    for (std::size_t i = 0; i < a.n; ++i) {
      const auto number = static_cast<float>(vectors(i, column) * scale);
      to[i * 2 * a.n + k] = number;
      to[i * 2 * a.n + a.n + k] = -number;
    }
  }
  return filters;
}

}  // namespace ebb
