#include "data/augment.h"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>
#include <vector>

#include "data/loader.h"
#include "tests/data/images.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::augmented;
using test::distinct;
using test::fails_with;
using test::images;
using test::one;
using test::same_bits;
using test::surprise;

Tensor mirrored(const Tensor& image) {
  Tensor out = image.clone();
  const std::int64_t h = image.dim(0), w = image.dim(1), c = image.dim(2);
  for (std::int64_t y = 0; y < h; ++y)
    for (std::int64_t x = 0; x < w; ++x)
      for (std::int64_t k = 0; k < c; ++k)
        out.mutable_data<float>()[(y * w + x) * c + k] = image.data<float>()[(y * w + w - 1 - x) * c + k];
  return out;
}

// The image moved up and left in whole pixels.
Tensor moved(const Tensor& image, std::int64_t down, std::int64_t right, Border border) {
  Tensor out = Tensor::zeros(image.shape());
  const std::int64_t h = image.dim(0), w = image.dim(1), c = image.dim(2);
  const auto inside = [border](std::int64_t i, std::int64_t n) {
    if (border == Border::reflect && i < 0) return -i;
    if (border == Border::reflect && i >= n) return 2 * n - 2 - i;
    return i;
  };
  for (std::int64_t y = 0; y < h; ++y)
    for (std::int64_t x = 0; x < w; ++x) {
      const std::int64_t fy = inside(y + down, h), fx = inside(x + right, w);
      if (fy < 0 || fy >= h || fx < 0 || fx >= w) continue;
      for (std::int64_t k = 0; k < c; ++k)
        out.mutable_data<float>()[(y * w + x) * c + k] = image.data<float>()[(fy * w + fx) * c + k];
    }
  return out;
}

const Augmentation everything = {.label_noise = 0.3,
                                 .flip = Flip::random,
                                 .crop = 2,
                                 .border = Border::reflect,
                                 .translate = 1,
                                 .rotate = 20,
                                 .brightness = 0.3,
                                 .contrast = 0.3,
                                 .saturation = 0.3,
                                 .cutout = 3,
                                 .mixup = 0.5,
                                 .cutmix = 1,
                                 .mix_share = 0.8};

BOOST_AUTO_TEST_SUITE(augmentation)

// A sample's pixels and label depend on seed, epoch and its number alone.
BOOST_AUTO_TEST_CASE(a_function_of_seed_epoch_and_sample) {
  const TensorDataset set = images(23, {9, 8, 3}, 5, distinct);
  const Batch whole = augmented(set, everything, 4, 7);
  for (const std::int64_t batch : {1, 4, 10, 23}) {
    for (const bool shuffle : {false, true}) {
      const Loader loader(
          set, {.batch = batch, .seed = 7, .shuffle = shuffle, .augment = everything, .prefetch = batch % 3});
      const Epoch epoch = loader.epoch(4);
      std::int64_t place = 0;
      bool equal = true;
      for (const Batch& b : epoch) {
        for (std::int64_t i = 0; i < b.images.dim(0); ++i, ++place) {
          const std::int64_t sample = epoch.order().data<std::int64_t>()[place];
          equal = equal && same_bits(one(b.images, i), one(whole.images, sample)) &&
                  same_bits(one(b.labels, i), one(whole.labels, sample));
        }
      }
      BOOST_TEST(equal);
      BOOST_TEST(place == 23);
    }
  }
  BOOST_TEST(!same_bits(augmented(set, everything, 5, 7).images, whole.images));
  BOOST_TEST(!same_bits(augmented(set, everything, 4, 8).images, whole.images));
}

BOOST_AUTO_TEST_CASE(nothing_by_default) {
  const TensorDataset set = images(3, {4, 5, 2}, 3, distinct);
  BOOST_TEST(same_bits(augmented(set, {}).images, set.samples()));
  BOOST_TEST(same_bits(augmented(set, {.border = Border::reflect}).images, set.samples()));
  BOOST_TEST(same_bits(augmented(set, {}).labels, set.labels()));
}

BOOST_AUTO_TEST_CASE(crops_show_every_place_equally_often) {
  const TensorDataset set = images(3000, {6, 7, 2}, 3, distinct);
  for (const Border border : {Border::zero, Border::reflect}) {
    const Tensor out = augmented(set, {.crop = 2, .border = border}).images;
    std::vector<int> counts(25);
    for (std::int64_t i = 0; i < set.size(); ++i) {
      int found = 0;
      const Tensor image = one(set.samples(), i), seen = one(out, i);
      for (int place = 0; place < 25; ++place) {
        if (!same_bits(seen, moved(image, place / 5 - 2, place % 5 - 2, border))) continue;
        ++found;
        ++counts[static_cast<std::size_t>(place)];
      }
      if (found != 1) BOOST_FAIL("image " << i << " is at " << found << " places");
    }
    BOOST_TEST(std::abs(surprise(counts)) < 5);
  }
}

