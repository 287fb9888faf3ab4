/// \file
/// Folders of pictures and packed sets as the data of a recipe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/image_dataset.h"
#include "data/picture_set.h"
#include "lab/recipe/recipe.h"

namespace ebb {

/// What recipes call a folder of pictures: `data = "folder"`, `data_dir = DIR`.
inline constexpr const char* folder_name = "folder";

/// What is to be known of pictures that were read.
struct PictureFacts {
  PictureSize size;                       ///< Their size.
  Fit fit = Fit::crop;                    ///< How they got it.
  std::string note = {};                  ///< Where that comes from, and the test set; lines for people.
  std::vector<SkippedPicture> skipped{};  ///< What could not be read and was left out.
};

/// Both splits, standardised as picture_statistics() says.
struct PictureData {
  ImageDataset train;  ///< To learn from.
  ImageDataset test;   ///< For evaluations.
  PictureFacts facts;  ///< See there.
};

/// Whether the data of a recipe are a folder or a packed set.
bool is_picture_data(const Recipe& recipe);

/// Called while a folder is read: see PictureSetOptions::progress.
using PictureProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// How pictures of a recipe get another size, as the end of a message.
std::string size_remedy(const Recipe& recipe, const PictureSize& size);

/// Reads them. A packed set whose path is relative lies in `data_dir`, where the recipe names one.
/// \throws Error as find_pictures(), read_pictures() and load_packed_set() do; for a recipe that names no folder, or a
///     share of the test set for a folder that has one; and for a packed set of another size or fit than it asks for.
PictureData read_picture_data(const Recipe& recipe, const PictureProgress& progress = {});

/// Names the classes that have no picture for evaluations; empty where all have.
std::string lacking_note(const PictureSet& set);

/// The lines of a file that lists what was left out; empty for nothing.
std::string skipped_list(const std::vector<SkippedPicture>& skipped);

}  // namespace ebb
