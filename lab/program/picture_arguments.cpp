#include "lab/program/picture_arguments.h"

#include <array>
#include <charconv>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/program/argument_checks.h"

namespace ebb {
namespace {

std::array<std::uint8_t, 3> colour_of(const std::string& given) {
  if (given == "white") return {255, 255, 255};
  if (given == "black") return {0, 0, 0};
  std::uint32_t value = 0;
  const char* const end = given.data() + given.size();
  const auto read = std::from_chars(given.data(), end, value, 16);
  if (given.size() != 6 || read.ec != std::errc() || read.ptr != end)
    fail("--background", in_quotes(given), "white, black, or six digits RRGGBB as ff8000");
  return {static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 8 & 0xFF),
          static_cast<std::uint8_t>(value & 0xFF)};
}

}  // namespace

void PictureArguments::add_to(CLI::App& command) {
  command.add_option("--fit", fit_,
                     "how pictures of another shape get the network's: crop to the middle, pad, stretch [as in its "
                     "training, else crop]");
  command.add_option("--background", background_,
                     "behind transparent pixels: white, black or RRGGBB [white]; --fit pad pads with it");
  command.add_flag("--invert", invert_, "light for dark: for dark digits on white paper");
  command.add_option("--size-limit", most_pixels_, "pixels of a picture at most [16777216]")
      ->check(whole_number(1, 1 << 24));
}

PictureReading PictureArguments::reading() const {
  PictureReading out{.invert = invert_};
  if (!fit_.empty()) out.fit = fit_from(fit_, "--fit");
  out.size.background = out.file.background = colour_of(background_);
  out.file.most_pixels = most_pixels_;
  return out;
}

}  // namespace ebb
