// Schedules as series, lambda windows, reduce-on-plateau.
#include "optim/schedule.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "optim/decay.h"
#include "tests/support/errors.h"

namespace ebb::test {
namespace {

void check(const Schedule& schedule, const std::vector<double>& want) {
  const std::vector<double> got = schedule.series(static_cast<std::int64_t>(want.size()));
  for (std::size_t i = 0; i < want.size(); ++i)
    BOOST_TEST(std::abs(got[i] - want[i]) < 1e-9, schedule.text()
                                                      << " at " << i << ": " << got[i] << " not " << want[i]);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(schedules)

BOOST_AUTO_TEST_CASE(series) {
  const double half = std::sqrt(0.5);
  check(constant(), {1, 1, 1});
  check(step_decay(2, 0.5), {1, 1, 0.5, 0.5, 0.25});
  check(multi_step({1, 3}, 0.1), {1, 0.1, 0.1, 0.01, 0.01});
  check(exponential(0.5), {1, 0.5, 0.25});
  check(polynomial(4, 2, 0.2), {1, 0.2 + 0.8 * 0.5625, 0.4, 0.25, 0.2, 0.2});
  check(cosine(4), {1, 0.5 + half / 2, 0.5, 0.5 - half / 2, 0, 0});
  check(cosine(2, 0.2), {1, 0.6, 0.2, 0.2});
  check(cosine_restarts(2, 2), {1, 0.5, 1, 0.5 + half / 2, 0.5, 0.5 - half / 2, 1});
  check(cosine_restarts(2), {1, 0.5, 1, 0.5, 1});
  check(warmup(2, exponential(0.5)), {0, 0.5, 1, 0.5, 0.25});
  check(warmup(2, constant(), 0.5), {0.5, 0.75, 1, 1});
  check(trapezoid(2, 2, 2), {0, 0.5, 1, 1, 1, 0.5, 0, 0});
  check(chain({{2, constant()}, {1, exponential(0.5)}, {1, cosine(2)}}), {1, 1, 1, 1, 0.5, 0, 0});
  check(constant() * exponential(0.5), {1, 0.5, 0.25});
  // PyTorch's OneCycleLR(max_lr=1, total_steps=10), default options: peak at step 2.
  check(one_cycle(10), {0.04, 0.52, 1.0, 0.9504846320134737, 0.8117456539497631});
  BOOST_TEST(std::abs(one_cycle(10)(9) - 4e-6) < 1e-18);
  // Its momentum over max_momentum = 1 with base_momentum = 0.5: the mirror image.
  check(one_cycle_momentum(10, {.low = 0.5}), {1, 0.75, 0.5, 0.5247577830243952, 0.5941275495353167});
  BOOST_TEST(one_cycle_momentum(10)(9) == 1);
  BOOST_TEST(one_cycle_momentum(10)(100) == 1);
}

BOOST_AUTO_TEST_CASE(text_says_how_they_were_made) {
  BOOST_TEST(warmup(500, cosine(4190)).text() == "warmup(500, cosine(4190))");
  BOOST_TEST(chain({{2, constant()}, {3, cosine(3)}}).text() == "chain(2: constant, 3: cosine(3))");
  BOOST_TEST(decoupled_lr(0.5 * cosine(10)).text() == "decoupled_lr 0.5 * cosine(10)");
  BOOST_TEST(decoupled_lr(0.5).from(3).until(9).text() == "decoupled_lr 0.5 from 3 until 9");
  BOOST_TEST(elastic_net(0.25, 0.5).text() == "elastic_net 0.5, l1 0.25");
  BOOST_TEST(toward_start(decoupled_lr(0.5)).text() == "toward_start(decoupled_lr) 0.5");
}

BOOST_AUTO_TEST_CASE(lambda_follows_schedule_and_window) {
  const Lambda lambda = Lambda(2 * exponential(0.5)).from(1).until(3);
  BOOST_TEST(lambda.at(0) == 0);
  BOOST_TEST(lambda.at(1) == 1);
  BOOST_TEST(lambda.at(2) == 0.5);
  BOOST_TEST(lambda.at(3) == 0);
  BOOST_TEST(Lambda(cosine(2)).at(1) == 0.5);
}

BOOST_AUTO_TEST_CASE(reduce_on_plateau) {
  Plateau plateau{.options = {.factor = 0.5, .patience = 1, .cooldown = 1, .smallest = 0.2}};
  const auto after = [&](std::vector<double> metrics) {
    for (const double metric : metrics) plateau.observe(metric);
    return plateau.multiplier;
  };
  BOOST_TEST(after({1, 0.5, 0.5}) == 1);  // one bad observation is borne
  BOOST_TEST(after({0.5}) == 0.5);        // the second is not
  BOOST_TEST(after({0.6, 0.6}) == 0.5);   // the first of these is cooldown
  BOOST_TEST(after({0.6}) == 0.25);
  BOOST_TEST(after({0.6, 0.6, 0.6}) == 0.2);  // never below the smallest
  BOOST_TEST(after({0.1}) == 0.2);            // improvement does not raise it again
  BOOST_TEST(fails_with({"NaN"}, [&] { plateau.observe(std::nan("")); }));
}

BOOST_AUTO_TEST_CASE(nonsense_is_refused) {
  BOOST_TEST(fails_with({"cosine", "total = 0"}, [] { cosine(0); }));
  BOOST_TEST(fails_with({"step_decay", "every"}, [] { step_decay(0); }));
  BOOST_TEST(fails_with({"exponential", "nan"}, [] { exponential(std::nan("")); }));
  BOOST_TEST(fails_with({"multi_step", "ascending"}, [] { multi_step({5, 3}); }));
  BOOST_TEST(fails_with({"warmup"}, [] { warmup(-1); }));
  BOOST_TEST(fails_with({"chain"}, [] { chain({}); }));
  BOOST_TEST(fails_with({"one_cycle_momentum", "low = 1.5"}, [] { one_cycle_momentum(10, {.low = 1.5}); }));
  BOOST_TEST(fails_with({"one_cycle_momentum", "rising = -1"}, [] { one_cycle_momentum(10, {.rising = -1}); }));
  BOOST_TEST(fails_with({"one_cycle_momentum", "total = 0"}, [] { one_cycle_momentum(0); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
