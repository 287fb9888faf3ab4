// Images for finding out what a network does.
#pragma once

#include <array>
#include <cstdint>

#include "framework/compute/basic.h"
#include "framework/tensor/random.h"

namespace ebb::detail {

// Mean and standard deviation of standardised images.
struct ImageKind {
  double mean, deviation;
};

// Ordinary ones, bright, dark, flat, and of much contrast: what a network chooses by how an image looks, beside its
// ops, is another thing for one of them.
inline constexpr std::array<ImageKind, 5> image_kinds{{{0, 1}, {3, 0.5}, {-3, 0.5}, {0.5, 0.02}, {0, 4}}};

// Images [count, ...] of a kind, noise that is a function of `rng`.
inline Tensor trial_images(const Shape& image, std::int64_t count, DType dtype, const Rng& rng,
                           const ImageKind& kind = image_kinds[0]) {
  Tensor out(image.insert(0, count), dtype);
  fill_normal(out, rng, kind.mean, kind.deviation);
  return out;
}

}  // namespace ebb::detail
