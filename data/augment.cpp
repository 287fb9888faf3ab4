#include "data/augment.h"

#include <cmath>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

void require_range(const char* option, double value, double low, double high) {
  if (!(value >= low && value <= high))
    fail("augmentation", text(option, " = ", value), text(option, " from ", low, " to ", high));
}

}  // namespace

void require_suitable(const Augmentation& o, const Shape& sample, std::int64_t classes) {
  require_range("label_noise", o.label_noise, 0, 1);
  if (o.label_noise > 0 && classes < 2)
    fail("augmentation", text("label_noise with ", classes, " class"), "at least two classes");
  require_range("brightness", o.brightness, 0, 1000);
  require_range("contrast", o.contrast, 0, 1);
  require_range("saturation", o.saturation, 0, 1);
  require_range("rotate", o.rotate, 0, 180);
  // Beta(1000, 1000) is 0.5 +- 0.01; below 0.001 nearly all draws are exactly 0 or 1.
  if (o.mixup != 0) require_range("mixup", o.mixup, 0.001, 1000);
  if (o.cutmix != 0) require_range("cutmix", o.cutmix, 0.001, 1000);
  require_range("mix_share", o.mix_share, 0, 1);
  const bool spatial = o.flip != Flip::none || o.crop != 0 || o.translate != 0 || o.rotate != 0 || o.saturation != 0 ||
                       o.cutout != 0 || o.cutmix != 0;
  if (!spatial) return;
  if (sample.rank() != 3)
    fail("augmentation", text("samples ", sample, " and an option for images"), "samples [height, width, channels]",
         "leave flip, crop, translate, rotate, saturation, cutout and cutmix off");
  const auto side = static_cast<double>(std::min(sample[0], sample[1]));
  require_range("crop", static_cast<double>(o.crop), 0, side - 1);
  require_range("translate", o.translate, 0, side - 1);
  require_range("cutout", static_cast<double>(o.cutout), 0, 2 * static_cast<double>(std::max(sample[0], sample[1])));
  if (o.saturation != 0 && sample[2] != 3)
    fail("augmentation", text("saturation for images of ", sample[2], " channels"), "three channels");
}

}  // namespace ebb