BOOST_AUTO_TEST_CASE(flips) {
  const TensorDataset set = images(2000, {3, 4, 3}, 3, distinct);
  const auto flipped = [&set](Flip flip, std::int64_t epoch) {
    const Tensor out = augmented(set, {.flip = flip}, epoch).images;
    std::vector<bool> all;
    for (std::int64_t i = 0; i < set.size(); ++i) {
      const Tensor image = one(set.samples(), i), seen = one(out, i);
      all.push_back(same_bits(seen, mirrored(image)));
      if (!all.back() && !same_bits(seen, image)) BOOST_FAIL("neither the image nor its mirror image: " << i);
    }
    return all;
  };
  const auto count = [](const std::vector<bool>& flags) { return std::ranges::count(flags, true); };
  const double spread = 5 * std::sqrt(2000.0) / 2;
  const auto r0 = flipped(Flip::random, 0), r1 = flipped(Flip::random, 1);
  const auto a0 = flipped(Flip::alternating, 0), a1 = flipped(Flip::alternating, 1), a2 = flipped(Flip::alternating, 2);
  for (const auto& flags : {r0, r1, a0}) BOOST_TEST(std::abs(static_cast<double>(count(flags)) - 1000) < spread);
  int changed = 0;
  for (std::size_t i = 0; i < r0.size(); ++i) changed += r0[i] != r1[i] ? 1 : 0;
  BOOST_TEST(std::abs(changed - 1000) < spread);
  BOOST_TEST((a0 == a2));
  bool opposite = true;
  for (std::size_t i = 0; i < a0.size(); ++i) opposite = opposite && a0[i] != a1[i];
  BOOST_TEST(opposite);
}

// A flipped crop is the mirror image of a crop: the same bits as the crop of the mirrored image at the other side.
BOOST_AUTO_TEST_CASE(flip_and_crop_together) {
  const TensorDataset set = images(200, {5, 5, 1}, 3, distinct);
  const Tensor out = augmented(set, {.flip = Flip::random, .crop = 1}).images;
  int flipped = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    int found = 0;
    for (const bool flip : {false, true}) {
      const Tensor image = flip ? mirrored(one(set.samples(), i)) : one(set.samples(), i);
      for (int place = 0; place < 9; ++place) {
        if (!same_bits(one(out, i), moved(image, place / 3 - 1, place % 3 - 1, Border::zero))) continue;
        ++found;
        flipped += flip ? 1 : 0;
      }
    }
    if (found != 1) BOOST_FAIL("image " << i << " is at " << found << " places");
  }
  BOOST_TEST(flipped > 60);
  BOOST_TEST(flipped < 140);
}

// Images that hold their own coordinates: where pixels come from can be read off, and bilinear weights are exact.
BOOST_AUTO_TEST_CASE(turns_and_shifts) {
  constexpr std::int64_t side = 21;
  constexpr double middle = (side - 1) / 2.0;
  const TensorDataset set =
      images(400, {side, side, 2}, 3, [](auto, auto y, auto x, auto c) { return static_cast<double>(c == 0 ? y : x); });
  const Tensor out = augmented(set, {.border = Border::reflect, .translate = 2, .rotate = 30}).images;
  double steepest = 0, farthest = 0, worst = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const float* const image = out.data<float>() + i * side * side * 2;
    const auto at = [image](std::int64_t y, std::int64_t x, int c) { return double{image[(y * side + x) * 2 + c]}; };
    const double angle = std::atan2(at(10, 12, 0) - at(10, 8, 0), at(10, 12, 1) - at(10, 8, 1));
    const double from_y = at(10, 10, 0) - middle, from_x = at(10, 10, 1) - middle;  // -R t
    const double down = -(std::cos(angle) * from_y - std::sin(angle) * from_x);
    const double right = -(std::sin(angle) * from_y + std::cos(angle) * from_x);
    steepest = std::max(steepest, std::abs(angle) * 180 / std::numbers::pi);
    farthest = std::max({farthest, std::abs(down), std::abs(right)});
    for (std::int64_t y = 7; y <= 13; ++y)
      for (std::int64_t x = 7; x <= 13; ++x) {
        const double dy = static_cast<double>(y) - middle, dx = static_cast<double>(x) - middle;
        worst = std::max(worst, std::abs(at(y, x, 0) - middle - from_y - std::cos(angle) * dy - std::sin(angle) * dx));
        worst = std::max(worst, std::abs(at(y, x, 1) - middle - from_x + std::sin(angle) * dy - std::cos(angle) * dx));
      }
  }
  BOOST_TEST(worst < 1e-5);
  BOOST_TEST(steepest < 30.001);
  BOOST_TEST(steepest > 29);
  BOOST_TEST(farthest < 2.001);
  BOOST_TEST(farthest > 1.9);
}

