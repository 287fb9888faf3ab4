#include "data/mnist.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>

#include "data/idx.h"
#include "data/loader.h"
#include "tests/support/environment.h"
#include "tests/support/errors.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Environment;
using test::fails_with;
using test::put_file;
using test::TemporaryDirectory;

const char* const debian_fashion = "/usr/share/datasets/fashion-mnist";

std::array<std::int64_t, 10> class_counts(const ImageDataset& set) {
  std::array<std::int64_t, 10> counts{};
  for (const std::uint8_t label : set.labels().span<std::uint8_t>()) ++counts.at(label);
  return counts;
}

// Mean and deviation over a split as it is read: 0 and 1 with the right constants.
void check_standardised(const ImageDataset& set, double tolerance) {
  double sum = 0;
  double squares = 0;
  std::int64_t count = 0;
  for (const auto& [images, labels] : Loader(set, {.batch = 1000, .shuffle = false}).epoch(0)) {
    for (const float value : images.span<float>()) {
      sum += double{value};
      squares += double{value} * double{value};
    }
    count += images.size();
  }
  const double mean = sum / static_cast<double>(count);
  BOOST_TEST(count == set.size() * 784);
  BOOST_TEST(std::abs(mean) < tolerance);
  BOOST_TEST(std::abs(std::sqrt(squares / static_cast<double>(count) - mean * mean) - 1) < tolerance);
}

constexpr std::string_view one_image("\0\0\x08\x03\0\0\0\x01\0\0\0\x02\0\0\0\x01\xFF\x00", 18);
constexpr std::string_view one_label("\0\0\x08\x01\0\0\0\x01\x07", 9);

void put_small_set(const fs::path& directory, const char* images = "train-images-idx3-ubyte",
                   const char* labels = "train-labels-idx1-ubyte") {
  fs::create_directories(directory);
  put_file(directory / images, one_image);
  put_file(directory / labels, one_label);
}

BOOST_AUTO_TEST_SUITE(mnist)

