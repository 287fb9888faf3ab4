/// \file
/// Data sets of pictures in one file, decoded once: made from a folder, or by anybody who writes safetensors.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "data/picture_set.h"
#include "framework/io/safetensors.h"

namespace ebb {

/// What names of packed sets end in.
constexpr std::string_view packed_set_ending = ".safetensors";

/// The set as tensors, all of u8 but for labels of more than 256 classes, which are i32:
///
///     classes       names, a zero byte behind each
///     train.pixels  [n, height, width, 1 or 3]
///     train.labels  [n]
///     train.names   where each picture comes from, a zero byte behind each
///     train.sha256  [n, 64], of its file, in hexadecimal
///
/// and the same of `test`. The metadata are "ebb.pictures" = "1" and "fit".
TensorFile to_tensors(const PictureSet& set);

/// Reads what to_tensors() makes. Nothing of it is trusted.
/// \param where the file's name for messages.
/// \throws Error for other tensors, dtypes and shapes, pictures of sides above 4096 or of different sizes in the
/// splits, an empty one, less than two classes or more than 10,000, names of classes that are equal, empty, longer
/// than 512 bytes or no line of UTF-8, labels without a class, other numbers of names than pictures, and checksums that
/// are none.
PictureSet picture_set_from(const TensorFile& file, const std::string& where);

/// Writes a file as a whole or not at all.
/// \throws Error as save_safetensors() does.
void save_packed_set(const std::filesystem::path& path, const PictureSet& set, Existing existing = Existing::replace);

/// Reads it.
/// \throws Error naming the file when it is not there, no safetensors, damaged, or not as picture_set_from() wants it.
PictureSet load_packed_set(const std::filesystem::path& path);

}  // namespace ebb
