// The network of the CIFAR-10 speed recipe, and the filters it begins with.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/nn/conv2d.h"
#include "framework/nn/summary.h"
#include "framework/ops/loss.h"
#include "models/registry.h"
#include "models/speednet.h"
#include "models/whitening.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::error_of;

// Smooth images: neighbouring pixels and channels are alike, so that their patches are far from white.
Tensor smooth_images(std::int64_t count) {
  Tensor images = test::random({count, 9, 8, 3}, 7);
  float* const x = images.mutable_data<float>();
  for (std::int64_t i = 1; i < images.size(); ++i) x[i] = 0.9F * x[i - 1] + 0.3F * x[i];
  return images;
}

BOOST_AUTO_TEST_SUITE(speednet)

BOOST_AUTO_TEST_CASE(responses_to_patches_are_white) {
  const Tensor images = smooth_images(200);
  const double eps = 1e-9;
  const Tensor filters = whitening_filters(images, 2, eps);
  BOOST_TEST((filters.shape() == Shape{2, 2, 3, 24}));
  const Tensor y = conv2d(images, filters, Tensor(), {}).value();
  const std::int64_t rows = y.size() / 24;
  const float* const responses = y.data<float>();
  std::vector<double> mean(24);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::size_t k = 0; k < 24; ++k)
      mean[k] += responses[r * 24 + static_cast<std::int64_t>(k)] / static_cast<double>(rows);
  for (std::size_t a = 0; a < 12; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      double covariance = 0;
      for (std::int64_t r = 0; r < rows; ++r)
        covariance += (responses[r * 24 + static_cast<std::int64_t>(a)] - mean[a]) *
                      (responses[r * 24 + static_cast<std::int64_t>(b)] - mean[b]);
      covariance /= static_cast<double>(rows);
      BOOST_TEST(std::abs(covariance - (a == b ? 1.0 : 0.0)) < 1e-4,
                 "filters " << a << " and " << b << ": " << covariance);
    }
  }
  // The second half is the first one negated; the first filter has the least to enlarge.
  const float* const w = filters.data<float>();
  double first = 0, last = 0;
  for (std::int64_t i = 0; i < 12; ++i) {
    for (std::int64_t k = 0; k < 12; ++k) BOOST_TEST(w[i * 24 + k] == -w[i * 24 + 12 + k]);
    first += std::abs(w[i * 24]);
    last += std::abs(w[i * 24 + 11]);
  }
  BOOST_TEST(first < last / 2);
}

BOOST_AUTO_TEST_CASE(constant_images_have_finite_filters) {
  const Tensor filters = whitening_filters(Tensor::full({2, 4, 4, 1}, 3.0), 2);
  BOOST_TEST(all_finite(filters));
}

BOOST_AUTO_TEST_CASE(begins_as_published) {
  SpeedNet model({.images = test::random({10, 32, 32, 3}, 3)}, Rng(1));
  std::int64_t trained = 0;
  for (const NamedParameter& p : model.named_parameters())
    trained += p.parameter->frozen() ? 0 : p.parameter->value().size();
  // Whitening bias 24; six convolutions; shifts of the norms; linear.
  BOOST_TEST(trained == 24 + 9 * (24 * 64 + 64 * 64 + 64 * 256 + 3 * 256 * 256) + 2 * 64 + 4 * 256 + 2560);
  const Summary s = summary(model, {1, 32, 32, 3});
  BOOST_TEST((s.rows.front().output == Shape{1, 10}));
  // The first 24 filters of the second layer copy its input.
  const Tensor second = model.state().at("net.2.weight");
  BOOST_TEST((second.shape() == Shape{3, 3, 24, 64}));
  for (std::int64_t i = 0; i < 24; ++i)
    for (std::int64_t o = 0; o < 24; ++o) {
      BOOST_TEST(second.at({1, 1, i, o}) == (i == o ? 1.0 : 0.0));
      BOOST_TEST(second.at({0, 2, i, o}) == 0.0);
    }
  BOOST_TEST(second.at({0, 2, 3, 40}) != 0.0);
}

BOOST_AUTO_TEST_CASE(trains_all_but_the_first_filters) {
  const auto model = make_model("speednet", {.image = {32, 32, 3}}, Rng(1));
  Tape tape;
  tape.backward(
      softmax_cross_entropy((*model)(test::random({4, 32, 32, 3}, 9)), Tensor::from<std::int64_t>({0, 3, 5, 9}, {4})));
  for (const NamedParameter& p : model->named_parameters())
    BOOST_TEST(p.parameter->grad().defined() == !p.parameter->frozen(), p.path);
  BOOST_TEST(model->named_parameters().front().parameter->frozen());
}

BOOST_AUTO_TEST_CASE(refuses_what_it_cannot_use) {
  const auto refused = [](const std::function<void()>& call, std::string_view part) {
    return error_of(call).find(part) != std::string::npos;
  };
  const Tensor images = smooth_images(2);
  BOOST_TEST(refused([&] { whitening_filters(images, 9); }, "side 9"));
  BOOST_TEST(refused([&] { whitening_filters(images, 0); }, "side 0"));
  BOOST_TEST(refused([&] { whitening_filters(images, 2, 0.0); }, "eps"));
  BOOST_TEST(refused([&] { whitening_filters(Tensor::zeros({4, 4}), 2); }, "[4, 4]"));
  BOOST_TEST(refused([&] { whitening_filters(Tensor::full({1, 4, 4, 1}, std::nan("")), 2); }, "finite"));
  BOOST_TEST(refused([] { SpeedNet({.widths = {}}, Rng(1)); }, "no widths"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
