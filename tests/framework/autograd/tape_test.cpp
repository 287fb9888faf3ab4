#include "framework/autograd/tape.h"

#include <boost/test/unit_test.hpp>
#include <memory>
#include <optional>
#include <thread>

#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::tape_test {
namespace {

using test::fails_with;
using test::same_bits;

Tensor numbers(std::initializer_list<double> values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

// A parameter of f64 numbers.
struct Weight : Parameter {
  explicit Weight(std::initializer_list<double> values, std::string name = "w")
      : Parameter(std::move(name), Role::weight, numbers(values)) {}
};

BOOST_AUTO_TEST_SUITE(tape_backward)

BOOST_AUTO_TEST_CASE(gradients_reach_parameters_and_inputs) {
  Weight w({2, 3});
  Tape tape;
  const Var x = tape.input(numbers({5, 7}));
  const Var loss = sum(x * w * w);
  BOOST_TEST(loss.item() == 5 * 4 + 7 * 9);
  BOOST_TEST(!w.grad().defined());
  tape.backward(loss);
  BOOST_TEST(same_bits(w.grad(), numbers({2 * 5 * 2, 2 * 7 * 3})));
  BOOST_TEST(same_bits(tape.gradient(x), numbers({4, 9})));
}

BOOST_AUTO_TEST_CASE(tells_of_each_gradient_when_nothing_more_is_added_to_it) {
  Weight early({2, 3}, "early"), late({5, 7}, "late"), unused({1, 1}, "unused"), shared({2, 2}, "shared");
  Tape tape;
  const Var first = shared, second = early;
  const Var a = first * second;
  const Var none = Var(unused) * numbers({1, 1});  // no way from it to the loss
  const Var third = shared, fourth = late;
  const Var loss = sum(a * third * fourth);
  std::vector<std::string> order;
  std::vector<Tensor> then;
  tape.backward(loss, Tensor::scalar(1, DType::f64), [&](Parameter& p) {
    order.emplace_back(p.name());
    then.push_back(p.grad().defined() ? p.grad().clone() : Tensor());
  });
  BOOST_TEST(order == (std::vector<std::string>{"late", "unused", "early", "shared"}),
             boost::test_tools::per_element());
  BOOST_TEST(same_bits(then.at(0), late.grad()));
  BOOST_TEST(!then.at(1).defined());
  BOOST_TEST(same_bits(then.at(2), early.grad()));
  BOOST_TEST(same_bits(then.at(3), shared.grad()));  // of both of its uses
  BOOST_TEST(same_bits(shared.grad(), numbers({2 * 2 * 2 * 5, 2 * 2 * 3 * 7})));
}

BOOST_AUTO_TEST_CASE(nothing_records_without_a_tape) {
  Weight w({2});
  BOOST_TEST(!Tape::recording());
  const Var y = Var(w) * Var(w);
  BOOST_TEST(!y.tracked());
  BOOST_TEST(y.item() == 4);
}

BOOST_AUTO_TEST_CASE(tensors_and_detached_values_are_constants) {
  Weight w({2});
  Tape tape;
  const Var c = numbers({3});
  BOOST_TEST(!(c * c).tracked());
  const Var y = Var(w) * c;
  BOOST_TEST(y.tracked());
  BOOST_TEST(!y.detach().tracked());
  tape.backward(sum(y.detach() * w));
  BOOST_TEST(same_bits(w.grad(), numbers({6})));
}

BOOST_AUTO_TEST_CASE(inputs_nothing_depends_on_have_zero_gradients) {
  Tape tape;
  const Var x = tape.input(numbers({1, 2}));
  const Var unused = tape.input(numbers({3, 4, 5}));
  tape.backward(sum(x));
  BOOST_TEST(same_bits(tape.gradient(unused), numbers({0, 0, 0})));
}

BOOST_AUTO_TEST_CASE(a_parameter_that_is_not_reached_has_no_gradient_and_one_of_zero_has) {
  Weight used({1});
  Weight unused({1});
  Tape tape;
  const Var dead = Var(unused) * 2.0;
  tape.backward(sum(Var(used) * 0.0));
  BOOST_TEST(!unused.grad().defined());
  BOOST_TEST(same_bits(used.grad(), numbers({0})));
  BOOST_TEST(dead.item() == 2);
}

BOOST_AUTO_TEST_CASE(a_seed_starts_from_a_value_of_any_shape) {
  Tape tape;
  const Var x = tape.input(numbers({1, 2}));
  tape.backward(x * 3.0, numbers({10, 100}));
  BOOST_TEST(same_bits(tape.gradient(x), numbers({30, 300})));
}

BOOST_AUTO_TEST_CASE(gradients_accumulate_over_tapes_until_cleared) {
  Weight w({2});
  for (int step = 0; step < 3; ++step) {
    Tape tape;
    tape.backward(sum(Var(w) * (step + 1.0)));
  }
  BOOST_TEST(same_bits(w.grad(), numbers({6})));
  w.zero_grad();
  BOOST_TEST(!w.grad().defined());
}

BOOST_AUTO_TEST_CASE(tied_uses_add_up) {
  Weight w({2});
  Tape tape;
  tape.backward(sum(Var(w) * 3.0 + Var(w) * 4.0 + w));
  BOOST_TEST(same_bits(w.grad(), numbers({8})));
}

BOOST_AUTO_TEST_CASE(frozen_parameters_are_constants) {
  Weight w({2});
  Weight frozen({5});
  frozen.freeze();
  Tape tape;
  tape.backward(sum(Var(w) * frozen));
  BOOST_TEST(same_bits(w.grad(), numbers({5})));
  BOOST_TEST(!frozen.grad().defined());
  frozen.unfreeze();
  Tape second;
  second.backward(sum(Var(w) * frozen));
  BOOST_TEST(same_bits(frozen.grad(), numbers({2})));
}

BOOST_AUTO_TEST_CASE(the_tape_counts_its_values) {
  Weight w({2});
  Tape tape;
  const Var y = Var(w) * 2.0;
  BOOST_TEST(tape.size() == 2u);  // the leaf and the product
}

BOOST_AUTO_TEST_SUITE_END()

// One buffer may be the gradient of several values: no rule's addition may reach another's numbers.
BOOST_AUTO_TEST_SUITE(tape_shared_buffers)

BOOST_AUTO_TEST_CASE(the_same_value_twice) {
  Weight w({3});
  Tape tape;
  tape.backward(sum(Var(w) + w));
  BOOST_TEST(same_bits(w.grad(), numbers({2})));
}

BOOST_AUTO_TEST_CASE(one_gradient_for_two_branches) {
  Tape tape;
  const Var a = tape.input(numbers({1, 2}));
  const Var b = tape.input(numbers({3, 4}));
  const Var s = a + b;           // hands one buffer to both
  const Var more = a * 5.0 + s;  // adds into that of a
  tape.backward(sum(more));
  BOOST_TEST(same_bits(tape.gradient(a), numbers({6, 6})));
  BOOST_TEST(same_bits(tape.gradient(b), numbers({1, 1})));
  Tensor first = tape.gradient(a);
  Tensor second = tape.gradient(b);
  BOOST_TEST(!first.shares(second));
}

BOOST_AUTO_TEST_CASE(gradients_of_inputs_belong_to_the_caller) {
  Tape tape;
  const Var a = tape.input(numbers({1, 2}));
  const Var b = tape.input(numbers({3, 4}));
  const Tensor seed = numbers({1, 10});
  tape.backward(a + b, seed);
  Tensor da = tape.gradient(a);
  scale(da, 2.0);
  BOOST_TEST(same_bits(tape.gradient(b), numbers({1, 10})));
  BOOST_TEST(same_bits(seed, numbers({1, 10})));
}

// The value is used twice, so that two rules add to its gradient, and what stands in front of it gets its own.
BOOST_AUTO_TEST_CASE(gradients_of_results_are_kept_where_it_is_asked) {
  const auto walk = [](bool keep) {
    Tape tape;
    const Var x = tape.input(numbers({2, 3}));
    const Var y = x * x, unused = x * 7.0;
    if (keep) {
      tape.keep_gradient(y);
      tape.keep_gradient(unused);
    }
    tape.backward(sum(y * y) + sum(y));
    if (keep) {
      Tensor dy = tape.gradient(y);
      BOOST_TEST(same_bits(dy, numbers({9, 19})));  // 2 y + 1
      scale(dy, 2.0);
      BOOST_TEST(same_bits(tape.gradient(unused), numbers({0, 0})));
    }
    return tape.gradient(x);
  };
  BOOST_TEST(same_bits(walk(true), numbers({36, 114})));  // (2 y + 1) 2 x
  BOOST_TEST(same_bits(walk(true), walk(false)));
}

BOOST_AUTO_TEST_CASE(parameters_do_not_keep_the_seed) {
  Weight w({1, 2});
  const Tensor seed = numbers({1, 10});
  for (int i = 0; i < 2; ++i) {
    Tape tape;
    tape.backward(reshape(Var(w), {2}), seed);
  }
  BOOST_TEST(same_bits(seed, numbers({1, 10})));
  BOOST_TEST(same_bits(w.grad(), numbers({2, 20})));
}

BOOST_AUTO_TEST_CASE(a_gradient_someone_keeps_is_not_written_to) {
  Weight w({1});
  {
    Tape tape;
    tape.backward(sum(Var(w) * 3.0));
  }
  const Tensor kept = w.grad();
  {
    Tape tape;
    tape.backward(sum(Var(w) * 4.0));
  }
  BOOST_TEST(same_bits(kept, numbers({3})));
  BOOST_TEST(same_bits(w.grad(), numbers({7})));
}

BOOST_AUTO_TEST_CASE(a_rule_may_hand_over_what_it_saved) {
  Tape tape;
  const Var x = tape.input(numbers({2, 3}));
  const Tensor slope = numbers({5, 7});
  const auto op = [&](const Var& v) {
    return record("op", {v}, v.value().clone(), [slope](const Tensor&, InputGrads& dx) { dx.add(0, slope); });
  };
  tape.backward(sum(op(x) + op(x)));
  BOOST_TEST(same_bits(tape.gradient(x), numbers({10, 14})));
  BOOST_TEST(same_bits(slope, numbers({5, 7})));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tape_scope)

BOOST_AUTO_TEST_CASE(pause_suspends) {
  Weight w({2});
  Tape tape;
  {
    const Tape::Pause pause;
    BOOST_TEST(!Tape::recording());
    BOOST_TEST(!(Var(w) * w).tracked());
  }
  BOOST_TEST(Tape::recording());
  BOOST_TEST((Var(w) * w).tracked());
}

BOOST_AUTO_TEST_CASE(values_of_the_tape_may_be_used_during_a_pause) {
  Tape tape;
  const Var x = tape.input(numbers({2}));
  const Var y = x * x;
  const Tape::Pause pause;
  const Var z = y * 3.0;
  BOOST_TEST(!z.tracked());
  BOOST_TEST(z.item() == 12);
}

BOOST_AUTO_TEST_CASE(an_inner_tape_records_instead) {
  Weight w({2});
  Tape outer;
  const Var before = Var(w) * 3.0;
  {
    Tape inner;
    BOOST_TEST(fails_with({"mul", "outer tape", "detach"}, [&] { before* w; }));
    BOOST_TEST((before.detach() * w).item() == 12);
    inner.backward(sum(Var(w) * 5.0));
  }
  BOOST_TEST(same_bits(w.grad(), numbers({5})));
  outer.backward(sum(before));
  BOOST_TEST(same_bits(w.grad(), numbers({8})));
}

BOOST_AUTO_TEST_CASE(a_tape_made_during_a_pause_does_not_end_it) {
  Tape outer;
  const Tape::Pause pause;
  {
    Tape inner;
    BOOST_TEST(Tape::recording());
  }
  BOOST_TEST(!Tape::recording());
}

BOOST_AUTO_TEST_CASE(tapes_may_end_in_any_order) {
  Weight w({2});
  auto first = std::make_unique<Tape>();
  auto second = std::make_unique<Tape>();
  auto third = std::make_unique<Tape>();
  second.reset();
  first.reset();
  {
    Tape other;  // takes over what the first one left
    other.backward(sum(Var(w) * 1.0));
  }
  third->backward(sum(Var(w) * 2.0));
  third.reset();
  BOOST_TEST(!Tape::recording());
  BOOST_TEST(same_bits(w.grad(), numbers({3})));
}

BOOST_AUTO_TEST_CASE(a_pause_that_outlives_its_tape_resumes_nothing) {
  auto tape = std::make_unique<Tape>();
  std::optional<Tape::Pause> pause;
  pause.emplace();
  tape.reset();
  pause.reset();
  BOOST_TEST(!Tape::recording());
}

BOOST_AUTO_TEST_CASE(threads_have_tapes_of_their_own) {
  Tape tape;
  bool records = true;
  double item = 0;
  std::thread([&] {
    records = Tape::recording();
    Weight w({3});
    Tape own;
    own.backward(sum(Var(w) * w));
    item = w.grad().item();
  }).join();
  BOOST_TEST(!records);
  BOOST_TEST(item == 6);
  BOOST_TEST(Tape::recording());
}

BOOST_AUTO_TEST_CASE(what_a_rule_keeps_is_freed_by_backward_and_by_the_end) {
  Tensor kept = numbers({1});
  const auto op = [&](const Var& v) {
    return record("op", {v}, v.value().clone(), [kept](const Tensor& dy, InputGrads& dx) { dx.add(0, dy); });
  };
  {
    Tape tape;
    const Var y = op(tape.input(numbers({1})));
    BOOST_TEST(!kept.unique());
    tape.backward(y);
    BOOST_TEST(kept.unique());
  }
  {
    Tape tape;
    op(tape.input(numbers({1})));
    BOOST_TEST(!kept.unique());
  }
  BOOST_TEST(kept.unique());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::tape_test
