// Pictures in files, and what tells them apart. Private to data/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "framework/tensor/tensor.h"

namespace ebb::detail {

// A picture as read_picture() gives it, and the SHA-256 of its file.
struct PictureFile {
  Tensor pixels;
  std::string sha256;
};

// Throws an Error naming the file.
PictureFile read_picture_file(const std::filesystem::path& path);

// SHA-256 of size and colours of a picture: grey ones are the same in three channels, so that the kind of file does not
// matter.
std::string pixel_sha256(const Tensor& picture);

// Whether a picture is held out: a function of its pixels and the seed alone.
bool is_held_out(const std::string& pixel_sha256, double share, std::uint64_t seed);

}  // namespace ebb::detail
