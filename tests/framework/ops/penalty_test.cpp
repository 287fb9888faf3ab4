#include "framework/ops/penalty.h"

#include <array>
#include <boost/test/unit_test.hpp>

#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "tests/support/errors.h"
#include "tests/support/ops.h"

namespace ebb {
namespace {

using test::fails_with;
using test::same_bits;

struct Weights {
  Parameter a{"a", Role::weight, Tensor::from({1.0, -2.0}, {2})};
  Parameter b{"b", Role::weight, Tensor::from({0.0, 3.0, -0.5}, {3})};
  std::array<Parameter*, 2> all{&a, &b};
};

BOOST_AUTO_TEST_SUITE(penalties)

BOOST_AUTO_TEST_CASE(values_and_gradients) {
  Weights w;
  {
    Tape tape;
    const Var loss = l2_penalty(w.all, 0.5);
    BOOST_TEST(loss.item() == 0.25 * (1 + 4 + 9 + 0.25));
    BOOST_TEST(loss.shape() == Shape{});
    tape.backward(loss);
  }
  BOOST_TEST(same_bits(w.a.grad(), Tensor::from({0.5, -1.0}, {2})));
  BOOST_TEST(same_bits(w.b.grad(), Tensor::from({0.0, 1.5, -0.25}, {3})));
  w.a.zero_grad();
  w.b.zero_grad();
  {
    Tape tape;
    const Var loss = l1_penalty(w.all, 0.5);
    BOOST_TEST(loss.item() == 0.5 * 6.5);
    tape.backward(loss);
  }
  BOOST_TEST(same_bits(w.a.grad(), Tensor::from({0.5, -0.5}, {2})));
  BOOST_TEST(same_bits(w.b.grad(), Tensor::from({0.0, 0.5, -0.5}, {3})));
}

BOOST_AUTO_TEST_CASE(the_incoming_gradient_counts) {
  Weights w;
  Tape tape;
  tape.backward(3.0 * l2_penalty(w.all, 1.0) + 2.0 * l1_penalty(w.all, 1.0));
  BOOST_TEST(same_bits(w.a.grad(), Tensor::from({3 * 1.0 + 2.0, 3 * -2.0 - 2.0}, {2})));
}

BOOST_AUTO_TEST_CASE(listed_twice_counts_once) {
  Weights w;
  const std::array<Parameter*, 4> list{&w.a, &w.b, &w.a, &w.a};
  Tape tape;
  const Var loss = l2_penalty(list, 1.0);
  BOOST_TEST(loss.item() == l2_penalty(w.all, 1.0).item());
  tape.backward(loss);
  BOOST_TEST(same_bits(w.a.grad(), w.a.value()));
}

BOOST_AUTO_TEST_CASE(frozen_parameters_count_and_get_no_gradient) {
  Weights w;
  w.b.freeze();
  Tape tape;
  const Var loss = l1_penalty(w.all, 1.0);
  BOOST_TEST(loss.item() == 6.5);
  tape.backward(loss);
  BOOST_TEST(w.a.grad().defined());
  BOOST_TEST(!w.b.grad().defined());
  w.a.freeze();
  BOOST_TEST(!l1_penalty(w.all, 1.0).tracked());
}

BOOST_AUTO_TEST_CASE(one_node_for_the_list) {
  Weights w;
  Tape tape;
  const Var loss = l2_penalty(w.all, 1.0);
  BOOST_TEST(tape.size() == 3u);  // two leaves and the penalty
}

BOOST_AUTO_TEST_CASE(the_value_is_carried_in_double) {
  Parameter small("small", Role::weight, Tensor::full({1 << 20}, 1e-3));
  Parameter large("large", Role::weight, Tensor::full({1}, 1e3));
  const std::array<Parameter*, 2> all{&large, &small};
  const double third = static_cast<double>(1e-3F);
  const double exact = 0.5 * (1e6 + third * third * (1 << 20));
  BOOST_TEST(l2_penalty(all, 1.0).item() == static_cast<double>(static_cast<float>(exact)));
}

BOOST_AUTO_TEST_CASE(without_a_tape_it_is_a_number) {
  Weights w;
  BOOST_TEST(!l2_penalty(w.all, 1.0).tracked());
  BOOST_TEST(l2_penalty(w.all, 2.0).item() == 14.25);
}

BOOST_AUTO_TEST_CASE(errors) {
  Weights w;
  Parameter single("single", Role::weight, Tensor::zeros({2}));
  const std::array<Parameter*, 2> mixed{&w.a, &single};
  const std::array<Parameter*, 2> null{&w.a, nullptr};
  BOOST_TEST(fails_with({"l2_penalty", "empty"}, [] { l2_penalty({}, 1.0); }));
  BOOST_TEST(fails_with({"l1_penalty", "null", "position 1"}, [&] { l1_penalty(null, 1.0); }));
  BOOST_TEST(fails_with({"l2_penalty", "single", "f32", "f64", "position 1"}, [&] { l2_penalty(mixed, 1.0); }));
  Tape tape;
  const Var loss = l2_penalty(w.all, 1.0);
  scale(w.a.value(), 0.5);
  BOOST_TEST(fails_with({"l2_penalty", "edited in place"}, [&] { tape.backward(loss); }));
}

BOOST_AUTO_TEST_CASE(same_bits_on_all_threads) {
  const Tensor values = test::random({1000, 170}, 4);
  BOOST_TEST(test::same_on_all_threads([&] {
    Parameter p("p", Role::weight, values.clone());
    const std::array<Parameter*, 1> list{&p};
    Tape tape;
    const Var loss = l2_penalty(list, 0.1) + l1_penalty(list, 0.2);
    tape.backward(loss);
    return std::vector<Tensor>{loss.value(), p.grad()};
  }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