BOOST_AUTO_TEST_CASE(real_mnist) {
  const fs::path directory = test::shared_data("mnist");
  if (directory.empty()) return;
  const Mnist train(directory, Split::train);
  BOOST_TEST(train.size() == 60000);
  BOOST_TEST(train.classes() == 10);
  BOOST_TEST(train.class_name(7) == "7");
  BOOST_TEST((train.sample_shape() == Shape{28, 28, 1}));
  BOOST_TEST((class_counts(train) ==
              std::array<std::int64_t, 10>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
  const PixelStatistics fitted = fit_statistics(train.pixels());
  BOOST_TEST(std::abs(fitted.mean[0] - 0.1307) < 5e-5);
  BOOST_TEST(std::abs(fitted.deviation[0] - 0.3081) < 5e-5);
  check_standardised(train, 2e-4);
  BOOST_TEST(train.labels().at({0}) == 5);  // the first training image is a 5, as every tutorial shows

  const Mnist held_out(directory.parent_path(), Split::test);  // found in its sub-folder
  BOOST_TEST(held_out.size() == 10000);
  BOOST_TEST(
      (class_counts(held_out) == std::array<std::int64_t, 10>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}));
  BOOST_TEST(std::abs(fit_statistics(held_out.pixels()).mean[0] - 0.1325) < 5e-5);
}

BOOST_AUTO_TEST_CASE(real_fashion_mnist) {
  if (!fs::is_directory(debian_fashion)) {
    BOOST_TEST_MESSAGE("skipped: the package dataset-fashion-mnist is not installed");
    return;
  }
  const Environment none("EBB_DATA", nullptr);
  const FashionMnist train;
  const FashionMnist held_out({}, Split::test);
  std::array<std::int64_t, 10> each{};
  each.fill(6000);
  BOOST_TEST((class_counts(train) == each));
  each.fill(1000);
  BOOST_TEST((class_counts(held_out) == each));
  BOOST_TEST(train.class_name(9) == "Ankle boot");
  const PixelStatistics fitted = fit_statistics(train.pixels());
  BOOST_TEST(std::abs(fitted.mean[0] - 0.2860) < 5e-5);
  BOOST_TEST(std::abs(fitted.deviation[0] - 0.3530) < 5e-5);
  check_standardised(FashionMnist({}, Split::train, {.statistics = fitted}), 1e-6);
}

BOOST_AUTO_TEST_CASE(files_may_be_named_in_three_ways) {
  const char* const names[][2] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                  {"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
                                  {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"}};
  for (const auto& name : names) {
    const TemporaryDirectory directory;
    put_small_set(directory.path(), name[0], name[1]);
    const Mnist set(directory.path());
    BOOST_TEST(set.labels().item() == 7);
    BOOST_TEST((set.sample_shape() == Shape{2, 1, 1}));
    const auto [images, labels] = Loader(set).epoch(0)[0];
    BOOST_TEST(images.at({0, 0, 0, 0}) == (1 - 0.1307) / 0.3081, boost::test_tools::tolerance(1e-7));
    BOOST_TEST(images.at({0, 1, 0, 0}) == -0.1307 / 0.3081, boost::test_tools::tolerance(1e-7));
    BOOST_TEST(labels.item() == 7);
  }
}

BOOST_AUTO_TEST_CASE(where_it_is_looked_for) {
  const TemporaryDirectory directory;
  put_small_set(directory / "by-variable");
  put_small_set(directory / "root/mnist");
  put_small_set(directory / "root/fashion-mnist");
  {
    const Environment variable("EBB_DATA", (directory / "by-variable").c_str());
    BOOST_TEST(Mnist().size() == 1);
    BOOST_TEST(FashionMnist().size() == 1);
  }
  {
    const Environment variable("EBB_DATA", (directory / "root").c_str());
    BOOST_TEST(Mnist().size() == 1);
    BOOST_TEST(FashionMnist().size() == 1);  // before Debian's
    // A directory that was named is not replaced by another.
    BOOST_TEST(fails_with({"nowhere (no such directory)"}, [&] { Mnist(directory / "nowhere"); }));
  }
}

BOOST_AUTO_TEST_CASE(message_of_missing_data) {
  const TemporaryDirectory directory;
  const fs::path empty = directory / "empty";
  fs::create_directories(empty);
  put_file(empty / "train-labels-idx1-ubyte", one_label);
  const std::string subfolder = (empty / "mnist").string();
  BOOST_TEST(fails_with({"[mnist]", empty.string(), "without train-images-idx3-ubyte.gz", subfolder,
                         "no such directory", "yann.lecun.com", "EBB_DATA"},
                        [&] { Mnist set(empty); }));
  const Environment variable("EBB_DATA", empty.c_str());
  BOOST_TEST(fails_with({"[mnist]", empty.string(), subfolder}, [] { Mnist set; }));
  const Environment none("EBB_DATA", nullptr);
  BOOST_TEST(fails_with({"[mnist]", "EBB_DATA is not set", "--data"}, [] { Mnist set; }));
  BOOST_TEST(fails_with({"[fashion-mnist]", "apt install dataset-fashion-mnist", "github.com/zalandoresearch"},
                        [&] { FashionMnist set(empty); }));
  if (!fs::is_directory(debian_fashion))
    BOOST_TEST(fails_with({debian_fashion, "EBB_DATA is not set"}, [] { FashionMnist set; }));
}

BOOST_AUTO_TEST_CASE(files_that_do_not_fit_together) {
  const TemporaryDirectory directory;
  const auto images = directory / "train-images-idx3-ubyte";
  const auto labels = directory / "train-labels-idx1-ubyte";
  put_file(images, one_image);
  put_file(labels, std::string_view("\0\0\x08\x01\0\0\0\x02\x07\x07", 10));
  BOOST_TEST(fails_with({labels.c_str(), "2 labels for 1 images"}, [&] { Mnist set(directory.path()); }));
  put_file(labels, std::string_view("\0\0\x08\x01\0\0\0\x01\x0A", 9));
  BOOST_TEST(fails_with({"label 10 of image 0", "below 10"}, [&] { Mnist set(directory.path()); }));
  put_file(labels, one_image);
  BOOST_TEST(fails_with({labels.c_str(), "images [1, 2, 1]"}, [&] { Mnist set(directory.path()); }));
  put_file(labels, one_label);
  put_file(images, one_label);
  BOOST_TEST(fails_with({images.c_str(), "labels [1]"}, [&] { Mnist set(directory.path()); }));
  put_file(images, std::string_view("\0\0\x08\x03\0\0\0\0\0\0\0\x02\0\0\0\x01", 16));
  put_file(labels, std::string_view("\0\0\x08\x01\0\0\0\0", 8));
  BOOST_TEST(fails_with({"0 images"}, [&] { Mnist set(directory.path()); }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(image_dataset)

const std::vector<std::string> two_classes{"cat", "dog"};

BOOST_AUTO_TEST_CASE(channels_are_standardised_each) {
  const Tensor pixels = Tensor::from<std::uint8_t>({0, 255, 51, 102, 0, 204}, {2, 1, 1, 3});
  ImageDataset set(pixels, Tensor::from<std::uint8_t>({1, 0}, {2}), two_classes,
                   {.mean = {0.5, 0, 0.2}, .deviation = {0.5, 2, 0.1}});
  std::vector<float> samples(6);
  std::vector<std::int64_t> labels(2);
  set.read(std::vector<std::int64_t>{1, 0}, samples, labels);
  const std::vector<float> wanted{-0.2f, 0, 6, -1, 0.5f, 0};
  BOOST_TEST(samples == wanted, boost::test_tools::tolerance(1e-6f) << boost::test_tools::per_element());
  BOOST_TEST((labels == std::vector<std::int64_t>{0, 1}));
  BOOST_TEST(fails_with({"sample 2"}, [&] { set.read(std::vector<std::int64_t>{0, 2}, samples, labels); }));
  BOOST_TEST(set.class_name(1) == "dog");
  BOOST_TEST(fails_with({"class 2"}, [&] { set.class_name(2); }));

  const PixelStatistics fitted = fit_statistics(pixels);
  BOOST_TEST(fitted.mean == (std::vector<double>{0.2, 0.5, 0.5}), boost::test_tools::tolerance(1e-12)
                                                                      << boost::test_tools::per_element());
  BOOST_TEST(fitted.deviation == (std::vector<double>{0.2, 0.5, 0.3}), boost::test_tools::tolerance(1e-12)
                                                                           << boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(refuses) {
  const Tensor pixels = Tensor::full({2, 1, 1, 1}, 9, DType::u8);
  const Tensor labels = Tensor::zeros({2}, DType::u8);
  BOOST_TEST(fails_with({"undefined pixels"}, [&] { ImageDataset(Tensor(), labels, two_classes, {}); }));
  BOOST_TEST(fails_with({"f32"}, [&] { ImageDataset(Tensor::zeros({2, 1, 1, 1}), labels, two_classes, {}); }));
  BOOST_TEST(fails_with({"2 means", "1 of each"}, [&] {
    ImageDataset(pixels, labels, two_classes, {.mean = {0, 0}, .deviation = {1}});
  }));
  BOOST_TEST(fails_with({"deviation 0"}, [&] { ImageDataset(pixels, labels, two_classes, {.deviation = {0}}); }));
  BOOST_TEST(fails_with({"all pixels are equal"}, [&] { fit_statistics(pixels); }));
  BOOST_TEST(fails_with({"not empty"}, [&] { fit_statistics(Tensor({0, 1, 1, 1}, DType::u8)); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
