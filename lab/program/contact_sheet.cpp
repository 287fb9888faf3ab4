#include "lab/program/contact_sheet.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "data/loader.h"
#include "data/split.h"
#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/format/canvas.h"

namespace ebb {
namespace {

constexpr std::int64_t cell_side = 96;  // images smaller than this are enlarged
constexpr std::int64_t gap = 2;
constexpr std::int64_t plain_gap = 6;  // more of it behind the plain image
constexpr std::int64_t group_gap = 18;

// Numbers of `count` images of each of the first classes, class by class. A class with fewer repeats them.
Tensor choose(const ImageDataset& set, std::int64_t classes, std::int64_t count, std::uint64_t seed) {
  const Rng rng = Rng(seed).at("contact sheet");
  std::vector<std::vector<std::int64_t>> of_class(static_cast<std::size_t>(set.classes()));
  for (std::int64_t i = 0; i < set.size(); ++i) of_class[static_cast<std::size_t>(set.label(i))].push_back(i);
  std::vector<std::int64_t> out;
  for (std::int64_t label = 0; label < classes; ++label) {
    std::vector<std::int64_t>& all = of_class[static_cast<std::size_t>(label)];
    if (all.empty()) fail("contact_sheet", text("no image of class ", set.class_name(label)), "at least one");
    std::ranges::sort(all, {}, [&rng](std::int64_t i) { return rng.bits(static_cast<std::uint64_t>(i)); });
    for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) out.push_back(all[k % all.size()]);
  }
  return Tensor::from(std::span<const std::int64_t>(out), {static_cast<std::int64_t>(out.size())});
}

// Standardised images back to bytes.
Tensor bytes_of(const Tensor& images, const PixelStatistics& statistics) {
  Tensor out(images.shape(), DType::u8);
  const auto from = images.span<float>();
  const auto to = out.mutable_span<std::uint8_t>();
  const std::size_t channels = statistics.mean.size();
  for (std::size_t i = 0; i < from.size(); ++i) {
    const double value = double{from[i]} * statistics.deviation[i % channels] + statistics.mean[i % channels];
    to[i] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
  }
  return out;
}

}  // namespace

Tensor contact_sheet(const ImageDataset& set, const Augmentation& augment, const ContactSheetOptions& options) {
  if (options.classes < 1 || options.images < 1 || options.images > 20 || options.epochs < 0 || options.epochs > 20)
    fail("contact_sheet",
         text(options.classes, " classes, ", options.images, " images of each, ", options.epochs, " epochs"),
         "at least 1 class, 1 to 20 images, 0 to 20 epochs");
  const std::int64_t rows = std::min(options.classes, set.classes());
  const ImageDataset chosen = select(set, choose(set, rows, options.images, options.seed));
  const std::int64_t all = chosen.size();
  std::vector<Tensor> views{chosen.pixels()};
  const Loader loader(chosen,
                      {.batch = all, .seed = options.seed, .shuffle = false, .augment = augment, .prefetch = 0});
  for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch)
    views.push_back(bytes_of(loader.epoch(epoch)[0].images, chosen.statistics()));

  const std::int64_t height = set.sample_shape()[0], width = set.sample_shape()[1], channels = set.sample_shape()[2];
  const std::int64_t zoom = std::max<std::int64_t>(1, cell_side / std::max(height, width));
  const std::int64_t row_height = height * zoom + gap, cell = width * zoom + gap;
  const std::int64_t behind_plain = options.epochs > 0 ? plain_gap : 0;
  const std::int64_t group = static_cast<std::int64_t>(views.size()) * cell + behind_plain + group_gap;
  Canvas sheet(gap + rows * row_height, gap + options.images * group - group_gap, channels);
  const auto pixels = static_cast<std::size_t>(set.sample_shape().size());
  for (std::int64_t i = 0; i < all; ++i)
    for (std::size_t view = 0; view < views.size(); ++view)
      sheet.paste(
          views[view].span<std::uint8_t>().subspan(static_cast<std::size_t>(i) * pixels, pixels), set.sample_shape(),
          gap + i / options.images * row_height,
          gap + i % options.images * group + static_cast<std::int64_t>(view) * cell + (view > 0 ? behind_plain : 0),
          zoom);
  return sheet.pixels();
}

}  // namespace ebb
