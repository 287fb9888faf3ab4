#include "data/split.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "data/loader.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::fails_with;
using test::same_bits;

// n images of 1 x 2 pixels {i, 255 - i}; the classes have very different sizes.
ImageDataset digits(std::int64_t n) {
  Tensor pixels({n, 1, 2, 1}, DType::u8);
  Tensor labels({n}, DType::u8);
  for (std::int64_t i = 0; i < n; ++i) {
    pixels.mutable_data<std::uint8_t>()[2 * i] = static_cast<std::uint8_t>(i);
    pixels.mutable_data<std::uint8_t>()[2 * i + 1] = static_cast<std::uint8_t>(255 - i);
    labels.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i % 10 == 0 ? 2 : i % 3 == 0 ? 1 : 0);
  }
  return ImageDataset(pixels, labels, {"a", "b", "c"}, {});
}

std::vector<std::int64_t> numbers(const Tensor& indices) {
  const auto all = indices.span<std::int64_t>();
  return {all.begin(), all.end()};
}

std::map<int, int> class_counts(const ImageDataset& set, const Tensor& indices) {
  std::map<int, int> counts;
  for (const std::int64_t i : numbers(indices)) ++counts[set.labels().data<std::uint8_t>()[i]];
  return counts;
}

bool complete(const Parts& parts, std::int64_t n) {
  std::vector<std::int64_t> all = numbers(parts.train);
  if (!std::ranges::is_sorted(all) || !std::ranges::is_sorted(numbers(parts.held_out))) return false;
  for (const std::int64_t i : numbers(parts.held_out)) all.push_back(i);
  std::ranges::sort(all);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i] != static_cast<std::int64_t>(i)) return false;
  return static_cast<std::int64_t>(all.size()) == n;
}

BOOST_AUTO_TEST_SUITE(splits)

