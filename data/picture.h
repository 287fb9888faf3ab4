/// \file
/// Pictures as people have them: PNG and JPEG become bytes `[height, width, channels]`.
#pragma once

#include <array>
#include <cstdint>

#include "framework/io/byte_source.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// How a picture is read.
struct PictureOptions {
  std::array<std::uint8_t, 3> background{255, 255, 255};  ///< Red, green, blue behind what is transparent.
  std::int64_t most_pixels = std::int64_t{1} << 24;       ///< Width times height; larger ones are refused.
};

/// Sides of a picture are at most as long, whatever the options.
constexpr std::int64_t longest_picture_side = 4096;

/// Reads a picture whole, as it is meant to be seen: transparent pixels are laid on the background, and the EXIF
/// orientation of cameras is obeyed.
/// - PNG: all kinds and depths, interlaced or not; of 16 bits the upper 8. Checksums are compared.
/// - JPEG: baseline and progressive with 8 bits, grey or colour.
///
/// What the source's name ends in does not matter, nor what stands behind the picture.
/// \returns u8 `[height, width, channels]`: 1 channel where every pixel is grey by the format, else 3 (red, green,
/// blue). The same bytes give the same pixels on any machine.
/// \throws Error naming the source when it is another format (which is named), damaged, cut off, larger than 32 MiB,
/// or has more pixels than allowed.
Tensor read_picture(ByteSource& source, const PictureOptions& options = {});

/// The picture with another number of channels: grey from colour is 0.299 red + 0.587 green + 0.114 blue (ITU-R
/// BT.601, in 16 bits fixed point), colour from grey repeats the channel.
/// \param picture u8 `[height, width, 1 or 3]`, which is given back where it has these channels.
/// \param channels 1 or 3.
/// \throws Error when they are others.
Tensor with_channels(const Tensor& picture, std::int64_t channels);

}  // namespace ebb
