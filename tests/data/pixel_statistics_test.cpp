// Standardisation: the same bits from a file's metadata as in the training, and fitted to what is trained on.
#include "data/pixel_statistics.h"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "data/loader.h"
#include "data/split.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::fails_with;
using test::same_bits;
using Metadata = std::map<std::string, std::string>;

// n images of 2 x 3 pixels in colour.
ImageDataset colours(std::int64_t n) {
  Tensor pixels({n, 2, 3, 3}, DType::u8);
  Tensor labels({n}, DType::u8);
  for (std::int64_t i = 0; i < pixels.size(); ++i)
    pixels.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * i * 7 % 251 / (1 + i % 3));
  for (std::int64_t i = 0; i < n; ++i) labels.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i % 2);
  return ImageDataset(pixels, labels, {"a", "b"}, fit_statistics(pixels));
}

BOOST_AUTO_TEST_SUITE(pixel_statistics)

BOOST_AUTO_TEST_CASE(metadata_read_back_to_the_same_bits) {
  const PixelStatistics fitted = colours(50).statistics();
  const Metadata metadata = to_metadata(fitted);
  BOOST_TEST(metadata.size() == 2u);
  BOOST_REQUIRE(statistics_from(metadata, "file").has_value());
  BOOST_TEST((*statistics_from(metadata, "file") == fitted));
  const PixelStatistics odd{{0.1, -1e-300, 1.0 / 3}, {5e-324, 1e300, 0.2}};
  BOOST_TEST((statistics_from(to_metadata(odd), "file") == odd));
  BOOST_TEST((to_metadata({{0.1307}, {0.3081}}) == Metadata{{"pixel_mean", "0.1307"}, {"pixel_deviation", "0.3081"}}));
  BOOST_TEST(!statistics_from({{"model", "lenet"}}, "file").has_value());
}

BOOST_AUTO_TEST_CASE(damaged_metadata_are_refused) {
  const auto refused = [](const char* mean, const char* deviation) {
    return fails_with({"[m.safetensors]", "the file is damaged"}, [&] {
      statistics_from({{"pixel_mean", mean}, {"pixel_deviation", deviation}}, "m.safetensors");
    });
  };
  for (const char* const bad : {"", "x", "0.5,", ",0.5", "0.5 ", "0.5;0.5", "nan", "inf", "1e999"}) {
    BOOST_TEST(refused(bad, "1"), bad);
    BOOST_TEST(refused("1", bad), bad);
  }
  BOOST_TEST(refused("0,0", "1"));
  BOOST_TEST(refused("0", "0"));
  BOOST_TEST(refused("0", "-1"));
  BOOST_TEST(fails_with({"no entry pixel_deviation"}, [] { statistics_from({{"pixel_mean", "0"}}, "m"); }));
  BOOST_TEST(fails_with({"no entry pixel_mean"}, [] { statistics_from({{"pixel_deviation", "1"}}, "m"); }));
}

// What a user does with a file gives the bits that the training saw.
BOOST_AUTO_TEST_CASE(standardises_as_a_data_set_does) {
  const ImageDataset set = colours(50);
  const Batch batch = Loader(set, {.batch = 50, .shuffle = false}).epoch(0)[0];
  const PixelStatistics read = *statistics_from(to_metadata(set.statistics()), "file");
  BOOST_TEST(same_bits(standardise(set.pixels(), read), batch.images));
  const double wanted = (set.pixels().at({7, 1, 2, 1}) / 255 - read.mean[1]) / read.deviation[1];
  BOOST_TEST(batch.images.at({7, 1, 2, 1}) == wanted, boost::test_tools::tolerance(1e-6));
  const Tensor grey = Tensor::full({1, 2, 2, 1}, 51, DType::u8);
  BOOST_TEST(standardise(grey, {{0.1}, {0.5}}).at({0, 1, 1, 0}) == 0.2, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(fails_with({"1 means", "3 of each"}, [&] { standardise(set.pixels(), {}); }));
  BOOST_TEST(fails_with({"deviation 0"}, [&] { standardise(grey, {{0}, {0}}); }));
  BOOST_TEST(fails_with({"f32"}, [&] { standardise(batch.images, read); }));
}

BOOST_AUTO_TEST_CASE(data_sets_say_how_they_standardise) {
  const auto set = std::make_shared<const ImageDataset>(colours(50));
  BOOST_TEST((set->standardisation() == set->statistics()));
  BOOST_TEST((Subset(set, Tensor::from<std::int64_t>({3, 4}, {2})).standardisation() == set->statistics()));
  BOOST_TEST(!TensorDataset(Tensor::zeros({2, 3}), Tensor::zeros({2}, DType::i64)).standardisation().has_value());
}

// Each fold's training part decides alone: changing what it holds out changes nothing.
BOOST_AUTO_TEST_CASE(every_fold_is_fitted_to_its_training_part) {
  const ImageDataset set = colours(60);
  for (const Parts& parts : k_fold(set, 5, {.seed = 2})) {
    const PixelStatistics fitted = fit_statistics(select(set, parts.train).pixels());
    const ImageParts images = select(set, parts);
    BOOST_TEST((images.train.statistics() == fitted));
    BOOST_TEST((images.held_out.statistics() == fitted));
    BOOST_TEST(!(fitted == set.statistics()));
    Tensor changed = set.pixels().clone();
    for (const std::int64_t i : parts.held_out.span<std::int64_t>())
      for (std::int64_t p = 0; p < 18; ++p) changed.mutable_data<std::uint8_t>()[18 * i + p] ^= std::uint8_t{128};
    const ImageDataset other(changed, set.labels(), {"a", "b"}, fit_statistics(changed));
    BOOST_TEST(!(other.statistics() == set.statistics()));
    BOOST_TEST((select(other, parts).train.statistics() == fitted));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
