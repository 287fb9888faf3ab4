#include "data/pictures/exif.h"

#include <cstdint>

namespace ebb::detail {

int exif_orientation(std::span<const std::byte> tiff) {
  constexpr std::size_t header = 8, entry_size = 12, most_entries = 1000;
  if (tiff.size() < header || tiff[0] != tiff[1]) return 1;
  const bool little = tiff[0] == std::byte{'I'};
  if (!little && tiff[0] != std::byte{'M'}) return 1;
  // Places are looked at before they are read: at + count <= size, without overflow.
  const auto fits = [&](std::size_t at, std::size_t count) { return at <= tiff.size() && count <= tiff.size() - at; };
  const auto number = [&](std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
      value = value << 8 | static_cast<std::uint32_t>(tiff[at + (little ? count - 1 - i : i)]);
    return value;
  };
  if (number(2, 2) != 42) return 1;
  const std::size_t directory = number(4, 4);
  if (!fits(directory, 2)) return 1;
  const std::size_t entries = number(directory, 2);
  for (std::size_t i = 0; i < entries && i < most_entries; ++i) {
    const std::size_t at = directory + 2 + i * entry_size;
    if (!fits(at, entry_size)) return 1;
    constexpr std::uint32_t orientation = 0x0112, type_short = 3;
    if (number(at, 2) != orientation) continue;
    const std::uint32_t value = number(at + 8, 2);
    return number(at + 2, 2) == type_short && number(at + 4, 4) == 1 && value >= 1 && value <= 8
               ? static_cast<int>(value)
               : 1;
  }
  return 1;
}

}  // namespace ebb::detail
