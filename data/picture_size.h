/// \file
/// The size that pictures are brought to, as people write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ebb {

/// Height and width in pixels.
struct PictureSize {
  std::int64_t height = 0;  ///< Rows.
  std::int64_t width = 0;   ///< Columns.

  bool operator==(const PictureSize&) const = default;  ///< Of both.
};

/// "32x48": height x width.
std::string to_text(const PictureSize& size);

/// What to_text() writes.
/// \param where the option or key, for messages.
/// \throws Error on anything else than two sides of 1 to 4096 pixels.
PictureSize picture_size_from(std::string_view given, std::string_view where);

}  // namespace ebb
