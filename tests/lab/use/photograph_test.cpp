// A beginner's photographs: ink on paper, 1200 x 1600 pixels, lying on their side as phones store them.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "data/mnist.h"
#include "data/picture.h"
#include "tests/data/jpeg_files.h"
#include "tests/lab/program.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;

constexpr std::int64_t height = 1600, width = 1200, grain = 28;
constexpr double zoom = static_cast<double>(width) / grain;

// How much ink there is at a place of the paper, 0 to 1: a picture of 28 x 28, enlarged by lines, in the middle.
double ink_at(const std::uint8_t* digit, std::int64_t y, std::int64_t x) {
  const double row = (static_cast<double>(y - (height - width) / 2) + 0.5) / zoom - 0.5;
  const double column = (static_cast<double>(x) + 0.5) / zoom - 0.5;
  const auto top = static_cast<std::int64_t>(std::floor(row)), left = static_cast<std::int64_t>(std::floor(column));
  double sum = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    const std::int64_t r = top + i / 2, c = left + i % 2;
    if (r < 0 || c < 0 || r >= grain || c >= grain) continue;
    sum += digit[grain * r + c] * (1 - std::abs(row - static_cast<double>(r))) *
           (1 - std::abs(column - static_cast<double>(c)));
  }
  return sum / 255;
}

// Yellowish paper, lit from the upper left, and dark ink; the camera was held on its side.
Tensor photograph(const std::uint8_t* digit, std::uint64_t seed) {
  Tensor out({width, height, 3}, DType::u8);
  std::uint8_t* pixel = out.mutable_data<std::uint8_t>();
  std::uint32_t noise = static_cast<std::uint32_t>(seed) * 2654435761U + 1;
  for (std::int64_t r = 0; r < width; ++r)
    for (std::int64_t c = 0; c < height; ++c) {
      const std::int64_t y = c, x = width - 1 - r;  // EXIF's orientation 6
      const double paper = 225 - 30 * static_cast<double>(x + y) / (height + width);
      const double ink = ink_at(digit, y, x), light = paper * (1 - ink) + 45 * ink;
      noise = noise * 1664525U + 1013904223U;
      for (const double tint : {1.0, 0.98, 0.92})
        *pixel++ = static_cast<std::uint8_t>(light * tint + static_cast<double>(noise >> 29));
    }
  return out;
}

// The first picture of each of the first `count` classes, as photographs called by their labels.
void put_photographs(const Mnist& digits, std::int64_t count, const fs::path& upright, const fs::path& lying) {
  for (const fs::path& folder : {upright, lying}) fs::create_directories(folder);
  for (std::int64_t label = 0; label < count; ++label)
    for (std::int64_t i = 0; i < digits.size(); ++i) {
      if (digits.label(i) != label) continue;
      const Tensor taken = photograph(digits.pixels().data<std::uint8_t>() + 784 * i, static_cast<std::uint64_t>(i));
      test::put_file(upright / text(label, ".jpg"), test::jpeg_file(taken, 6));
      test::put_file(lying / text(label, ".jpg"), test::jpeg_file(taken));
      break;
    }
}

// How many of the lines "LABEL.jpg  CLASS 99.3 %" are right.
std::int64_t right(const std::string& output) {
  std::istringstream lines(output);
  std::int64_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find(".jpg  ");
    if (at != std::string::npos && at > 0 && line.size() > at + 6 && line[at - 1] == line[at + 6]) ++count;
  }
  return count;
}

void look(const fs::path& root, const Mnist& digits, std::int64_t count, std::int64_t wanted) {
  put_photographs(digits, count, root / "upright", root / "lying");
  const std::string run = "predict " + (root / "photographed").string() + ' ' + (root / "upright").string();
  const Finished as_it_is = test::ebb(run);
  BOOST_TEST(as_it_is.status == 0, as_it_is.output);
  const std::string first = (root / "upright/0.jpg").string();
  BOOST_TEST(has(as_it_is.output, first + ": looks inverted: the network was trained on light things on dark; try "
                                          "--invert"),
             as_it_is.output);
  BOOST_TEST(as_it_is.output.find("looks inverted") == as_it_is.output.rfind("looks inverted"));  // once
  const Finished inverted = test::ebb(run + " --invert");
  BOOST_TEST(inverted.status == 0, inverted.output);
  BOOST_TEST(!has(inverted.output, "ebb: "), inverted.output);
  BOOST_TEST(right(inverted.output) >= wanted, inverted.output);
  BOOST_TEST(right(as_it_is.output) < wanted, as_it_is.output);
  // Without what the camera noted they lie on their side.
  const Finished lying =
      test::ebb("predict " + (root / "photographed").string() + ' ' + (root / "lying").string() + " --invert");
  BOOST_TEST(lying.status == 0, lying.output);
  BOOST_TEST(right(lying.output) < wanted, lying.output);
}

BOOST_AUTO_TEST_SUITE(photographs)

BOOST_AUTO_TEST_CASE(files_made_by_hand_are_read_as_they_are) {
  const Tensor taken = photograph(std::vector<std::uint8_t>(784, 100).data(), 1);
  for (const int orientation : {0, 6}) {
    const test::Bytes file = test::jpeg_file(taken, orientation);
    MemorySource source(file, "photograph");
    const Tensor got = read_picture(source);
    BOOST_REQUIRE((got.shape() == (orientation == 6 ? Shape{height, width, 3} : Shape{width, height, 3})));
    double off = 0;
    for (std::int64_t i = 0; i < got.size(); i += 101) {
      const std::int64_t y = i / 3 / got.dim(1), x = i / 3 % got.dim(1), c = i % 3;
      const double wanted = orientation == 6 ? taken.at({width - 1 - x, y, c}) : taken.at({y, x, c});
      off = std::max(off, std::abs(wanted - got.at({y, x, c})));
    }
    BOOST_TEST(off < 25, off);  // the quantiser's
  }
}

BOOST_AUTO_TEST_CASE(a_photograph_of_ink_on_paper_is_told_of_and_right_when_inverted) {
  const test::SmallData data;
  const Finished run = test::ebb(data.train("photographed", "--epochs 6 --model lenet --set lr=0.02"));
  BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
  look(data.root, Mnist(data.root / "data", Split::test), 4, 4);
}

BOOST_AUTO_TEST_CASE(photographs_of_digits_are_right_when_inverted) {
  const fs::path shared = test::shared_data("mnist");
  if (shared.empty() || test::instrumented) return;
  const test::TemporaryDirectory root;
  const Finished run = test::ebb("train mnist --data " + shared.string() + " --model lenet --epochs 2 --out " +
                                 (root / "photographed").string() + " --set train_samples=20000");
  BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
  look(root.path(), Mnist(shared, Split::test), 10, 9);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
