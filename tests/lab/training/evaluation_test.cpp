#include "lab/training/evaluation.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "lab/training/confusion.h"
#include "tests/lab/small_training.h"

namespace ebb {
namespace {

using test::SmallTraining;

BOOST_AUTO_TEST_SUITE(evaluations)

BOOST_AUTO_TEST_CASE(views_shift_and_mirror) {
  const Tensor image = Tensor::from({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}, {1, 2, 3, 1});
  const auto equals = [](const Tensor& a, std::initializer_list<float> b) {
    return std::ranges::equal(a.span<float>(), b);
  };
  BOOST_TEST(equals(view_of(image, 0, 0, true), {3, 2, 1, 6, 5, 4}));
  BOOST_TEST(equals(view_of(image, 1, 1, false), {1, 1, 2, 1, 1, 2}));
  BOOST_TEST(equals(view_of(image, -1, -1, false), {5, 6, 6, 5, 6, 6}));
  BOOST_TEST(equals(view_of(image, 1, 1, true), {2, 1, 1, 2, 1, 1}));
  BOOST_CHECK_THROW(view_of(Tensor::zeros({2, 3}), 0, 0, true), Error);
}

BOOST_AUTO_TEST_CASE(numbers_are_those_of_the_definition) {
  SmallTraining t;
  const Evaluation e = evaluate(t.model, t.judged);
  t.model.eval();
  const Loader whole(test::small_pictures(30, 2), {.batch = 30, .shuffle = false});
  const Batch all = whole.epoch(0)[0];
  const Tensor logits = t.model(all.images).value();
  BOOST_TEST(e.loss == softmax_cross_entropy(logits, all.labels).item(), boost::test_tools::tolerance(1e-5));
  BOOST_TEST(e.samples.size() == 30u);
  BOOST_TEST(t.model.training() == false);
  const Tensor p = softmax(logits).value();
  for (std::size_t i = 0; i < 30; ++i) {
    const auto row = static_cast<std::int64_t>(i);
    BOOST_TEST(e.samples[i].confidence == p.at({row, e.samples[i].predicted}), boost::test_tools::tolerance(1e-5));
    BOOST_TEST(e.samples[i].loss == -std::log(p.at({row, e.samples[i].truth})), boost::test_tools::tolerance(1e-4));
  }
  // Averages over views: by hand.
  const Evaluation views = evaluate(t.model, t.judged, {.flip = true, .translate = 1});
  Tensor sum = Tensor::zeros({30, 3});
  for (const bool mirrored : {false, true})
    for (const auto& [shift, weight] : {std::pair{0, 0.5}, {-1, 0.25}, {1, 0.25}})
      axpy(weight / 2, t.model(view_of(all.images, shift, shift, mirrored)).value(), sum);
  BOOST_TEST(views.loss == softmax_cross_entropy(sum, all.labels).item(), boost::test_tools::tolerance(1e-5));
  BOOST_TEST(std::abs(views.loss - e.loss) > 1e-3);
}

BOOST_AUTO_TEST_CASE(calibration_of_known_samples) {
  // Two bins: 0.9 sure and right in 1 of 2; 0.5 sure and right in 1 of 2.
  const std::vector<Judgement> samples{{0, 0, 0.9, 0}, {0, 1, 0.9, 0}, {0, 0, 0.5, 0}, {0, 1, 0.5, 0}};
  BOOST_TEST(calibration_error(samples) == 0.2, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(calibration_error({}) == 0);
  BOOST_TEST(calibration_error({{0, 0, 1.0, 0}}) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
