// Changed inputs, where a linear classifier says exactly how far they can lead.
#include "lab/training/attack.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/nn/linear.h"
#include "lab/study/toys.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::fails_with;

constexpr std::int64_t samples = 5, inputs = 7;
constexpr double radius = 0.3;

struct Classifier {
  Linear net{{.in = inputs, .out = 2}, Rng(1)};
  Tensor x = toys::normals({samples, inputs}, Rng(2)), labels{{samples}, DType::i64};

  Classifier() {
    net.to(DType::f64);
    for (std::int64_t i = 0; i < samples; ++i) labels.mutable_data<std::int64_t>()[i] = i % 2;
  }

  // By how much the logit of the label is above the other.
  double margin(const Tensor& at, std::int64_t sample) {
    const Tensor logits = net(at).value();
    const double gap = logits.at({sample, 0}) - logits.at({sample, 1});
    return sample % 2 == 0 ? gap : -gap;
  }

  // The sum of |w_0 - w_1|.
  double steepness() const {
    double sum = 0;
    for (std::int64_t j = 0; j < inputs; ++j)
      sum += std::abs(net.weight.value().at({j, 0}) - net.weight.value().at({j, 1}));
    return sum;
  }
};

BOOST_AUTO_TEST_SUITE(attack)

BOOST_AUTO_TEST_CASE(one_step_takes_all_that_the_radius_can_from_a_linear_margin) {
  Classifier c;
  const Tensor moved = attacked(c.net, c.x, c.labels, {.radius = radius});
  BOOST_TEST(radius * c.steepness() > 0.1);
  for (std::int64_t i = 0; i < samples; ++i)
    BOOST_TEST(std::abs(c.margin(c.x, i) - c.margin(moved, i) - radius * c.steepness()) < 1e-12, "sample " << i);
}

BOOST_AUTO_TEST_CASE(many_steps_come_to_the_same_corner_and_stay_within_the_radius) {
  Classifier c;
  const Tensor corner = attacked(c.net, c.x, c.labels, {.radius = radius}),
               moved = attacked(c.net, c.x, c.labels, {.radius = radius, .steps = 10});
  BOOST_TEST(toys::farthest(corner, moved) < 1e-12);
  BOOST_TEST(std::abs(toys::farthest(moved, c.x) - radius) < 1e-12);
  const Tensor short_way = attacked(c.net, c.x, c.labels, {.radius = radius, .steps = 2, .step = 0.1});
  BOOST_TEST(std::abs(toys::farthest(short_way, c.x) - 0.2) < 1e-12);
}

BOOST_AUTO_TEST_CASE(neither_the_input_nor_the_model_changes) {
  Classifier c;
  const Tensor x = c.x.clone(), w = c.net.weight.value().clone();
  attacked(c.net, c.x, c.labels);
  BOOST_TEST(toys::farthest(x, c.x) == 0);
  BOOST_TEST(toys::farthest(w, c.net.weight.value()) == 0);
  BOOST_TEST(!c.net.weight.grad().defined());
}

BOOST_AUTO_TEST_CASE(options_that_move_nothing_are_refused) {
  Classifier c;
  BOOST_TEST(fails_with({"radius"}, [&] { attacked(c.net, c.x, c.labels, {.radius = 0}); }));
  BOOST_TEST(fails_with({"steps"}, [&] { attacked(c.net, c.x, c.labels, {.steps = 0}); }));
  BOOST_TEST(fails_with({"step"}, [&] { attacked(c.net, c.x, c.labels, {.step = -1}); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
