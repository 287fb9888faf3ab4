#include "data/image_dataset.h"

#include <utility>

#include "framework/tensor/error.h"

namespace ebb {

ImageDataset::ImageDataset(Tensor pixels, Tensor labels, std::vector<std::string> class_names,
                           PixelStatistics statistics)
    : pixels_(std::move(pixels)), labels_(std::move(labels)), class_names_(std::move(class_names)) {
  require_defined("images", "pixels", pixels_);
  require_defined("images", "labels", labels_);
  if (pixels_.dtype() != DType::u8 || pixels_.rank() != 4 || labels_.rank() != 1 ||
      (labels_.dtype() != DType::u8 && labels_.dtype() != DType::i32))
    fail("images",
         text("pixels ", pixels_.shape(), " of ", pixels_.dtype(), " and labels ", labels_.shape(), " of ",
              labels_.dtype()),
         "pixels [n, height, width, channels] of u8 and labels [n] of u8 or i32");
  if (labels_.size() != pixels_.dim(0) || labels_.size() == 0)
    fail("images", text(pixels_.dim(0), " images and ", labels_.size(), " labels"), "as many of both, at least one");
  for (std::int64_t i = 0; i < size(); ++i)
    if (label(i) < 0 || label(i) >= classes())
      fail("images", text("label ", label(i), " of image ", i), text("a label below ", classes()),
           "the label file is damaged or belongs to another set");
  set_statistics(std::move(statistics));
}

void ImageDataset::set_statistics(PixelStatistics statistics) {
  table_ = detail::standardised_bytes(statistics, static_cast<std::size_t>(pixels_.dim(3)));
  statistics_ = std::move(statistics);
}

void ImageDataset::read(std::span<const std::int64_t> indices, std::span<float> samples,
                        std::span<std::int64_t> labels) const {
  require_readable(indices, samples, labels);
  const auto length = static_cast<std::size_t>(pixels_.size() / labels_.size());
  const auto bytes = pixels_.span<std::uint8_t>();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto index = static_cast<std::size_t>(indices[i]);
    detail::standardise(bytes.subspan(index * length, length), table_, samples.data() + i * length);
    labels[i] = label(indices[i]);
  }
}

std::string ImageDataset::class_name(std::int64_t label) const {
  if (label < 0 || label >= classes()) fail("images", text("class ", label), text("0 to ", classes() - 1));
  return class_names_[static_cast<std::size_t>(label)];
}

}  // namespace ebb
