/// \file
/// Random changes of training images and labels.
#pragma once

#include <cstdint>

#include "framework/tensor/shape.h"

namespace ebb {

/// What lies outside an image that is shifted or rotated.
enum class Border : std::uint8_t {
  zero,     ///< Zeros: in standardised images the mean colour.
  reflect,  ///< The image mirrored at its outermost pixels, which are not repeated (PyTorch's "reflect").
};

/// Mirroring left to right.
enum class Flip : std::uint8_t {
  none,         ///< Never.
  random,       ///< With probability 1/2, anew in each epoch.
  alternating,  ///< A random half of the images in even epochs, the other half in odd ones (Jordan 2024, "94% on
                ///< CIFAR-10 in 3.29 seconds on a single GPU"): two successive epochs show both sides of each image.
};

/// What a Loader does to the samples it reads; all off by default. Samples are changed as the data set gives them,
/// after its standardisation, so that data sets of one's own need to know nothing of it; lengths are pixels, colours
/// are in units of a standard deviation.
///
/// The members act in their order here. What happens to a sample depends on the loader's seed, the epoch and the
/// sample's number alone: neither on its place in a batch, nor on the batch size, threads or prefetching.
struct Augmentation {
  double label_noise = 0;  ///< Share of samples, 0 to 1, with a wrong label, uniform over the other classes. Depends
                           ///< on seed and sample only: the same in all epochs.
  Flip flip = Flip::none;  ///< Left to right.
  std::int64_t crop = 0;   ///< Pad by this much at each side, then cut the old size out at a random place.
  Border border = Border::zero;  ///< For crop, translate and rotate.
  double translate = 0;          ///< Shift along each axis by up to this much either way, not in whole pixels.
  double rotate = 0;             ///< Turn about the centre by up to this angle either way, in degrees. Both bilinear.
  double brightness = 0;         ///< Add one number of +-brightness to the image.
  double contrast = 0;           ///< Multiply the distance from the image's mean by 1 +- contrast.
  double saturation = 0;    ///< Multiply the distance from the mean of a pixel's three channels by 1 +- saturation.
  std::int64_t cutout = 0;  ///< Zero a square of this side; its centre is uniform over the image, its parts outside
                            ///< are lost (DeVries, Taylor 2017).
  double mixup = 0;         ///< Above 0: l x + (1 - l) x' with l of Beta(mixup, mixup) (Zhang et al. 2017).
  double cutmix = 0;        ///< Above 0: a box of x' in x, of the share 1 - l of the area with l of
                            ///< Beta(cutmix, cutmix), clipped at the border (Yun et al. 2019).
  double mix_share = 1;     ///< Share of samples that are mixed; mixup and cutmix have one half of it each when
                            ///< both are on. x' is any sample of the data set, changed as x is by numbers of its own.
                            ///< Labels become soft: each class gets its share of the mixed image.

  /// True when labels become soft targets.
  bool mixes() const { return mixup > 0 || cutmix > 0; }

  /// Equal options change samples in the same way.
  bool operator==(const Augmentation&) const = default;
};

/// Checks that the options are in range and suit samples of that shape and number of classes.
/// \throws Error naming the option.
void require_suitable(const Augmentation& options, const Shape& sample, std::int64_t classes);

}  // namespace ebb
