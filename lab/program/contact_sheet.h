// Pictures of a data set's images, plain and as a training sees them.
#pragma once

#include <cstdint>

#include "data/augment.h"
#include "data/image_dataset.h"

namespace ebb {

// What a contact sheet shows.
struct ContactSheetOptions {
  std::int64_t classes = 20;  // Rows: the first classes of the set, at most this many.
  std::int64_t images = 3;    // Of each class, 1 to 20.
  std::int64_t epochs = 3;    // How often each image is shown augmented behind the plain one, 0 to 20.
  std::uint64_t seed = 1;     // Chooses images and augmentation.
};

// A row for each class; in it each image plain and, behind a small gap, as epochs 0, 1, ... show it. Small images are
// enlarged.
// \returns u8 `[height, width, channels]`.
// \throws Error when an option is out of range or the augmentation does not suit the images.
Tensor contact_sheet(const ImageDataset& set, const Augmentation& augment, const ContactSheetOptions& options = {});

}  // namespace ebb
