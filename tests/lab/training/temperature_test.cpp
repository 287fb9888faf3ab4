// The temperature that fits, and what is measured beside it, against numbers by hand.
#include "lab/training/temperature.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::fails_with;

const Tensor labels = Tensor::from({std::int64_t{0}, std::int64_t{0}, std::int64_t{0}, std::int64_t{1}}, {4});

// Two classes, a gap of 2 in favour of the first in four samples, three of which are of it.
Tensor logits(double gap = 2) { return Tensor::from({gap, 0.0, gap, 0.0, gap, 0.0, gap, 0.0}, {4, 2}); }

BOOST_AUTO_TEST_SUITE(temperature)

BOOST_AUTO_TEST_CASE(the_loss_at_a_temperature_is_the_mean_of_minus_log_probabilities) {
  const auto by_hand = [](double gap) { return std::log1p(std::exp(-gap)) * 0.75 + std::log1p(std::exp(gap)) * 0.25; };
  BOOST_TEST(std::abs(negative_log_likelihood(logits(), labels) - by_hand(2)) < 1e-15);
  BOOST_TEST(std::abs(negative_log_likelihood(logits(), labels, 4) - by_hand(0.5)) < 1e-15);
  BOOST_TEST(std::abs(by_hand(2) - by_hand(0.5)) > 0.01);
  BOOST_TEST(std::isfinite(negative_log_likelihood(logits(1e300), labels)));
}

// Right three times of four: a gap of log 3 says so.
BOOST_AUTO_TEST_CASE(the_temperature_that_fits_makes_confidence_what_is_right) {
  for (const double gap : {2.0, 0.1, 1e-6, 2e8})
    BOOST_TEST(std::abs(fit_temperature(logits(gap), labels) / (gap / std::log(3)) - 1) < 1e-12, gap);
  const double best = fit_temperature(logits(), labels), least = negative_log_likelihood(logits(), labels, best);
  for (const double by : {0.9, 1.1}) BOOST_TEST(negative_log_likelihood(logits(), labels, best * by) > least + 1e-5);
  for (const EvaluatedSample& one : evaluated_samples(logits(), labels, best))
    BOOST_TEST(std::abs(one.confidence - 0.75) < 1e-12);
}

BOOST_AUTO_TEST_CASE(labels_that_no_temperature_fits_are_refused) {
  const Tensor first = Tensor::from({std::int64_t{0}, std::int64_t{0}, std::int64_t{0}, std::int64_t{0}}, {4}),
               second = Tensor::from({std::int64_t{1}, std::int64_t{1}, std::int64_t{1}, std::int64_t{1}}, {4});
  BOOST_TEST(fails_with({"without the greatest logit"}, [&] { fit_temperature(logits(), first); }));
  BOOST_TEST(fails_with({"no greater than the others"}, [&] { fit_temperature(logits(), second); }));
  BOOST_TEST(fails_with({"no greater than the others"}, [&] { fit_temperature(logits(0), labels); }));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_judged_is_refused_by_name) {
  BOOST_TEST(fails_with({"a logit of"}, [&] { fit_temperature(logits(NAN), labels); }));
  BOOST_TEST(fails_with({"temperature 0"}, [&] { evaluated_samples(logits(), labels, 0); }));
  BOOST_TEST(fails_with({"temperature"}, [&] { negative_log_likelihood(logits(), labels, NAN); }));
  BOOST_TEST(fails_with({"[4] of i64"}, [&] { evaluated_samples(logits(), Tensor::from({std::int64_t{0}}, {1})); }));
  const Tensor far = Tensor::from({std::int64_t{0}, std::int64_t{0}, std::int64_t{2}, std::int64_t{1}}, {4});
  BOOST_TEST(fails_with({"label 2 of sample 2"}, [&] { evaluated_samples(logits(), far); }));
  BOOST_TEST(fails_with({"[n, classes]"}, [&] { fit_temperature(Tensor(), labels); }));
  BOOST_TEST(fails_with({"0 bins"}, [&] { calibration_error_by_mass({}, 0); }));
}

// Two bins of two: (0.5 + 0.6 - 1) / 4 and (2 - 0.8 - 0.9) / 4. In one bin they cancel in part.
BOOST_AUTO_TEST_CASE(bins_of_equal_mass_have_equal_numbers_of_samples) {
  const auto one = [](double confidence, bool right) {
    return EvaluatedSample{.truth = right ? 1 : 0, .predicted = 1, .confidence = confidence, .loss = 0};
  };
  const std::vector<EvaluatedSample> samples{one(0.9, true), one(0.5, false), one(0.8, true), one(0.6, true)};
  BOOST_TEST(std::abs(calibration_error_by_mass(samples, 2) - (0.1 + 0.3) / 4) < 1e-15);
  BOOST_TEST(std::abs(calibration_error_by_mass(samples, 1) - 0.2 / 4) < 1e-15);
  BOOST_TEST(std::abs(calibration_error_by_mass(samples) - (0.5 + 0.4 + 0.2 + 0.1) / 4) < 1e-15);
  BOOST_TEST(calibration_error_by_mass({}) == 0);
  std::vector<EvaluatedSample> unjudged = samples;
  unjudged[2].predicted.reset();
  BOOST_TEST(std::isnan(calibration_error_by_mass(unjudged)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
