// Letters of a few pixels, for numbers and names in pictures.
#pragma once

#include <array>
#include <cstdint>

namespace ebb {

inline constexpr std::int64_t letter_height = 5;
inline constexpr std::int64_t letter_width = 3;
inline constexpr std::int64_t letter_step = letter_width + 1;  // from one to the next

// The rows of a letter from the top; of a row the left pixel is bit 2. Small letters look like capitals, and what the
// font does not have looks like a question mark.
std::array<std::uint8_t, letter_height> letter_rows(char letter);

}  // namespace ebb
