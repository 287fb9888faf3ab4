#include "lab/training/evaluation.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "framework/compute/basic.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "lab/training/confusion.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"

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
    BOOST_TEST(e.samples[i].confidence == p.at({row, e.samples[i].predicted.value()}),
               boost::test_tools::tolerance(1e-5));
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
  const std::vector<EvaluatedSample> samples{{0, 0, 0.9, 0}, {0, 1, 0.9, 0}, {0, 0, 0.5, 0}, {0, 1, 0.5, 0}};
  BOOST_TEST(calibration_error(samples) == 0.2, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(calibration_error({}) == 0);
  BOOST_TEST(calibration_error({{0, 0, 1.0, 0}}) == 0);
}

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float inf = std::numeric_limits<float>::infinity();

// Logits of six samples, the first two of which have probabilities.
const std::vector<float> logits{0, 1, 2, -inf, 3, 0, nan, 1, 2, 1, 2, nan, 1, inf, 2, -inf, -inf, -inf};

// A model that gives sample number x[0] the logits above.
struct Table : Layer {
  Var forward(const Var& x) override {
    Tensor y({x.dim(0), 3});
    for (std::int64_t i = 0; i < x.dim(0); ++i)
      std::copy_n(logits.data() + 3 * static_cast<std::int64_t>(x.value().at({i, 0})), 3,
                  y.mutable_data<float>() + 3 * i);
    return y;
  }
};

BOOST_AUTO_TEST_CASE(logits_that_are_not_finite_are_no_prediction) {
  Confusion seen(3);
  seen.add(Tensor::from(std::span<const float>(logits), {6, 3}), Tensor::from<std::int64_t>({2, 1, 0, 0, 1, 2}, {6}));
  BOOST_TEST(seen.total() == 6);
  BOOST_TEST(seen.count(2, 2) == 1);
  BOOST_TEST(seen.count(1, 1) == 1);
  for (std::int64_t t = 0; t < 3; ++t) BOOST_TEST(seen.count(t, 0) == 0, "class " << t);
  BOOST_TEST(seen.unpredicted() == 4);
  BOOST_TEST(seen.unpredicted(0) == 2);
  BOOST_TEST(seen.samples(0) == 2);
  BOOST_TEST(seen.samples(2) == 2);
  BOOST_TEST(seen.accuracy() == 2.0 / 6);
  BOOST_TEST(seen.recall(2) == 0.5);
  BOOST_TEST(seen.recall(0) == 0);
  BOOST_TEST(class_table(seen, {"a", "b", "c"}).find("no prediction for 4 of 6 samples") != std::string::npos);
  BOOST_TEST(test::fails_with({"without a prediction"}, [&] { seen.add(3, std::nullopt, 1); }));
  Confusion all(3);
  all.add(0, 0, 2);
  BOOST_TEST(class_table(all, {"a", "b", "c"}).find("no prediction") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(samples_without_a_prediction_make_means_not_finite) {
  Table table;
  const auto judged = [&](std::int64_t count) {
    Tensor numbers({count, 1}), labels({count}, DType::i64);
    for (std::int64_t i = 0; i < count; ++i) {
      numbers.mutable_data<float>()[i] = static_cast<float>(i);
      labels.mutable_data<std::int64_t>()[i] = 1;
    }
    return evaluate(table, Loader(TensorDataset(numbers, labels, 3), {.batch = 4, .shuffle = false}));
  };
  const Evaluation good = judged(2), bad = judged(6);
  BOOST_TEST(good.loss > 0);
  BOOST_TEST(std::isfinite(good.loss));
  BOOST_TEST(good.calibration_error > 0.1);
  BOOST_TEST(good.samples[0].predicted.value() == 2);
  BOOST_TEST(std::isnan(bad.loss));
  BOOST_TEST(std::isnan(bad.calibration_error));
  BOOST_TEST(bad.accuracy == 1.0 / 6);
  for (std::size_t i = 2; i < 6; ++i) {
    BOOST_TEST(!bad.samples[i].predicted.has_value());
    BOOST_TEST(std::isnan(bad.samples[i].confidence));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
