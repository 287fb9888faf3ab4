/// \file
/// Pictures of another size.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb {

/// How a picture of one shape becomes one of another.
enum class Fit : std::uint8_t {
  crop,     ///< Scaled until it covers the target, the middle of it kept.
  pad,      ///< Scaled until it fits into the target, in the middle of a background.
  stretch,  ///< Both sides scaled on their own.
};

/// "crop", "pad", "stretch": the words for them, in their order.
const std::vector<std::string>& fit_names();

/// The word for one of them.
inline const std::string& fit_name(Fit fit) { return fit_names()[static_cast<std::size_t>(fit)]; }

/// The one of this name. \param where the option or entry, for messages. \throws Error for another word.
Fit fit_from(std::string_view name, std::string_view where);

/// What resize() does beside scaling.
struct ResizeOptions {
  Fit fit = Fit::crop;                              ///< For targets of another shape.
  std::array<std::uint8_t, 3> background{0, 0, 0};  ///< Red, green, blue around it, for Fit::pad; of grey the first.
};

/// The picture in another size: bilinear interpolation, whose triangle is widened where it shrinks so that no pixel is
/// left out (Pillow's BILINEAR, torchvision's `antialias=True`). Sides in between are rounded to whole pixels.
/// \param picture u8 `[height, width, 1 or 3]`.
/// \param height of the result, at least 1.
/// \param width of the result, at least 1.
/// \throws Error when the picture is not like that or a side is not 1 to 4096.
Tensor resize(const Tensor& picture, std::int64_t height, std::int64_t width, const ResizeOptions& options = {});

}  // namespace ebb
