#include "lab/program/contact_sheet.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::fails_with;
using test::same_bits;

// Three classes of 2 x 3 images in colour; image i holds the bytes 10 i, 10 i + 1, ... and has the class i % 3.
ImageDataset small() {
  Tensor pixels({12, 2, 3, 3}, DType::u8);
  Tensor labels({12}, DType::u8);
  for (std::int64_t i = 0; i < 12; ++i) {
    labels.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i % 3);
    for (std::int64_t p = 0; p < 18; ++p)
      pixels.mutable_data<std::uint8_t>()[18 * i + p] = static_cast<std::uint8_t>(10 * i + p);
  }
  return ImageDataset(pixels, labels, {"a", "b", "c"}, fit_statistics(pixels));
}

// Zoom 32 makes cells of 64 x 96, with 2 between them, 6 more behind plain images and 18 more between groups.
constexpr std::int64_t cell_height = 64 + 2, cell_width = 96 + 2;

std::int64_t group_width(std::int64_t views) { return views * cell_width + (views > 1 ? 6 : 0) + 18; }

// The byte in the middle of a pixel of a view.
int seen(const Tensor& sheet, std::int64_t row, std::int64_t group, std::int64_t view, std::int64_t views,
         std::int64_t y, std::int64_t x, std::int64_t c) {
  const std::int64_t left = 2 + group * group_width(views) + view * cell_width + (view > 0 ? 6 : 0);
  return static_cast<int>(sheet.at({2 + row * cell_height + 32 * y + 16, left + 32 * x + 16, c}));
}

BOOST_AUTO_TEST_SUITE(contact_sheets)

// Without augmentation all views are the image itself: standardising and back gives the same bytes.
BOOST_AUTO_TEST_CASE(plain_images) {
  const Tensor sheet = contact_sheet(small(), {}, {.images = 2, .epochs = 1});
  BOOST_TEST((sheet.shape() == Shape{2 + 3 * cell_height, 2 + 2 * group_width(2) - 18, 3}));
  std::set<int> shown;
  bool right = true;
  for (std::int64_t row = 0; row < 3; ++row)
    for (std::int64_t group = 0; group < 2; ++group) {
      const int image = seen(sheet, row, group, 0, 2, 0, 0, 0) / 10;
      right = right && image % 3 == row;
      shown.insert(image);
      for (std::int64_t view = 0; view < 2; ++view)
        for (std::int64_t p = 0; p < 18; ++p)
          right = right && seen(sheet, row, group, view, 2, p / 9, p / 3 % 3, p % 3) == 10 * image + p;
    }
  BOOST_TEST(right);
  BOOST_TEST(shown.size() == 6u);
  BOOST_TEST(sheet.at({0, 0, 0}) == 255);
  for (std::int64_t x = 0; x < 8; ++x) BOOST_TEST(sheet.at({30, 2 + 96 + x, 0}) == 255);  // behind the plain image
}

BOOST_AUTO_TEST_CASE(augmented_images) {
  const Augmentation flips{.flip = Flip::alternating};
  const Tensor sheet = contact_sheet(small(), flips, {.images = 1, .epochs = 2});
  for (std::int64_t row = 0; row < 3; ++row) {
    const int image = seen(sheet, row, 0, 0, 3, 0, 0, 0);
    const int even = seen(sheet, row, 0, 1, 3, 0, 0, 0), odd = seen(sheet, row, 0, 2, 3, 0, 0, 0);
    BOOST_TEST(((even == image && odd == image + 6) || (even == image + 6 && odd == image)));
  }
  BOOST_TEST(same_bits(sheet, contact_sheet(small(), flips, {.images = 1, .epochs = 2})));
  BOOST_TEST(!same_bits(sheet, contact_sheet(small(), flips, {.images = 1, .epochs = 2, .seed = 2})));
}

BOOST_AUTO_TEST_CASE(rows_and_refusals) {
  BOOST_TEST(contact_sheet(small(), {}, {.classes = 2, .images = 1, .epochs = 0}).dim(0) == 2 + 2 * cell_height);
  BOOST_TEST(contact_sheet(small(), {}, {.images = 20, .epochs = 0}).dim(1) == 2 + 20 * group_width(1) - 18);
  BOOST_TEST(fails_with({"0 images"}, [] { contact_sheet(small(), {}, {.images = 0}); }));
  BOOST_TEST(fails_with({"21 epochs"}, [] { contact_sheet(small(), {}, {.epochs = 21}); }));
  BOOST_TEST(fails_with({"crop = 9"}, [] { contact_sheet(small(), {.crop = 9}); }));
  const ImageDataset gap(Tensor::zeros({1, 2, 2, 1}, DType::u8), Tensor::zeros({1}, DType::u8), {"a", "none"}, {});
  BOOST_TEST(fails_with({"no image of class none"}, [&] { contact_sheet(gap, {}); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
