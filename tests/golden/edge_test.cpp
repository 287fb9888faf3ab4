// The study of the edge of stability against PyTorch's: 50 steps of descent on one whole batch, and what the study
// measures on the way; there the sharpness comes of the whole Hessian. See edge_cases.py.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <memory>

#include "lab/studies/edge.h"
#include "tests/golden/recorded.h"

namespace ebb::golden::edge_test {
namespace {

using namespace studies::edge_study;

constexpr std::int64_t enough = 40;  // steps of Lanczos' method that leave rounding alone
constexpr double claimed = 0.02;     // as far as the study says that its own twelve are off

struct Came {
  State state;
  std::vector<double> places;
  std::map<std::string, double> measured;
};

// A training of make_study_golden.py, "mlp" or "cnn".
struct Run {
  std::string net;
  double lambda = 0;
  std::string key() const { return lambda == 0 ? net + " 0.0" : text(net, ' ', lambda); }
};
const std::vector<Run> runs{{"mlp", 0}, {"mlp", 0.01}, {"cnn", 0}, {"cnn", 0.01}};

const nlohmann::json& wanted(const Recorded& recorded, const Run& run) {
  return recorded.settings.at("runs").at(run.key());
}

// `times` the learning rate.
Came train(const Recorded& recorded, const Run& run, std::int64_t few, double times = 1) {
  std::unique_ptr<Layer> net;
  if (run.net == "mlp") net = std::make_unique<Mlp>(6, 8, 3, Rng(1));
  else net = std::make_unique<Cnn>(Rng(1));
  begin(recorded, run.net + " 0/", *net);
  const Tensor targets = one_hot(recorded.at(run.net + " labels"), run.net == "mlp" ? 3 : 10);
  Record record;
  studies::edge_study::train({*net, recorded.wide(run.net + " x"), targets},
                             {.lr = times * wanted(recorded, run).at("lr").get<double>(),
                              .lambda = run.lambda,
                              .steps = recorded.number("steps"),
                              .from = recorded.number("from"),
                              .to = recorded.number("to"),
                              .every = recorded.number("every"),
                              .few = few,
                              .many = enough},
                             "", Rng(2), record);
  Came came{.state = net->state(), .places = {}, .measured = {}};
  for (const Measured& each : record.all())
    if (each.measure == "place") came.places.push_back(each.value);
    else came.measured[each.measure] = each.value;
  return came;
}

double farthest_place(const Recorded& recorded, const Run& run, const Came& came) {
  const std::vector<double> places = wanted(recorded, run).at("places");
  if (places.size() != came.places.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < places.size(); ++i) worst = std::max(worst, off(came.places[i], places[i]));
  return worst;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(edge_against_pytorch)

BOOST_AUTO_TEST_CASE(weights_sharpness_and_what_is_claimed_of_them) {
  const Recorded recorded("study_edge");
  for (const Run& run : runs) BOOST_TEST_CONTEXT(run.key()) {
      const Came came = train(recorded, run, enough);
      BOOST_TEST(off(recorded, run.key() + '/', came.state) < weights);
      BOOST_TEST(farthest_place(recorded, run, came) < weights);
      for (const char* const what : {"growth", "loss", "final place", "steps to the edge", "share of steps that climb"})
        BOOST_TEST_CONTEXT(what) { BOOST_TEST(off(came.measured.at(what), wanted(recorded, run).at(what)) < weights); }
    }
}

BOOST_AUTO_TEST_CASE(twelve_steps_of_lanczos_find_what_the_whole_hessian_says) {
  const Recorded recorded("study_edge");
  for (const Run& run : runs) BOOST_TEST_CONTEXT(run.key()) {
      const Came came = train(recorded, run, Course{}.few);
      BOOST_TEST(farthest_place(recorded, run, came) < claimed);
      const double last = wanted(recorded, run).at("places").back();
      BOOST_TEST(off(came.measured.at("few steps of Lanczos over many"), came.places.back() / last) < weights);
    }
}

BOOST_AUTO_TEST_CASE(other_rates_strengths_and_measures_are_told_apart) {
  const Recorded recorded("study_edge");
  for (const Run& run : runs) BOOST_TEST_CONTEXT(run.key()) {
      const Came faster = train(recorded, run, enough, 1.001);
      BOOST_TEST(off(recorded, run.key() + '/', faster.state) > effect * weights);
      BOOST_TEST(farthest_place(recorded, run, faster) > effect * weights);
      BOOST_TEST(off(faster.measured.at("growth"), wanted(recorded, run).at("growth")) > effect * weights);
      BOOST_TEST(farthest_place(recorded, run, train(recorded, run, 2)) > 10 * claimed);
      const Came other = train(recorded, {run.net, 0.01 - run.lambda}, enough);
      for (const char* const what : {"growth", "loss", "final place"}) BOOST_TEST_CONTEXT(what) {
          BOOST_TEST(off(other.measured.at(what), wanted(recorded, run).at(what)) > effect * weights);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden::edge_test
