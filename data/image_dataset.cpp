#include "data/image_dataset.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "framework/tensor/error.h"

namespace ebb {

ImageDataset::ImageDataset(Tensor pixels, Tensor labels, std::vector<std::string> class_names,
                           PixelStatistics statistics)
    : pixels_(std::move(pixels)), labels_(std::move(labels)), class_names_(std::move(class_names)) {
  require_defined("images", "pixels", pixels_);
  require_defined("images", "labels", labels_);
  if (pixels_.dtype() != DType::u8 || pixels_.rank() != 4 || labels_.dtype() != DType::u8 || labels_.rank() != 1)
    fail("images",
         text("pixels ", pixels_.shape(), " of ", pixels_.dtype(), " and labels ", labels_.shape(), " of ",
              labels_.dtype()),
         "pixels [n, height, width, channels] and labels [n], both u8");
  if (labels_.size() != pixels_.dim(0) || labels_.size() == 0)
    fail("images", text(pixels_.dim(0), " images and ", labels_.size(), " labels"), "as many of both, at least one");
  const auto all = labels_.span<std::uint8_t>();
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i] >= class_names_.size())
      fail("images", text("label ", int{all[i]}, " of image ", i), text("a label below ", class_names_.size()),
           "the label file is damaged or belongs to another set");
  set_statistics(std::move(statistics));
}

void ImageDataset::set_statistics(PixelStatistics statistics) {
  const auto channels = static_cast<std::size_t>(pixels_.dim(3));
  if (statistics.mean.size() != channels || statistics.deviation.size() != channels)
    fail("images", text(statistics.mean.size(), " means and ", statistics.deviation.size(), " deviations"),
         text(channels, " of each, one for each channel"));
  for (std::size_t c = 0; c < channels; ++c)
    if (!std::isfinite(statistics.mean[c]) || !std::isfinite(statistics.deviation[c]) || statistics.deviation[c] <= 0)
      fail("images", text("mean ", statistics.mean[c], " and deviation ", statistics.deviation[c], " of channel ", c),
           "finite numbers, the deviation above 0");
  table_.resize(channels);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t byte = 0; byte < 256; ++byte)
      table_[c][byte] =
          static_cast<float>((static_cast<double>(byte) / 255 - statistics.mean[c]) / statistics.deviation[c]);
  statistics_ = std::move(statistics);
}

void ImageDataset::read(std::span<const std::int64_t> indices, std::span<float> samples,
                        std::span<std::int64_t> labels) const {
  require_readable(indices, samples, labels);
  const std::size_t channels = table_.size();
  const auto length = static_cast<std::size_t>(pixels_.size() / labels_.size());
  const std::uint8_t* const bytes = pixels_.data<std::uint8_t>();
  const std::uint8_t* const classes = labels_.data<std::uint8_t>();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto index = static_cast<std::size_t>(indices[i]);
    const std::uint8_t* const from = bytes + index * length;
    float* const to = samples.data() + i * length;
    if (channels == 1) {
      const float* const value = table_[0].data();
      for (std::size_t p = 0; p < length; ++p) to[p] = value[from[p]];
    } else {
      for (std::size_t p = 0; p < length; p += channels)
        for (std::size_t c = 0; c < channels; ++c) to[p + c] = table_[c][from[p + c]];
    }
    labels[i] = classes[index];
  }
}

std::string ImageDataset::class_name(std::int64_t label) const {
  if (label < 0 || label >= classes()) fail("images", text("class ", label), text("0 to ", classes() - 1));
  return class_names_[static_cast<std::size_t>(label)];
}

PixelStatistics fit_statistics(const Tensor& pixels) {
  require_defined("fit_statistics", "pixels", pixels);
  if (pixels.dtype() != DType::u8 || pixels.rank() != 4 || pixels.size() == 0)
    fail("fit_statistics", text(pixels.shape(), " of ", pixels.dtype()), "u8 [n, height, width, channels], not empty");
  // Sums of bytes and of their squares are integers below 2^63 for up to 10^14 pixels: no rounding until the end.
  const auto channels = static_cast<std::size_t>(pixels.dim(3));
  std::vector<std::array<std::int64_t, 256>> counts(channels);
  const auto bytes = pixels.span<std::uint8_t>();
  for (std::size_t i = 0; i < bytes.size(); i += channels)
    for (std::size_t c = 0; c < channels; ++c) ++counts[c][bytes[i + c]];
  PixelStatistics out{.mean = std::vector<double>(channels), .deviation = std::vector<double>(channels)};
  const double count = static_cast<double>(bytes.size() / channels);
  for (std::size_t c = 0; c < channels; ++c) {
    std::int64_t sum = 0;
    std::int64_t squares = 0;
    for (std::int64_t byte = 0; byte < 256; ++byte) {
      sum += byte * counts[c][static_cast<std::size_t>(byte)];
      squares += byte * byte * counts[c][static_cast<std::size_t>(byte)];
    }
    const double mean = static_cast<double>(sum) / count;
    const double variance = std::max(static_cast<double>(squares) / count - mean * mean, 0.0);
    if (std::ranges::count_if(counts[c], [](std::int64_t n) { return n > 0; }) < 2)
      fail("fit_statistics", text("channel ", c, " where all pixels are equal"), "pixels that differ");
    out.mean[c] = mean / 255;
    out.deviation[c] = std::sqrt(variance) / 255;
  }
  return out;
}

}  // namespace ebb
