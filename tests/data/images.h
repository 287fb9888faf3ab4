/// \file
/// Small data sets of images, and what tests of augmentation ask of them.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "data/loader.h"
#include "tests/support/tensors.h"

namespace ebb::test {

// n images whose pixel at (row, column, channel) is value(image, row, column, channel); image i has the label i %
// classes.
inline TensorDataset images(
    std::int64_t n, const Shape& shape, std::int64_t classes,
    const std::function<double(std::int64_t, std::int64_t, std::int64_t, std::int64_t)>& value) {
  Tensor pixels(shape.insert(0, n));
  Tensor labels({n}, DType::i64);
  float* out = pixels.mutable_data<float>();
  for (std::int64_t i = 0; i < n; ++i) {
    labels.mutable_data<std::int64_t>()[i] = i % classes;
    for (std::int64_t y = 0; y < shape[0]; ++y)
      for (std::int64_t x = 0; x < shape[1]; ++x)
        for (std::int64_t c = 0; c < shape[2]; ++c) *out++ = static_cast<float>(value(i, y, x, c));
  }
  return TensorDataset(pixels, labels, classes);
}

// Different at each place, and never zero.
inline double distinct(std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t c) {
  return static_cast<double>(1 + c + 4 * (x + 16 * (y + 16 * i)));
}

// All samples in order.
inline Batch augmented(const TensorDataset& set, const Augmentation& augment, std::int64_t epoch = 0,
                       std::uint64_t seed = 1) {
  return Loader(set, {.batch = set.size(), .seed = seed, .shuffle = false, .augment = augment}).epoch(epoch)[0];
}

inline Tensor one(const Tensor& batch, std::int64_t i) {
  const std::int64_t length = batch.size() / batch.dim(0);
  return Tensor::from(
      batch.span<float>().subspan(static_cast<std::size_t>(i * length), static_cast<std::size_t>(length)),
      batch.shape().without(0));
}

// Chi-squared of counts that should be equal, in standard deviations from what is expected of it.
inline double surprise(const std::vector<int>& counts) {
  double sum = 0, squares = 0;
  for (const int count : counts) sum += count;
  const double mean = sum / static_cast<double>(counts.size());
  for (const int count : counts) squares += (count - mean) * (count - mean) / mean;
  const double freedom = static_cast<double>(counts.size()) - 1;
  return (squares - freedom) / std::sqrt(2 * freedom);
}

}  // namespace ebb::test
