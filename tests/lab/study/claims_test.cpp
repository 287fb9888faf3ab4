// What becomes of claims: planted truths are confirmed, planted faults refuted, and null studies give few false
// verdicts.
#include "lab/study/claim.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "lab/study/study.h"
#include "tests/support/errors.h"

namespace ebb::claims_test {
namespace {

using test::fails_with;
using Is = Verdict::Is;

// What value(arm, pair) gives in each trial of a product of factors, as the measure "y".
template <class Value>
Results made(const std::vector<Factor>& factors, std::uint64_t pairs, Value value) {
  Results results(factors);
  for (const Arm& arm : product(factors))
    for (std::uint64_t pair = 1; pair <= pairs; ++pair) {
      Record record;
      value(arm, pair, record);
      results.add(arm, pair, record);
    }
  return results;
}

Verdict one(const Claim& claim, const Results& results) { return judge({claim}, results)[0].verdict; }

const std::vector<Factor> two{{"kind", {"a", "b"}}};
const Arm a{{"kind", "a"}}, b{{"kind", "b"}};

// Two arms that share the pair's noise, `b` higher by a number of standard deviations of the differences.
Results shifted(std::uint64_t seed, std::uint64_t pairs, double by) {
  return made(two, pairs, [=](const Arm& arm, std::uint64_t pair, Record& record) {
    const Rng rng = Rng(seed).at(pair);
    const double noise = rng.at(arm.at("kind")).normal(0) / std::sqrt(2);
    record.put("y", 5 * rng.normal(1) + noise + (arm.at("kind") == "b" ? by : 0));
  });
}

BOOST_AUTO_TEST_SUITE(claims)

BOOST_AUTO_TEST_CASE(a_mean_lies_above_a_floor_with_its_whole_interval) {
  const Claim claim = above({"1", ""}, "y", 1.15, a);
  const auto about = [](double mean, double other) {
    return made(two, 8, [=](const Arm& arm, std::uint64_t pair, Record& record) {
      const double off = pair % 2 == 0 ? 0.1 : -0.1;  // half a width of 0.09 at 95 %
      record.put("y", (arm == a ? mean : other) + off);
    });
  };
  BOOST_TEST((one(claim, about(1.25, 0)).is == Is::confirmed));
  BOOST_TEST((one(claim, about(1.23, 0)).is == Is::undecided));
  BOOST_TEST((one(claim, about(1.07, 9)).is == Is::undecided));
  BOOST_TEST((one(claim, about(1.05, 9)).is == Is::refuted));
  BOOST_TEST((one(claim, about(NAN, 9)).is == Is::undecided));
  const Results none = made(two, 8, [](const Arm&, std::uint64_t, Record& record) { record.put("y", 0); });
  BOOST_TEST((one(above({"1", ""}, "y", 0), none).is == Is::refuted));
  BOOST_TEST((one(above({"1", ""}, "y", 1.15), about(1.25, 0.9)).is == Is::refuted));  // in every arm
  const Verdict both = one(above({"1", ""}, "y", 0.5), about(1.25, 0.9));
  BOOST_TEST(both.measured.estimate == 0.9, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(both.sentence == "the worst of 2 arms: kind=b");
  BOOST_CHECK_THROW(above({"1", ""}, "y", NAN), Error);
  BOOST_CHECK_THROW(one(above({"1", ""}, "x", 1), about(1, 1)), Error);
}

BOOST_AUTO_TEST_CASE(an_identity_is_confirmed_to_its_bound_and_refuted_beyond_it) {
  const auto values = [](double y, double twin) {
    return made({}, 2, [=](const Arm&, std::uint64_t pair, Record& record) {
      record.put("y", pair == 2 ? -y : 0);
      record.put("twin", twin);
    });
  };
  const Claim claim = identity({"1", ""}, "y", 1e-12, "twin");
  BOOST_TEST((one(claim, values(9e-13, 1e-3)).is == Is::confirmed));
  BOOST_TEST((one(claim, values(2e-12, 1e-3)).is == Is::refuted));
  BOOST_TEST((one(claim, values(NAN, 1e-3)).is == Is::refuted));
  BOOST_TEST((one(claim, values(INFINITY, 1e-3)).is == Is::refuted));
  // A test that could not have seen the effect says nothing.
  BOOST_TEST((one(claim, values(0, 9e-10)).is == Is::undecided));
  BOOST_TEST((one(identity({"1", ""}, "y", 0, "twin"), values(0, 0)).is == Is::undecided));
  BOOST_TEST((one(identity({"1", ""}, "y", 0, "twin"), values(0, 0.9e-6)).is == Is::undecided));
  BOOST_TEST((one(identity({"1", ""}, "y", 0, "twin"), values(0, 1.1e-6)).is == Is::confirmed));
  BOOST_TEST(one(claim, values(1, 0.5)).sentence == "");  // what would be were it wrong is: it is wrong
  BOOST_TEST((one(identity({"1", ""}, "y", 1e-12, 1), values(0, 0)).is == Is::confirmed));
}

BOOST_AUTO_TEST_CASE(an_interval_is_compared_with_its_band) {
  const auto around = [](double centre, double spread) {
    return made(two, 8, [=](const Arm& arm, std::uint64_t pair, Record& record) {
      record.put("y", (arm == a ? 2 : 2 * centre) + spread * (pair % 2 == 0 ? 1 : -1));
      record.put("predicted", 2);
    });
  };
  for (const Quantity& predicted : {Quantity(2.0), Quantity("predicted")}) {
    const Claim claim = within({"1", ""}, "y", predicted, 0.1);
    BOOST_TEST((one(claim, around(1.05, 0.01)).is == Is::confirmed));
    BOOST_TEST((one(claim, around(1.2, 0.01)).is == Is::refuted));  // one of two arms is enough
    BOOST_TEST((one(claim, around(1.1, 0.01)).is == Is::undecided));
    BOOST_TEST((one(claim, around(1.0, 1.0)).is == Is::undecided));
    BOOST_TEST((one(claim, around(NAN, 0.01)).is == Is::undecided));
    BOOST_TEST((one(within({"1", ""}, "y", predicted, 0.1, a), around(1.2, 0.01)).is == Is::confirmed));
  }
  const Verdict worst = one(within({"1", ""}, "y", 2, 0.1), around(1.2, 0.01));
  BOOST_TEST(std::abs(worst.measured.estimate - 1.2) < 1e-12);
  BOOST_TEST(worst.sentence.find("kind=b") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(steps_of_a_single_pair_are_drawn_in_blocks) {
  // An AR(1) whose mean is off by less than its own wandering: steps taken for independent would refute it.
  const Results results = made({}, 1, [](const Arm&, std::uint64_t, Record& record) {
    double x = 0;
    for (std::int64_t i = 0; i < 500; ++i) {
      x = 0.98 * x + 0.01 * Rng(3).normal(static_cast<std::uint64_t>(i));
      record.put("y", i, 1 + x);
    }
  });
  const Verdict blocks = one(within({"1", ""}, "y", 1, 0.001, {}, 100), results);
  const Verdict steps = one(within({"1", ""}, "y", 1, 0.001), results);
  BOOST_TEST((blocks.is == Is::undecided));
  BOOST_TEST(blocks.n == 500);
  BOOST_TEST(blocks.measured.high - blocks.measured.low > 4 * (steps.measured.high - steps.measured.low));
}

BOOST_AUTO_TEST_CASE(a_slope_is_one_of_logarithms) {
  const std::vector<Factor> factors{{"x", {"1e-3", "1e-2", "1e-1"}}};
  const auto power = [&](double exponent, double noise) {
    return made(factors, 4, [=](const Arm& arm, std::uint64_t pair, Record& record) {
      const double x = std::stod(arm.at("x"));
      record.put("y", std::pow(x, exponent) * std::exp(noise * Rng(pair).normal(static_cast<std::uint64_t>(1 / x))));
      record.put("other", x * x);
    });
  };
  BOOST_TEST((one(slope({"1", ""}, "y", "x", -0.5, 0.1), power(-0.5, 0.01)).is == Is::confirmed));
  BOOST_TEST((one(slope({"1", ""}, "y", "x", -0.5, 0.1), power(-1, 0.01)).is == Is::refuted));
  BOOST_TEST((one(slope({"1", ""}, "y", "x", -0.5, 0.1), power(-0.5, 2)).is == Is::undecided));
  BOOST_TEST((one(slope({"1", ""}, "y", "other", -0.25, 0.1), power(-0.5, 0.01)).is == Is::confirmed));
}

BOOST_AUTO_TEST_CASE(null_studies_give_at_most_six_percent_false_verdicts) {
  // Each with every kind of claim on arms that do not differ, or that lie on the edge of their band; a false verdict is
  // one that decides a comparison or trend, or confirms what holds on the edge only.
  const std::vector<Factor> factors{{"level", {"1", "2", "3"}}};
  int comparisons = 0, equivalences = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const Results null = made(factors, 8, [&](const Arm& arm, std::uint64_t pair, Record& record) {
      const Rng rng = Rng(seed).at(pair).at(arm.at("level"));
      for (const char* const y : {"y", "z"}) record.put(y, rng.at(y).normal(0));
    });
    const Arm low{{"level", "1"}}, middle{{"level", "2"}}, high{{"level", "3"}};
    bool false_verdict = false;
    for (const Judged& judged : judge({greater({"1", ""}, "y", low, high), greater({"2", ""}, "z", middle, low),
                                       trend({"3", ""}, "y", "level", 1), trend({"4", ""}, "z", "level", -1)},
                                      null))
      false_verdict = false_verdict || judged.verdict.is != Is::undecided;
    comparisons += false_verdict ? 1 : 0;
    const Results edge = shifted(seed, 16, 2);
    equivalences += one(equivalent({"1", ""}, "y", b, a, 2), edge).is == Is::confirmed ? 1 : 0;
  }
  BOOST_TEST(comparisons <= 60);
  BOOST_TEST(comparisons >= 10);  // the rule is not so strict that it decides nothing
  BOOST_TEST(equivalences <= 60);
  BOOST_TEST(equivalences >= 10);
}

BOOST_AUTO_TEST_CASE(bands_on_whose_edge_the_truth_lies_are_decided_in_at_most_six_percent) {
  int decided = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const Results results = made(two, 8, [&](const Arm& arm, std::uint64_t pair, Record& record) {
      record.put("y", 1.1 + 0.02 * Rng(seed).at(pair).at(arm.at("kind")).normal(0));
    });
    decided += one(within({"1", ""}, "y", 1, 0.1), results).is == Is::undecided ? 0 : 1;
  }
  BOOST_TEST(decided <= 60);
  BOOST_TEST(decided >= 5);
}

BOOST_AUTO_TEST_CASE(effects_of_two_deviations_are_found_in_95_of_100) {
  int found = 0, reversed = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const Results results = shifted(seed, 8, 2);
    found += one(greater({"1", ""}, "y", b, a), results).is == Is::confirmed ? 1 : 0;
    reversed += one(greater({"1", ""}, "y", a, b), results).is == Is::refuted ? 1 : 0;
  }
  BOOST_TEST(found >= 950);
  BOOST_TEST(reversed == found);
}

BOOST_AUTO_TEST_CASE(too_few_pairs_make_an_estimate) {
  for (const std::uint64_t pairs : {5u, 6u}) {
    const Verdict verdict = one(greater({"1", ""}, "y", b, a), shifted(1, pairs, 100));
    BOOST_TEST((verdict.is == (pairs < 6 ? Is::reported : Is::confirmed)));
    BOOST_TEST(verdict.n == static_cast<std::int64_t>(pairs));
  }
  BOOST_TEST((one(equivalent({"1", ""}, "y", b, a, 2), shifted(1, 15, 0)).is == Is::reported));
  BOOST_TEST((one(equivalent({"1", ""}, "y", b, a, 2), shifted(1, 16, 0)).is == Is::confirmed));
  BOOST_TEST((one(equivalent({"1", ""}, "y", b, a, 2), shifted(1, 16, 8)).is == Is::refuted));
  BOOST_TEST((one(equivalent({"1", ""}, "y", b, a, 2), shifted(1, 16, 2)).is == Is::undecided));
}

BOOST_AUTO_TEST_CASE(p_values_of_a_study_are_adjusted_together) {
  // Eight pairs give 1/128 at best: times six it is below 0.05, times seven it is not.
  const Results results = shifted(1, 8, 100);
  for (const std::size_t count : {6u, 7u}) {
    std::vector<Claim> claims;
    for (std::size_t i = 0; i < count; ++i) claims.push_back(greater({text(i), ""}, "y", b, a));
    for (const Judged& judged : judge(claims, results)) {
      BOOST_TEST(judged.verdict.p == static_cast<double>(count) / 128);
      BOOST_TEST((judged.verdict.is == (count == 6 ? Is::confirmed : Is::undecided)));
    }
  }
}

BOOST_AUTO_TEST_CASE(trends_go_one_way) {
  const std::vector<Factor> factors{{"level", {"1", "2", "3", "4"}}};
  const Results rising = made(factors, 8, [](const Arm& arm, std::uint64_t pair, Record& record) {
    record.put("y", std::stod(arm.at("level")) + 0.3 * Rng(pair).at(arm.at("level")).normal(0));
  });
  BOOST_TEST((one(trend({"1", ""}, "y", "level", 1), rising).is == Is::confirmed));
  BOOST_TEST((one(trend({"1", ""}, "y", "level", -1), rising).is == Is::refuted));
}

BOOST_AUTO_TEST_CASE(claims_on_what_nobody_measured_are_errors) {
  const Results results = shifted(1, 8, 0);
  BOOST_TEST(fails_with({"S1.1", "Y", "did you mean \"y\"?"}, [&] { judge({estimate({"S1.1", ""}, "Y")}, results); }));
  BOOST_TEST(fails_with({"kind=c"}, [&] { judge({greater({"1", ""}, "y", Arm{{"kind", "c"}}, b)}, results); }));
  BOOST_TEST(fails_with({"S1.1", "identity()"}, [&] { within({"S1.1", ""}, "y", 0, 0.1); }));
  // At smaller tiers they are not judged.
  Claim later = estimate({"1", ""}, "Y");
  later.least = Tier::T2;
  BOOST_TEST(judge({later}, results, Tier::T1).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::claims_test
