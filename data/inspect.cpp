#include "data/inspect.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

// The pixels of an image as a key; std::unordered_map compares all bytes of those with equal hashes.
std::string_view pixels_of(const ImageDataset& set, std::int64_t image) {
  const auto length = static_cast<std::size_t>(set.sample_shape().size());
  return {reinterpret_cast<const char*>(set.pixels().data<std::uint8_t>()) + static_cast<std::size_t>(image) * length,
          length};
}

}  // namespace

ImageSummary summarize(const ImageDataset& set) {
  ImageSummary out{.images = set.size(),
                   .class_counts = std::vector<std::int64_t>(static_cast<std::size_t>(set.classes())),
                   .statistics = fit_statistics(set.pixels())};
  for (std::int64_t i = 0; i < set.size(); ++i) ++out.class_counts[static_cast<std::size_t>(set.label(i))];
  return out;
}

std::vector<EqualImages> equal_images(const ImageDataset& first, const ImageDataset& second) {
  if (first.sample_shape() != second.sample_shape())
    fail("equal_images", text("images ", first.sample_shape(), " and ", second.sample_shape()), "equal shapes");
  std::unordered_map<std::string_view, std::int64_t> known;
  known.reserve(static_cast<std::size_t>(first.size()));
  for (std::int64_t i = 0; i < first.size(); ++i) known.try_emplace(pixels_of(first, i), i);
  std::vector<EqualImages> out;
  for (std::int64_t i = 0; i < second.size(); ++i)
    if (const auto found = known.find(pixels_of(second, i)); found != known.end()) out.push_back({found->second, i});
  return out;
}

std::vector<EqualImages> repeated_images(const ImageDataset& set) {
  std::vector<EqualImages> out = equal_images(set, set);
  std::erase_if(out, [](const EqualImages& pair) { return pair.first == pair.second; });
  return out;
}

}  // namespace ebb
