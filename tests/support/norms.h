/// \file
/// Normalisation from its definition, for tests of batch, layer and group normalisation.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb::test {

/// Results of reference_norm().
struct Reference {
  std::vector<double> y, dx, dscale, dshift;

  static Tensor tensor(const std::vector<double>& v, const Tensor& like) {
    return Tensor::from(std::span<const double>(v), like.shape());
  }
  Tensor y_like(const Tensor& x) const { return tensor(y, x); }
  Tensor dx_like(const Tensor& x) const { return tensor(dx, x); }
  Tensor dscale_like(const Tensor& scale) const { return tensor(dscale, scale); }
  Tensor dshift_like(const Tensor& scale) const { return tensor(dshift, scale); }
};

/// The set of values that each value is normalised with: one set for each channel (last axis).
inline std::vector<std::size_t> channel_sets(std::int64_t size, std::int64_t channels) {
  std::vector<std::size_t> sets(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < sets.size(); ++i) sets[i] = i % static_cast<std::size_t>(channels);
  return sets;
}

/// One set for each row of n values.
inline std::vector<std::size_t> row_sets(std::int64_t size, std::int64_t n) {
  std::vector<std::size_t> sets(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < sets.size(); ++i) sets[i] = i / static_cast<std::size_t>(n);
  return sets;
}

/// One set for each image (of image_size values) and group of channels.
inline std::vector<std::size_t> group_sets(std::int64_t size, std::int64_t image_size, std::int64_t channels,
                                           std::int64_t groups) {
  std::vector<std::size_t> sets(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    sets[i] = static_cast<std::size_t>(at / image_size * groups + at % channels / (channels / groups));
  }
  return sets;
}

/// y = scale (x - mean) / sqrt(variance + eps) + shift over the sets, perhaps with a relu, and its gradients for dy.
inline Reference reference_norm(const std::vector<double>& x, const std::vector<double>& scale,
                                const std::vector<double>& shift, const std::vector<double>& dy, std::int64_t channels,
                                const std::vector<std::size_t>& sets, long double eps, bool relu) {
  std::size_t count = 0;
  for (const std::size_t set : sets) count = std::max(count, set + 1);
  std::vector<long double> n(count), mean(count), inverse(count), sum(count), along(count);
  for (std::size_t i = 0; i < x.size(); ++i) {
    n[sets[i]] += 1;
    mean[sets[i]] += x[i];
  }
  for (std::size_t s = 0; s < count; ++s) mean[s] /= n[s];
  for (std::size_t i = 0; i < x.size(); ++i) inverse[sets[i]] += (x[i] - mean[sets[i]]) * (x[i] - mean[sets[i]]);
  for (std::size_t s = 0; s < count; ++s) {
    const long double spread = inverse[s] / n[s] + eps;
    inverse[s] = spread == 0 ? 0 : 1 / std::sqrt(spread);
  }
  const auto width = static_cast<std::size_t>(channels);
  Reference out;
  out.y.resize(x.size());
  out.dx.resize(x.size());
  std::vector<long double> dscale(width), dshift(width), up(x.size()), xhat(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % width, s = sets[i];
    xhat[i] = (x[i] - mean[s]) * inverse[s];
    const long double y = xhat[i] * scale[c] + shift[c];
    const bool open = !relu || y > 0;
    out.y[i] = open ? static_cast<double>(y) : 0.0;
    up[i] = open ? dy[i] : 0.0L;
    dscale[c] += up[i] * xhat[i];
    dshift[c] += up[i];
    sum[s] += up[i] * scale[c];
    along[s] += up[i] * scale[c] * xhat[i];
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t s = sets[i];
    out.dx[i] =
        static_cast<double>(inverse[s] * (up[i] * scale[i % width] - sum[s] / n[s] - xhat[i] * along[s] / n[s]));
  }
  out.dscale.assign(dscale.begin(), dscale.end());
  out.dshift.assign(dshift.begin(), dshift.end());
  return out;
}

}  // namespace ebb::test
