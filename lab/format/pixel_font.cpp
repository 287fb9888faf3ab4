#include "lab/format/pixel_font.h"

#include <algorithm>
#include <cctype>

namespace ebb {
namespace {

// An octal digit for each row, the top one first.
struct Glyph {
  char letter;
  std::uint16_t rows;
};

constexpr std::array glyphs{
    Glyph{' ', 000000}, Glyph{'%', 051245}, Glyph{'(', 012221}, Glyph{')', 042224}, Glyph{'+', 002720},
    Glyph{',', 000024}, Glyph{'-', 000700}, Glyph{'.', 000002}, Glyph{'/', 011244}, Glyph{':', 002020},
    Glyph{'=', 007070}, Glyph{'>', 042124}, Glyph{'_', 000007}, Glyph{'0', 075557}, Glyph{'1', 026227},
    Glyph{'2', 071747}, Glyph{'3', 071717}, Glyph{'4', 055711}, Glyph{'5', 074717}, Glyph{'6', 074757},
    Glyph{'7', 071111}, Glyph{'8', 075757}, Glyph{'9', 075717}, Glyph{'A', 025755}, Glyph{'B', 065656},
    Glyph{'C', 034443}, Glyph{'D', 065556}, Glyph{'E', 074647}, Glyph{'F', 074644}, Glyph{'G', 034553},
    Glyph{'H', 055755}, Glyph{'I', 072227}, Glyph{'J', 011152}, Glyph{'K', 055655}, Glyph{'L', 044447},
    Glyph{'M', 057755}, Glyph{'N', 065555}, Glyph{'O', 025552}, Glyph{'P', 065644}, Glyph{'Q', 025563},
    Glyph{'R', 065655}, Glyph{'S', 034216}, Glyph{'T', 072222}, Glyph{'U', 055557}, Glyph{'V', 055552},
    Glyph{'W', 055775}, Glyph{'X', 055255}, Glyph{'Y', 055222}, Glyph{'Z', 071247}};

constexpr std::uint16_t question_mark = 071202;

}  // namespace

std::array<std::uint8_t, letter_height> letter_rows(char letter) {
  const auto capital = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  const auto* const found = std::ranges::find(glyphs, capital, &Glyph::letter);
  const unsigned rows = found == glyphs.end() ? question_mark : found->rows;
  std::array<std::uint8_t, letter_height> out{};
  for (std::size_t row = 0; row < out.size(); ++row)
    out[row] = static_cast<std::uint8_t>(rows >> 3 * (out.size() - 1 - row) & 7);
  return out;
}

}  // namespace ebb
