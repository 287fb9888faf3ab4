// Folders of small PNG files, made by hand.
#pragma once

#include <filesystem>
#include <string>

#include "framework/tensor/random.h"
#include "tests/data/png_files.h"
#include "tests/support/temporary_directory.h"

namespace ebb::test {

// A PNG of random bytes, all of them functions of `seed`. \param colour 0: grey, 2: red, green, blue.
inline Bytes random_png(std::uint64_t seed, std::uint32_t height, std::uint32_t width, int colour = 0) {
  Bytes rows;
  for (std::uint64_t y = 0; y < height; ++y) {
    rows.push_back(std::byte{0});
    for (std::uint64_t x = 0; x < width * (colour == 2 ? 3U : 1U); ++x)
      rows.push_back(static_cast<std::byte>(Rng(seed).below(256, 1000 * y + x)));
  }
  return png_file(png_header(width, height, 8, colour), rows);
}

// Writes a file, and the directories that it lies in.
inline void put_below(const std::filesystem::path& path, const Bytes& bytes) {
  std::filesystem::create_directories(path.parent_path());
  put_file(path, bytes);
}
inline void put_below(const std::filesystem::path& path, std::string_view contents) {
  put_below(path, bytes_of(contents));
}

// `count` pictures of each of the classes below `root`, all different.
inline void put_classes(const std::filesystem::path& root, const std::vector<std::string>& classes, int count,
                        std::uint64_t seed = 1, int colour = 0) {
  for (const std::string& name : classes)
    for (int i = 0; i < count; ++i)
      put_below(root / name / (std::to_string(100 + i) + ".png"), random_png(seed++, 8, 8, colour));
}

}  // namespace ebb::test