BOOST_AUTO_TEST_CASE(validation_part) {
  for (const std::int64_t n : {2, 7, 100, 251}) {
    const ImageDataset set = digits(n);
    for (const double fraction : {0.1, 0.25, 0.5, 0.9}) {
      const auto wanted = std::llround(fraction * static_cast<double>(n));
      if (wanted == 0 || wanted == n) continue;
      for (const bool stratified : {false, true}) {
        const Parts parts = split(set, fraction, {.seed = 3, .stratified = stratified});
        BOOST_TEST(complete(parts, n));
        BOOST_TEST(parts.held_out.size() == wanted);
        if (!stratified) continue;
        auto held = class_counts(set, parts.held_out), left = class_counts(set, parts.train);
        const double share = static_cast<double>(wanted) / static_cast<double>(n);
        for (int c = 0; c < 3; ++c) BOOST_TEST(std::abs(held[c] - share * (held[c] + left[c])) < 1);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(choice_depends_on_the_seed_alone) {
  const ImageDataset set = digits(200);
  for (const bool stratified : {false, true}) {
    const Parts one = split(set, 0.2, {.seed = 1, .stratified = stratified});
    BOOST_TEST(same_bits(one.held_out, split(set, 0.2, {.seed = 1, .stratified = stratified}).held_out));
    BOOST_TEST(!same_bits(one.held_out, split(set, 0.2, {.seed = 2, .stratified = stratified}).held_out));
  }
  // Without strata chance decides how many of a class are held out; with them it does not.
  std::set<int> plain, strata;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    plain.insert(class_counts(set, split(set, 0.2, {.seed = seed, .stratified = false}).held_out)[1]);
    strata.insert(class_counts(set, split(set, 0.2, {.seed = seed}).held_out)[1]);
  }
  BOOST_TEST(plain.size() > 3u);
  BOOST_TEST(strata.size() == 1u);
}

// Every sample is held out equally often over the seeds.
BOOST_AUTO_TEST_CASE(choice_is_fair) {
  const ImageDataset set = digits(50);
  std::vector<int> counts(50);
  for (std::uint64_t seed = 0; seed < 1000; ++seed)
    for (const std::int64_t i : numbers(split(set, 0.2, {.seed = seed, .stratified = false}).held_out))
      ++counts[static_cast<std::size_t>(i)];
  for (const int count : counts) BOOST_TEST(std::abs(count - 200) < 5 * 13);
}

BOOST_AUTO_TEST_CASE(folds) {
  const ImageDataset set = digits(103);
  for (const std::int64_t k : {2, 5, 10, 103}) {
    const std::vector<Parts> parts = k_fold(set, k, {.seed = 1});
    BOOST_TEST(parts.size() == static_cast<std::size_t>(k));
    std::set<std::int64_t> held;
    for (const Parts& fold : parts) {
      BOOST_TEST(complete(fold, 103));
      BOOST_TEST(fold.held_out.size() >= 103 / k);
      BOOST_TEST(fold.held_out.size() <= (103 + k - 1) / k);
      for (const std::int64_t i : numbers(fold.held_out)) held.insert(i);
      auto counts = class_counts(set, fold.held_out), left = class_counts(set, fold.train);
      for (int c = 0; c < 3; ++c) BOOST_TEST(std::abs(counts[c] - (counts[c] + left[c]) / static_cast<double>(k)) < 1);
    }
    BOOST_TEST(held.size() == 103u);
  }
}

BOOST_AUTO_TEST_CASE(subsets) {
  const auto set = std::make_shared<const ImageDataset>(digits(30));
  const Subset some(set, Tensor::from<std::int64_t>({20, 3, 3}, {3}));
  BOOST_TEST(some.size() == 3);
  BOOST_TEST(some.classes() == 3);
  BOOST_TEST(some.class_name(1) == "b");
  const Batch batch = Loader(some, {.shuffle = false}).epoch(0)[0];
  BOOST_TEST(batch.images.at({0, 0, 0, 0}) == static_cast<double>(20.0f / 255), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(batch.images.at({2, 0, 0, 0}) == static_cast<double>(3.0f / 255), boost::test_tools::tolerance(1e-6));
  BOOST_TEST(same_bits(batch.labels, Tensor::from<std::int64_t>({2, 1, 1}, {3})));
  BOOST_TEST(fails_with({"sample 30", "0 to 29"}, [&] { Subset(set, Tensor::from<std::int64_t>({30}, {1})); }));
  BOOST_TEST(fails_with({"sample -1"}, [&] { Subset(set, Tensor::from<std::int64_t>({-1}, {1})); }));
  BOOST_TEST(fails_with({"f32"}, [&] { Subset(set, Tensor::zeros({2})); }));
  BOOST_TEST(fails_with({"no data set"}, [] { Subset(nullptr, Tensor::zeros({1}, DType::i64)); }));
}

// The held-out images do not move the standardisation.
BOOST_AUTO_TEST_CASE(standardised_by_the_training_part) {
  ImageDataset set = digits(100);
  const Parts parts = split(set, 0.3, {.seed = 4});
  const ImageParts images = select(set, parts);
  BOOST_TEST(images.train.size() == 70);
  BOOST_TEST(images.held_out.size() == 30);
  const PixelStatistics fitted = fit_statistics(select(set, parts.train).pixels());
  const PixelStatistics whole = fit_statistics(set.pixels());
  for (const ImageDataset* part : {&images.train, &images.held_out}) {
    BOOST_TEST(part->statistics().mean == fitted.mean, boost::test_tools::per_element());
    BOOST_TEST(part->statistics().deviation == fitted.deviation, boost::test_tools::per_element());
  }
  BOOST_TEST(std::abs(fitted.deviation[0] - whole.deviation[0]) > 1e-4);
  for (std::int64_t i = 0; i < 30; ++i)
    BOOST_TEST(images.held_out.pixels().at({i, 0, 0, 0}) ==
               static_cast<double>(numbers(parts.held_out)[static_cast<std::size_t>(i)]));
  BOOST_TEST(images.held_out.class_name(2) == "c");
}

BOOST_AUTO_TEST_CASE(refuses) {
  const ImageDataset set = digits(10);
  for (const double fraction : {0.0, 1.0, -0.5, 2.0, 0.01, 0.99, std::nan("")})
    BOOST_TEST(fails_with({"of 10 samples", "both parts"}, [&] { split(set, fraction); }));
  BOOST_TEST(fails_with({"1 folds", "2 to 10"}, [&] { k_fold(set, 1); }));
  BOOST_TEST(fails_with({"11 folds"}, [&] { k_fold(set, 11); }));
  BOOST_TEST(fails_with({"sample 10"}, [&] { select(set, Tensor::from<std::int64_t>({10}, {1})); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
