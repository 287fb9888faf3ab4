// A data set: crosses and frames somewhere in noise.
#pragma once

#include <string>
#include <utility>

#include <ebb/data/image_dataset.h>
#include <ebb/data/pixel_statistics.h>
#include <ebb/data/split.h>
#include <ebb/framework/tensor/random.h>

namespace user {

inline ebb::ImageDataset shapes(const std::string& /*directory*/, ebb::Split half) {
  constexpr std::int64_t side = 12;
  const bool train = half == ebb::Split::train;
  const std::int64_t images = train ? 400 : 200;
  ebb::Tensor pixels({images, side, side, 1}, ebb::DType::u8), labels({images}, ebb::DType::u8);
  const auto pixel = pixels.mutable_span<std::uint8_t>(), label = labels.mutable_span<std::uint8_t>();
  for (std::size_t i = 0; i < label.size(); ++i) {
    const ebb::Rng rng = ebb::Rng(train ? 1 : 2).at(i);
    for (std::size_t p = 0; p < side * side; ++p)
      pixel[side * side * i + p] = static_cast<std::uint8_t>(rng.below(120, 10 + p));
    label[i] = static_cast<std::uint8_t>(rng.below(2, 0));
    const std::size_t top = rng.below(side - 5, 1), left = rng.below(side - 5, 2);
    for (std::size_t k = 0; k < 25; ++k) {
      const std::size_t row = k / 5, column = k % 5;
      const bool cross = row == 2 || column == 2, frame = row % 4 == 0 || column % 4 == 0;
      if (label[i] == 0 ? cross : frame) pixel[side * side * i + side * (top + row) + left + column] = 255;
    }
  }
  const ebb::PixelStatistics statistics = ebb::fit_statistics(pixels);
  return {std::move(pixels), std::move(labels), {"cross", "frame"}, statistics};
}

}  // namespace user
