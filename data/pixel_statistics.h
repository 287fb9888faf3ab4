/// \file
/// The standardisation of images: by mean and deviation of each channel.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb {

/// Mean and standard deviation of each channel, in units where a pixel is 0 to 1. Standardised pixels are
/// (pixel / 255 - mean) / deviation.
struct PixelStatistics {
  std::vector<double> mean = {0};       ///< One for each channel.
  std::vector<double> deviation = {1};  ///< One for each channel, above 0.

  bool operator==(const PixelStatistics&) const = default;  ///< The same bits.
};

/// Mean and (biased) standard deviation of each channel of u8 `[n, height, width, channels]`, exact up to rounding.
/// \throws Error when a channel is constant.
PixelStatistics fit_statistics(const Tensor& pixels);

/// Bytes u8 `[n, height, width, channels]` as numbers that a model takes, f32 of the same shape: the same bits as
/// ImageDataset::read() gives.
/// \throws Error when pixels are not like that, or statistics do not suit them (see ImageDataset::set_statistics()).
Tensor standardise(const Tensor& pixels, const PixelStatistics& statistics);

/// For the metadata of a file of weights: "pixel_mean" and "pixel_deviation", a number for each channel with commas
/// between them, which read back to the same bits.
std::map<std::string, std::string> to_metadata(const PixelStatistics& statistics);

/// What to_metadata() wrote; nothing where the metadata have neither entry.
/// \param where the file's name for messages.
/// \throws Error on anything else than as many finite numbers in both, deviations above 0.
std::optional<PixelStatistics> statistics_from(const std::map<std::string, std::string>& metadata,
                                               const std::string& where);

namespace detail {

// For each channel the standardised value of each byte: 256 numbers a channel, channel by channel.
std::vector<float> standardised_bytes(const PixelStatistics& statistics, std::size_t channels);

// Writes the standardised values of whole pixels.
void standardise(std::span<const std::uint8_t> bytes, const std::vector<float>& table, float* to);

}  // namespace detail
}  // namespace ebb
