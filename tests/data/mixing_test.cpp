#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>
#include <vector>

#include "data/augment.h"
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

// Sample i is full of i and has a class of its own, so that the label says what the image must be.
struct Mixed {
  std::vector<double> shares;  // of the sample itself, where it was mixed with another
  int unmixed = 0;
  std::set<std::int64_t> partners;
};

Mixed check_mixed(const Augmentation& augment, std::int64_t n, bool boxed) {
  const TensorDataset set = images(n, {8, 8, 1}, n, [](auto i, auto, auto, auto) { return static_cast<double>(i); });
  const Batch batch = augmented(set, augment, 3);
  BOOST_TEST(batch.labels.shape() == Shape({n, n}));
  Mixed mixed;
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t partner = -1;
    for (std::int64_t k = 0; k < n; ++k)
      if (k != i && batch.labels.at({i, k}) > 0) {
        if (partner >= 0) BOOST_FAIL("three classes in image " << i);
        partner = k;
      }
    const double share = batch.labels.at({i, i});
    if (partner < 0) {
      ++mixed.unmixed;
      if (share != 1) BOOST_FAIL("share " << share << " of an image that is alone");
      continue;
    }
    mixed.partners.insert(partner);
    mixed.shares.push_back(share);
    const Tensor image = one(batch.images, i);
    const auto pixels = image.span<float>();
    const double mean = sum(image) / 64;
    const double wanted = share * static_cast<double>(i) + (1 - share) * static_cast<double>(partner);
    if (std::abs(share + batch.labels.at({i, partner}) - 1) > 1e-6 ||
        std::abs(mean - wanted) > 1e-4 * static_cast<double>(n))
      BOOST_FAIL("image " << i << " has mean " << mean << " instead of " << wanted);
    const auto [low, high] = std::ranges::minmax(pixels);
    if (!boxed && high - low > 1e-3) BOOST_FAIL("mixed unevenly: " << i);
    if (boxed && std::ranges::count_if(pixels, [&](float v) {
                   return v != static_cast<float>(i) && v != static_cast<float>(partner);
                 }) > 0)
      BOOST_FAIL("a pixel of neither image: " << i);
  }
  return mixed;
}

std::array<double, 2> moments(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double v : values) sum += v, squares += v * v;
  const double n = static_cast<double>(values.size()), mean = sum / n;
  return {mean, squares / n - mean * mean};
}

BOOST_AUTO_TEST_SUITE(mixing)

// Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1)).
BOOST_AUTO_TEST_CASE(mixup_is_beta_distributed) {
  constexpr std::int64_t n = 1500;
  for (const double a : {0.2, 1.0, 4.0}) {
    Mixed mixed = check_mixed({.mixup = a}, n, false);
    // Shares of exactly 1 hide the partner.
    for (int i = 0; i < mixed.unmixed; ++i) mixed.shares.push_back(1);
    const auto [mean, variance] = moments(mixed.shares);
    const double want = 1 / (4 * (2 * a + 1));
    BOOST_TEST(std::abs(mean - 0.5) < 5 * std::sqrt(want / n));
    BOOST_TEST(std::abs(variance / want - 1) < 0.15);
    BOOST_TEST(mixed.partners.size() > n / 2);
  }
}

BOOST_AUTO_TEST_CASE(cutmix_boxes) {
  const Mixed mixed = check_mixed({.cutmix = 1}, 1500, true);
  const auto [mean, variance] = moments(mixed.shares);
  // The boxes lose what lies outside: the image keeps more than one half.
  BOOST_TEST(mean > 0.55);
  BOOST_TEST(mean < 0.85);
  BOOST_TEST(std::ranges::min(mixed.shares) < 0.1);
  BOOST_TEST(std::ranges::max(mixed.shares) > 0.95);
}

BOOST_AUTO_TEST_CASE(share_of_mixed_samples) {
  BOOST_TEST(std::abs(check_mixed({.mixup = 1, .mix_share = 0.25}, 1500, false).unmixed - 1125) < 5 * 17);
  BOOST_TEST(check_mixed({.mixup = 1, .mix_share = 0}, 100, false).unmixed == 100);
  const TensorDataset set = images(1000, {8, 8, 1}, 1000, [](auto i, auto, auto, auto) { return double(i); });
  const Tensor both = augmented(set, {.mixup = 1, .cutmix = 1}).images;
  int even = 0;
  for (std::int64_t i = 0; i < 1000; ++i) {
    const Tensor image = one(both, i);
    const auto [low, high] = std::ranges::minmax(image.span<float>());
    even += high - low < 1e-3 ? 1 : 0;
  }
  BOOST_TEST(even > 450);  // mixup, and boxes so small or large that they show nothing
  BOOST_TEST(even < 600);
}

BOOST_AUTO_TEST_CASE(label_noise) {
  const TensorDataset set = images(20000, {1, 1, 1}, 5, distinct);
  const Tensor labels = augmented(set, {.label_noise = 0.4}, 0).labels;
  std::vector<int> steps(5);
  for (std::int64_t i = 0; i < set.size(); ++i)
    ++steps[static_cast<std::size_t>((labels.data<std::int64_t>()[i] - i % 5 + 5) % 5)];
  BOOST_TEST(std::abs(steps[0] - 12000) < 5 * 70);
  BOOST_TEST(std::abs(surprise({steps.begin() + 1, steps.end()})) < 5);
  BOOST_TEST(same_bits(augmented(set, {.label_noise = 0.4}, 9).labels, labels));
  BOOST_TEST(!same_bits(augmented(set, {.label_noise = 0.4}, 0, 2).labels, labels));
  const Tensor none = augmented(set, {.label_noise = 1}).labels;
  bool wrong = true;
  for (std::int64_t i = 0; i < set.size(); ++i) wrong = wrong && none.data<std::int64_t>()[i] != i % 5;
  BOOST_TEST(wrong);
}

BOOST_AUTO_TEST_CASE(class_labels_of_shares) {
  const Tensor soft = Tensor::from({0.25f, 0.75f, 0.0f, 0.5f, 0.0f, 0.5f}, {2, 3});
  BOOST_TEST(same_bits(class_labels(soft), Tensor::from<std::int64_t>({1, 0}, {2})));
  const Tensor hard = Tensor::from<std::int64_t>({4, 2}, {2});
  BOOST_TEST(class_labels(hard).shares(hard));
  BOOST_TEST(fails_with({"f32", "[2]"}, [] { class_labels(Tensor::zeros({2})); }));
  BOOST_TEST(fails_with({"undefined"}, [] { class_labels(Tensor()); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
