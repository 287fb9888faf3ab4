/// \file
/// Matrix products and convolutions as plain loops in double: what the kernels are compared with.
#pragma once

#include <algorithm>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/compute/convolution.h"
#include "tests/support/tensors.h"

namespace ebb::test {

/// op(a) op(b) plus bias (where defined) in f64; flags transpose.
inline Tensor naive_matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias) {
  const std::int64_t m = a.dim(transpose_a ? 1 : 0), k = a.dim(transpose_a ? 0 : 1), n = b.dim(transpose_b ? 0 : 1);
  const std::vector<double> left = values(a), right = values(b);
  const std::vector<double> start = bias.defined() ? values(bias) : std::vector<double>(static_cast<std::size_t>(n));
  Tensor c({m, n}, DType::f64);
  double* const out = c.mutable_data<double>();
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = start[static_cast<std::size_t>(j)];
      for (std::int64_t p = 0; p < k; ++p)
        sum += left[static_cast<std::size_t>(transpose_a ? p * m + i : i * k + p)] *
               right[static_cast<std::size_t>(transpose_b ? j * k + p : p * n + j)];
      out[i * n + j] = sum;
    }
  }
  return c;
}

/// What the three passes of a convolution give, in f64.
struct NaiveConvolution {
  Tensor y, dx, dw;
};

/// All three passes over x, w, dy; y starts at `bias` `[out]` and dx at `dx_bias` `[in]` where they are defined.
inline NaiveConvolution naive_convolution(const Tensor& x, const Tensor& w, const Tensor& dy, const Tensor& bias,
                                          const Tensor& dx_bias, const ConvolutionShape& s) {
  NaiveConvolution r{Tensor::zeros(s.output_shape(), DType::f64), Tensor::zeros(s.input_shape(), DType::f64),
                     Tensor::zeros(s.weight_shape(), DType::f64)};
  const std::vector<double> from = values(x), weight = values(w), up = values(dy);
  const auto start = [](Tensor& t, const Tensor& value) {
    if (!value.defined()) return;
    const std::vector<double> row = values(value);
    const auto to = t.mutable_span<double>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = row[i % row.size()];
  };
  start(r.y, bias);
  start(r.dx, dx_bias);
  double* const y = r.y.mutable_data<double>();
  double* const dx = r.dx.mutable_data<double>();
  double* const dw = r.dw.mutable_data<double>();
  const std::int64_t in = s.in / s.groups, out = s.out / s.groups;
  const std::int64_t pixels = s.images * s.output[0] * s.output[1];
  const std::int64_t taps = s.kernel[0] * s.kernel[1];
  for (std::int64_t p = 0; p < pixels; ++p) {
    const std::int64_t n = p / (s.output[0] * s.output[1]);
    for (std::int64_t t = 0; t < taps; ++t) {
      const std::int64_t row =
          p / s.output[1] % s.output[0] * s.stride[0] + t / s.kernel[1] * s.dilation[0] - s.padding[0];
      const std::int64_t column = p % s.output[1] * s.stride[1] + t % s.kernel[1] * s.dilation[1] - s.padding[1];
      if (row < 0 || column < 0 || row >= s.input[0] || column >= s.input[1]) continue;
      const std::int64_t pixel = (n * s.input[0] + row) * s.input[1] + column;
      for (std::int64_t k = 0; k < s.out; ++k) {
        for (std::int64_t c = 0; c < in; ++c) {
          const std::int64_t xi = pixel * s.in + k / out * in + c;
          const std::int64_t wi = s.weight_out_first ? (t * s.out + k) * in + c : (t * in + c) * s.out + k;
          const std::int64_t yi = p * s.out + k;
          y[yi] += from[static_cast<std::size_t>(xi)] * weight[static_cast<std::size_t>(wi)];
          dx[xi] += up[static_cast<std::size_t>(yi)] * weight[static_cast<std::size_t>(wi)];
          dw[wi] += from[static_cast<std::size_t>(xi)] * up[static_cast<std::size_t>(yi)];
        }
      }
    }
  }
  return r;
}

/// The tolerance for a sum of `terms` products: 8 eps sqrt(terms), relative to the largest result.
inline double product_tolerance(DType dtype, std::int64_t terms) {
  const double eps = dtype == DType::f32 ? 0x1p-23 : 0x1p-52;
  return 8 * eps * std::sqrt(static_cast<double>(std::max<std::int64_t>(1, terms)));
}

}  // namespace ebb::test
