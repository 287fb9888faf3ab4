// The study of decay in Adam's buffers against PyTorch's: 50 steps of its net with the penalty in each of the means,
// where its toys rest and how long their first steps are. See buffers_cases.py.
#include <boost/test/unit_test.hpp>

#include "lab/studies/buffers.h"
#include "tests/golden/recorded.h"

namespace ebb::golden::buffers_test {
namespace {

using namespace studies::buffers_study;

struct Came {
  State state;
  double accuracy = 0;
};

Came train(const Recorded& recorded, const std::string& place, double lambda) {
  Net net(Rng(1));
  begin(recorded, "0/", net);
  const double accuracy =
      trained(net, {recorded.wide("x"), recorded.at("labels")}, {recorded.wide("fresh x"), recorded.at("fresh labels")},
              place, lambda, recorded.number("steps"));
  return {net.state(), accuracy};
}

struct Settings {
  Recorded recorded{"study_buffers"};
  std::vector<double> lambdas = recorded.settings.at("lambdas");
  std::vector<std::string> places = recorded.settings.at("places");
};

}  // namespace

BOOST_AUTO_TEST_SUITE(buffers_against_pytorch)

BOOST_AUTO_TEST_CASE(a_net_with_the_penalty_in_one_mean_in_both_and_in_neither) {
  const Settings of;
  for (const double lambda : of.lambdas)
    for (const std::string& place : of.places) BOOST_TEST_CONTEXT(place << ' ' << lambda) {
        const std::string key = text(place, ' ', lambda);
        const Came came = train(of.recorded, place, lambda);
        BOOST_TEST(off(of.recorded, key + '/', came.state) < weights);
        BOOST_TEST(off(came.accuracy, of.recorded.settings.at("accuracies").at(key)) < weights);
      }
}

BOOST_AUTO_TEST_CASE(where_toys_rest_and_their_first_steps) {
  const Settings of;
  const nlohmann::json &toy = of.recorded.settings.at("toy"), &first = of.recorded.settings.at("first"),
                       &rests = of.recorded.settings.at("rests"), &firsts = of.recorded.settings.at("first steps");
  const auto resting = [&](const std::string& place) { return rest(place, toy.at("curvature"), toy.at("lambda")); };
  const auto stepping = [&](const std::string& place) {
    return first_step(place, first.at("gradient"), first.at("lambda"));
  };
  for (const std::string& place : of.places) BOOST_TEST_CONTEXT(place) {
      BOOST_TEST(off(resting(place), rests.at(place)) < weights);
      BOOST_TEST(off(stepping(place), firsts.at(place)) < weights);
    }
  BOOST_TEST(off(resting("squares"), rests.at("mean")) > effect * weights);
  BOOST_TEST(off(stepping("mean"), firsts.at("both")) > effect * weights);
  BOOST_TEST(off(stepping("squares"), firsts.at("both")) > effect * weights);
}

// AdamW, which is no place of the penalty, among them.
BOOST_AUTO_TEST_CASE(other_places_and_strengths_are_told_apart) {
  const Settings of;
  for (const double lambda : of.lambdas)
    for (const std::string& place : of.places) BOOST_TEST_CONTEXT(place << ' ' << lambda) {
        const auto apart = [&](const std::string& as, const Came& came) {
          return off(of.recorded, text(as, ' ', lambda, '/'), came.state);
        };
        const Came came = train(of.recorded, place, lambda);
        for (const std::string other : {"neither", "both", "mean", "squares", "adamw"})
          BOOST_TEST_CONTEXT("as " << other) {
            if (other != place) BOOST_TEST(apart(other, came) > effect * weights);
          }
        if (place != "neither") BOOST_TEST(apart(place, train(of.recorded, place, 1.001 * lambda)) > effect * weights);
      }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden::buffers_test
