// The published data sets by their descriptions.
#pragma once

#include <filesystem>

#include "data/image_dataset.h"
#include "data/published.h"

namespace ebb {

// One split of a set. \param directory where its files are; empty: as for training.
ImageDataset load(const PublishedSet& set, const std::filesystem::path& directory, Split split);

}  // namespace ebb