// Shifts alone have a way of their own, which must show what a turn by next to nothing shows.
BOOST_AUTO_TEST_CASE(shifts_are_turns_by_nothing) {
  const TensorDataset set = images(60, {9, 7, 3}, 3, [](auto i, auto y, auto x, auto c) {
    return std::sin(static_cast<double>(97 * i + 31 * y + 7 * x + 3 * c));
  });
  for (const Border border : {Border::zero, Border::reflect})
    for (const double reach : {0.5, 5.0}) {
      const Augmentation shift{.flip = Flip::random, .crop = 2, .border = border, .translate = reach};
      Augmentation turn = shift;
      turn.rotate = 1e-12;
      const Tensor shifted = augmented(set, shift).images;
      BOOST_TEST(test::close(shifted, augmented(set, turn).images, 1e-5));
      BOOST_TEST(!test::close(shifted, set.samples(), 1e-2));
    }
}

BOOST_AUTO_TEST_CASE(borders_of_turned_images) {
  const TensorDataset set = images(50, {9, 9, 1}, 3, [](auto...) { return 1.0; });
  const Tensor reflected = augmented(set, {.border = Border::reflect, .translate = 3, .rotate = 180}).images;
  BOOST_TEST(test::close(reflected, set.samples(), 1e-6));
  const Tensor zeros = augmented(set, {.rotate = 180}).images;
  bool centre = true, corner = false;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    centre = centre && std::abs(zeros.at({i, 4, 4, 0}) - 1) < 1e-6;
    corner = corner || zeros.at({i, 0, 0, 0}) == 0;
  }
  BOOST_TEST(centre);
  BOOST_TEST(corner);
}

BOOST_AUTO_TEST_CASE(colours) {
  const TensorDataset set = images(500, {4, 4, 3}, 3, [](auto i, auto y, auto x, auto c) {
    return std::sin(static_cast<double>(i + 3 * y + 7 * x + 5 * c));
  });
  const auto mean = [](const Tensor& image) { return sum(image) / static_cast<double>(image.size()); };
  const Tensor bright = augmented(set, {.brightness = 0.5}).images;
  const Tensor contrast = augmented(set, {.contrast = 0.4}).images;
  const Tensor colourful = augmented(set, {.saturation = 0.6}).images;
  std::array<double, 3> least{9, 9, 9}, most{-9, -9, -9};
  double worst = 0;
  const auto note = [&](std::size_t kind, double value) {
    least[kind] = std::min(least[kind], value);
    most[kind] = std::max(most[kind], value);
  };
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const Tensor before = one(set.samples(), i);
    const Tensor a = one(bright, i), b = one(contrast, i), d = one(colourful, i);
    const double shift = a.data<float>()[0] - before.data<float>()[0];
    const double centre = mean(before);
    const double factor = (b.data<float>()[0] - centre) / (before.data<float>()[0] - centre);
    const auto grey = [](const float* p) { return (double{p[0]} + double{p[1]} + double{p[2]}) / 3; };
    const double stronger =
        (d.data<float>()[0] - grey(before.data<float>())) / (before.data<float>()[0] - grey(before.data<float>()));
    note(0, shift);
    note(1, factor);
    note(2, stronger);
    for (std::int64_t p = 0; p < before.size(); ++p) {
      const double v = before.data<float>()[p];
      const double g = grey(before.data<float>() + p / 3 * 3);
      worst = std::max(worst, std::abs(a.data<float>()[p] - (v + shift)));
      worst = std::max(worst, std::abs(b.data<float>()[p] - (centre + factor * (v - centre))));
      worst = std::max(worst, std::abs(d.data<float>()[p] - (g + stronger * (v - g))));
    }
  }
  BOOST_TEST(worst < 1e-4);
  const std::array<double, 3> low{-0.5, 0.6, 0.4}, high{0.5, 1.4, 1.6};
  for (std::size_t kind = 0; kind < 3; ++kind) {
    BOOST_TEST(least[kind] > low[kind] - 1e-4);
    BOOST_TEST(least[kind] < low[kind] + 0.02);
    BOOST_TEST(most[kind] < high[kind] + 1e-4);
    BOOST_TEST(most[kind] > high[kind] - 0.02);
  }
}

