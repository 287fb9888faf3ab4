// The study of a sphere in place of decay against PyTorch's: 50 steps of its net under AdamW and on spheres, how fast
// directions are forgotten, and how far updates turn. See hyperball_cases.py.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/compute/basic.h"
#include "lab/studies/hyperball.h"
#include "tests/golden/recorded.h"

namespace ebb::golden::hyperball_test {
namespace {

using namespace studies::hyperball_study;

struct Trained {
  State state;
  Came came;
};

Trained train(const Recorded& recorded, const std::string& way) {
  workloads::BnMlp net({.in = 12, .hidden = 16, .classes = 4}, Rng(1));
  net.to(DType::f64);
  begin(recorded, "0/", net);
  const auto batch = [&](const std::string& name) {
    return workloads::Batch{recorded.wide(name + " x"), recorded.at(name + " labels")};
  };
  const auto batches = [&](std::int64_t epoch) {
    std::vector<workloads::Batch> out;
    for (std::int64_t i = 0; i < recorded.number("batches"); ++i)
      out.push_back(
          batch(text("batch ", recorded.at("order").data<std::int64_t>()[epoch * recorded.number("batches") + i])));
    return out;
  };
  const auto accuracy = [&](Layer& model) {
    const workloads::Batch fresh = batch("fresh");
    return 100 * workloads::accuracy(model(fresh.x).value(), fresh.labels);
  };
  const Came came = studies::hyperball_study::train(net, way,
                                                    {.epochs = recorded.number("epochs"),
                                                     .judged = recorded.number("judged"),
                                                     .batches = batches,
                                                     .accuracy = accuracy});
  return {net.state(), came};
}

// Row i of what is recorded.
Directions rows(const Recorded& recorded, const std::string& key) {
  return [all = recorded.wide(key)](std::int64_t i) {
    Tensor row({all.dim(1)}, DType::f64);
    std::ranges::copy(all.span<double>().subspan(static_cast<std::size_t>(i * all.dim(1)), row.span<double>().size()),
                      row.mutable_span<double>().begin());
    return row;
  };
}

double farthest_cosine(const Recorded& recorded, bool sphere, const std::string& way) {
  Parameter w("w", Role::weight, recorded.wide("long"));
  const nlohmann::json &walk = recorded.settings.at("walk"), &wanted = recorded.settings.at("memory").at(way);
  const auto cosines = forgotten(
      w, sphere,
      {.steps = recorded.number("steps"), .from = walk.at("from"), .every = walk.at("every"), .most = walk.at("most")},
      rows(recorded, "long directions"));
  if (cosines.size() != wanted.size()) return INFINITY;
  double worst = 0;
  for (const auto& [lag, cosine] : cosines) worst = std::max(worst, off(cosine, wanted.at(text(lag))));
  return worst;
}

Turns turning(const Recorded& recorded, double rate) {
  Parameter w("w", Role::weight, recorded.wide("short"));
  return turns(w, rate, recorded.number("steps"), rows(recorded, "short directions"));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hyperball_against_pytorch)

BOOST_AUTO_TEST_CASE(a_net_under_decay_and_on_spheres) {
  const Recorded recorded("study_hyperball");
  for (const std::string way : recorded.settings.at("ways")) BOOST_TEST_CONTEXT(way) {
      const Trained trained = train(recorded, way);
      const nlohmann::json& came = recorded.settings.at("came").at(way);
      BOOST_TEST(off(recorded, way + '/', trained.state) < weights);
      BOOST_TEST(off(trained.came.loss, came.at("loss")) < weights);
      BOOST_TEST(off(trained.came.accuracy, came.at("accuracy")) < weights);
    }
}

BOOST_AUTO_TEST_CASE(how_a_direction_is_forgotten) {
  const Recorded recorded("study_hyperball");
  BOOST_TEST(farthest_cosine(recorded, false, "decay") < weights);
  BOOST_TEST(farthest_cosine(recorded, true, "sphere") < weights);
  BOOST_TEST(farthest_cosine(recorded, true, "decay") > effect * weights);
}

BOOST_AUTO_TEST_CASE(how_far_updates_turn) {
  const Recorded recorded("study_hyperball");
  for (const double rate : recorded.settings.at("rates")) BOOST_TEST_CONTEXT(rate) {
      const std::string key = rate == 1 ? "angles 1.0" : text("angles ", rate);
      const Turns seen = turning(recorded, rate);
      BOOST_TEST(off(seen.angles, recorded.at(key)) < weights);
      BOOST_TEST(seen.longer < weights);
      BOOST_TEST(off(turning(recorded, 1.001 * rate).angles, recorded.at(key)) > effect * weights);
    }
}

BOOST_AUTO_TEST_CASE(other_rotations_are_told_apart) {
  const Recorded recorded("study_hyperball");
  for (const auto& [way, other] : {std::pair{"1", "1.001"}, {"8", "8.008"}, {"1", "decay"}, {"decay", "1"}}) {
    BOOST_TEST_CONTEXT(other << " as " << way) {
      const Trained trained = train(recorded, other);
      BOOST_TEST(off(recorded, text(way, '/'), trained.state) > effect * weights);
      BOOST_TEST(off(trained.came.loss, recorded.settings.at("came").at(way).at("loss")) > effect * weights);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::golden::hyperball_test
