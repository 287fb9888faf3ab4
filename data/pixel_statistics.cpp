#include "data/pixel_statistics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr const char* mean_key = "pixel_mean";
constexpr const char* deviation_key = "pixel_deviation";
constexpr std::size_t values = 256;  // of a byte

std::string list_text(const std::vector<double>& numbers) {
  std::string out;
  for (const double number : numbers) out += text(out.empty() ? "" : ",", number);
  return out;
}

std::vector<double> list_from(std::string_view list, const char* key, const std::string& where) {
  std::vector<double> out;
  for (const char *at = list.data(), *const end = at + list.size();; ++at) {
    double number = 0;
    const auto [stop, error] = std::from_chars(at, end, number);
    if (error != std::errc() || !std::isfinite(number) || (stop != end && *stop != ','))
      fail(where, text(key, " \"", list, '"'), "finite numbers with commas between them", "the file is damaged");
    out.push_back(number);
    if (stop == end) return out;
    at = stop;
  }
}

void require_images(const char* who, const Tensor& pixels) {
  require_defined(who, "pixels", pixels);
  if (pixels.dtype() != DType::u8 || pixels.rank() != 4 || pixels.size() == 0)
    fail(who, text(pixels.shape(), " of ", pixels.dtype()), "u8 [n, height, width, channels], not empty");
}

}  // namespace

PixelStatistics fit_statistics(const Tensor& pixels) {
  require_images("fit_statistics", pixels);
  // Sums of bytes and of their squares are integers below 2^63 for up to 10^14 pixels: no rounding until the end.
  const auto channels = static_cast<std::size_t>(pixels.dim(3));
  std::vector<std::array<std::int64_t, values>> counts(channels);
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

std::vector<float> detail::standardised_bytes(const PixelStatistics& statistics, std::size_t channels) {
  if (statistics.mean.size() != channels || statistics.deviation.size() != channels)
    fail("images", text(statistics.mean.size(), " means and ", statistics.deviation.size(), " deviations"),
         text(channels, " of each, one for each channel"));
  std::vector<float> table;
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = statistics.mean[c], deviation = statistics.deviation[c];
    if (!std::isfinite(mean) || !std::isfinite(deviation) || deviation <= 0)
      fail("images", text("mean ", mean, " and deviation ", deviation, " of channel ", c),
           "finite numbers, the deviation above 0");
    for (std::size_t byte = 0; byte < values; ++byte)
      table.push_back(static_cast<float>((static_cast<double>(byte) / 255 - mean) / deviation));
  }
  return table;
}

void detail::standardise(std::span<const std::uint8_t> bytes, const std::vector<float>& table, float* to) {
  const std::size_t channels = table.size() / values;
  const float* const value = table.data();
  if (channels == 1) {
    for (std::size_t p = 0; p < bytes.size(); ++p) to[p] = value[bytes[p]];
    return;
  }
  for (std::size_t p = 0; p < bytes.size(); p += channels)
    for (std::size_t c = 0; c < channels; ++c) to[p + c] = value[c * values + bytes[p + c]];
}

Tensor standardise(const Tensor& pixels, const PixelStatistics& statistics) {
  require_images("standardise", pixels);
  const std::vector<float> table = detail::standardised_bytes(statistics, static_cast<std::size_t>(pixels.dim(3)));
  Tensor out(pixels.shape());
  detail::standardise(pixels.span<std::uint8_t>(), table, out.mutable_data<float>());
  return out;
}

std::map<std::string, std::string> to_metadata(const PixelStatistics& statistics) {
  return {{mean_key, list_text(statistics.mean)}, {deviation_key, list_text(statistics.deviation)}};
}

std::optional<PixelStatistics> statistics_from(const std::map<std::string, std::string>& metadata,
                                               const std::string& where) {
  const auto mean = metadata.find(mean_key), deviation = metadata.find(deviation_key);
  if (mean == metadata.end() && deviation == metadata.end()) return std::nullopt;
  if (mean == metadata.end() || deviation == metadata.end())
    fail(where, text("no entry ", mean == metadata.end() ? mean_key : deviation_key), "both", "the file is damaged");
  PixelStatistics out{list_from(mean->second, mean_key, where), list_from(deviation->second, deviation_key, where)};
  if (out.mean.size() != out.deviation.size() || std::ranges::any_of(out.deviation, [](double d) { return d <= 0; }))
    fail(where, text(mean_key, " \"", mean->second, "\" and ", deviation_key, " \"", deviation->second, '"'),
         "as many numbers in both, deviations above 0", "the file is damaged");
  return out;
}

}  // namespace ebb