// Exactly one square, clipped at the border, with a centre that is uniform over the image.
BOOST_AUTO_TEST_CASE(cutout) {
  constexpr std::int64_t h = 8, w = 10, side = 4;
  const TensorDataset set = images(8000, {h, w, 2}, 3, distinct);
  const Tensor out = augmented(set, {.cutout = side}).images;
  std::vector<int> counts(h * w);
  for (std::int64_t i = 0; i < set.size(); ++i) {
    int found = 0;
    for (std::int64_t place = 0; place < h * w; ++place) {
      const std::int64_t top = place / w - side / 2, left = place % w - side / 2;
      bool same = true;
      for (std::int64_t p = 0; p < h * w * 2 && same; ++p) {
        const std::int64_t y = p / 2 / w, x = p / 2 % w;
        const bool cut = y >= top && y < top + side && x >= left && x < left + side;
        const std::int64_t at = i * h * w * 2 + p;
        same = out.data<float>()[at] == (cut ? 0 : set.samples().data<float>()[at]);
      }
      if (!same) continue;
      ++found;
      ++counts[static_cast<std::size_t>(place)];
    }
    if (found != 1) BOOST_FAIL("image " << i << " has " << found << " squares");
  }
  BOOST_TEST(std::abs(surprise(counts)) < 5);
}

// Samples that are no images: what needs no rows and columns works.
BOOST_AUTO_TEST_CASE(rows_of_numbers) {
  const TensorDataset set(Tensor::from({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}, {3, 2}),
                          Tensor::from<std::int64_t>({0, 1, 2}, {3}));
  const Batch batch = augmented(set, {.brightness = 1, .mixup = 1});
  BOOST_TEST(batch.images.shape() == Shape({3, 2}));
  BOOST_TEST(batch.labels.shape() == Shape({3, 3}));
  BOOST_TEST(fails_with({"[2]", "[height, width, channels]"}, [&] { augmented(set, {.flip = Flip::random}); }));
}

// Part of "same seed, same bits": a change must be meant.
BOOST_AUTO_TEST_CASE(numbers_are_pinned) {
  const TensorDataset set =
      images(4, {4, 4, 1}, 4, [](auto i, auto y, auto x, auto) { return double(1 + x + 4 * y + 100 * i); });
  const Tensor out =
      augmented(set, {.flip = Flip::random, .crop = 1, .border = Border::reflect, .cutout = 2}, 2).images;
  std::vector<int> corners;
  for (std::int64_t i = 0; i < 4; ++i)
    for (const std::int64_t p : {0, 3, 5, 10, 12, 15})
      corners.push_back(static_cast<int>(out.data<float>()[i * 16 + p]));
  BOOST_TEST(corners == (std::vector<int>{7,   6,   2, 5, 0,   10,  103, 102, 0,   111, 115, 114,
                                          207, 206, 0, 0, 211, 210, 307, 306, 304, 0,   311, 310}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(refuses) {
  const TensorDataset set = images(3, {6, 5, 1}, 2, distinct);
  const auto refused = [&set](std::initializer_list<std::string_view> parts, const Augmentation& augment) {
    return fails_with(parts, [&] { Loader(set, {.augment = augment}); });
  };
  BOOST_TEST(refused({"crop = 5", "from 0 to 4"}, {.crop = 5}));
  BOOST_TEST(refused({"crop = -1"}, {.crop = -1}));
  BOOST_TEST(refused({"translate = 4.5", "from 0 to 4"}, {.translate = 4.5}));
  BOOST_TEST(refused({"rotate = 181"}, {.rotate = 181}));
  BOOST_TEST(refused({"brightness = -1"}, {.brightness = -1}));
  BOOST_TEST(refused({"contrast = nan"}, {.contrast = std::nan("")}));
  BOOST_TEST(refused({"saturation for images of 1 channels", "three"}, {.saturation = 0.5}));
  BOOST_TEST(refused({"cutout = 13", "from 0 to 12"}, {.cutout = 13}));
  BOOST_TEST(refused({"mixup = -0.5"}, {.mixup = -0.5}));
  BOOST_TEST(refused({"cutmix = 2000"}, {.cutmix = 2000}));
  BOOST_TEST(refused({"mix_share = 1.5"}, {.mix_share = 1.5}));
  BOOST_TEST(refused({"label_noise = 2"}, {.label_noise = 2}));
  const TensorDataset single = images(3, {6, 5, 1}, 1, distinct);
  BOOST_TEST(fails_with({"1 class"}, [&] { Loader(single, {.augment = {.label_noise = 0.5}}); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
