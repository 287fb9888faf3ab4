// What the tape refuses, and what it tells backward rules.
#include "framework/autograd/tape.h"

#include <boost/test/unit_test.hpp>
#include <memory>
#include <thread>

#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
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

BOOST_AUTO_TEST_SUITE(tape_errors)

BOOST_AUTO_TEST_CASE(a_value_that_outlived_its_tape) {
  Var stale;
  {
    Tape tape;
    stale = tape.input(numbers({1})) * 2.0;
  }
  BOOST_TEST(fails_with({"mul", "has ended", "detach"}, [&] { stale * 2.0; }));
  Tape tape;
  BOOST_TEST(fails_with({"exp", "has ended"}, [&] { exp(stale); }));
  BOOST_TEST(fails_with({"backward", "another tape"}, [&] { tape.backward(stale); }));
}

BOOST_AUTO_TEST_CASE(a_second_backward) {
  Weight w({1});
  Tape tape;
  const Var loss = sum(Var(w) * w);
  tape.backward(loss);
  BOOST_TEST(fails_with({"second backward", "new Tape"}, [&] { tape.backward(loss); }));
  BOOST_TEST(fails_with({"mul", "whose backward() has run"}, [&] { loss * 2.0; }));
  BOOST_TEST(same_bits(w.grad(), numbers({2})));
}

BOOST_AUTO_TEST_CASE(a_loss_with_many_elements) {
  Tape tape;
  const Var x = tape.input(numbers({1, 2}));
  BOOST_TEST(fails_with({"backward", "[2]", "one element", "mean()"}, [&] { tape.backward(x); }));
  tape.backward(sum(x));  // a refused backward() spoils nothing
  BOOST_TEST(same_bits(tape.gradient(x), numbers({1, 1})));
}

BOOST_AUTO_TEST_CASE(losses_that_are_constant_undefined_or_strange) {
  Tape tape;
  const Var x = tape.input(numbers({1, 2}));
  BOOST_TEST(fails_with({"backward", "a constant", "frozen"}, [&] { tape.backward(Var(numbers({1}))); }));
  BOOST_TEST(fails_with({"backward", "undefined"}, [&] { tape.backward(Var()); }));
  BOOST_TEST(fails_with({"backward", "[2]", "[3]"}, [&] { tape.backward(x, numbers({1, 2, 3})); }));
  BOOST_TEST(fails_with({"backward", "f32"}, [&] { tape.backward(x, Tensor::zeros({2})); }));
  BOOST_TEST(fails_with({"tape", "i64"}, [&] { tape.input(Tensor::zeros({2}, DType::i64)); }));
}

BOOST_AUTO_TEST_CASE(gradients_asked_for_too_early_or_of_the_wrong_value) {
  Tape tape;
  const Var x = tape.input(numbers({1}));
  const Var y = x * 2.0;
  Weight w({1});
  BOOST_TEST(fails_with({"keep_gradient", "a parameter"}, [&] { tape.keep_gradient(Var(w)); }));
  BOOST_TEST(fails_with({"gradient", "before backward()"}, [&] { tape.gradient(x); }));
  tape.backward(y);
  BOOST_TEST(fails_with({"gradient", "result of mul"}, [&] { tape.gradient(y); }));
  BOOST_TEST(fails_with({"gradient", "not on this tape"}, [&] { tape.gradient(Var(numbers({1}))); }));
  BOOST_TEST(fails_with({"keep_gradient", "not on this tape"}, [&] { tape.keep_gradient(Var(numbers({1}))); }));
  BOOST_TEST(fails_with({"keep_gradient", "after backward()"}, [&] { tape.keep_gradient(y); }));
}

BOOST_AUTO_TEST_CASE(an_edit_in_place_of_what_was_saved) {
  Weight w({2});
  Tape tape;
  const Var x = tape.input(numbers({3}));
  const Var y = sum(exp(x * w));
  scale(w.value(), 2.0);
  BOOST_TEST(fails_with({"mul", "edited in place", "clone()"}, [&] { tape.backward(y); }));
}

BOOST_AUTO_TEST_CASE(an_edit_of_a_view_counts_and_one_of_what_was_not_saved_does_not) {
  Tape tape;
  Tensor t = numbers({1, 2});
  const Var x = tape.input(t);
  const Var y = sum(square(x));
  Tensor view = t.reshape({1, 2});
  fill(view, 1.0);
  BOOST_TEST(fails_with({"square", "edited in place"}, [&] { tape.backward(y); }));
  Tape other;
  const Var z = sum(other.input(t) + 1.0);
  fill(t, 7.0);
  other.backward(z);
}

BOOST_AUTO_TEST_CASE(rules_that_break_the_contract) {
  const auto op = [](auto rule) {
    Tape tape;
    const Var x = tape.input(numbers({1, 2}));
    tape.backward(sum(record("bad_op", {x, Var(numbers({1, 2}))}, numbers({1, 2}), rule)));
  };
  BOOST_TEST(fails_with({"bad_op", "[3]", "[2]", "input 0"}, [&] {
    op([](const Tensor&, InputGrads& dx) { dx.add(0, numbers({1, 2, 3})); });
  }));
  BOOST_TEST(fails_with({"bad_op", "f32", "f64"},
                        [&] { op([](const Tensor&, InputGrads& dx) { dx.add(0, Tensor::zeros({2})); }); }));
  BOOST_TEST(
      fails_with({"bad_op", "undefined"}, [&] { op([](const Tensor&, InputGrads& dx) { dx.add(0, Tensor()); }); }));
  BOOST_TEST(fails_with({"bad_op", "input 2", "0 to 1"},
                        [&] { op([](const Tensor& dy, InputGrads& dx) { dx.add(2, dy); }); }));
  BOOST_TEST(fails_with({"bad_op", "shape of input 1"},
                        [&] { op([](const Tensor& dy, InputGrads& dx) { dx.add(0, dy.reshape(dx.shape(1))); }); }));
}

BOOST_AUTO_TEST_CASE(wants_tells_what_is_wanted) {
  int asked = 0;
  const auto op = [&](const Var& a, const Var& b) {
    return record("op", {a, b}, a.value().clone(), [&](const Tensor& dy, InputGrads& dx) {
      asked += (dx.wants(0) ? 1 : 0) + (dx.wants(1) ? 10 : 0);
      dx.add(0, dy);
      dx.add(1, dy);  // ignored where it is not wanted
    });
  };
  Weight w({1});
  {
    Tape tape;
    tape.backward(op(numbers({1}), w));
  }
  BOOST_TEST(asked == 10);
  {
    Tape tape;
    tape.backward(op(w, w));
  }
  BOOST_TEST(asked == 21);
  BOOST_TEST(same_bits(w.grad(), numbers({3})));
}

BOOST_AUTO_TEST_CASE(tracked_asks_for_any) {
  Weight w({1});
  BOOST_TEST(!tracked({Var(w)}));
  Tape tape;
  BOOST_TEST(tracked({Var(numbers({1})), Var(w)}));
  BOOST_TEST(!tracked({Var(numbers({1})), Var()}));
  const Var leaf = w;
  const Tape::Pause pause;
  BOOST_TEST(!tracked({leaf}));
}

BOOST_AUTO_TEST_CASE(a_parameter_that_ends_before_backward) {
  Weight kept({1, 2}, "kept");
  auto lost = std::make_unique<Weight>(std::initializer_list<double>{3, 4}, "lost");
  Tape tape;
  const Var loss = sum(Var(kept) * Var(*lost));
  const Var other = sum(Var(kept) * 2.0);
  lost.reset();
  // Its place in memory is somebody else's.
  const auto heir = std::make_unique<Weight>(std::initializer_list<double>{5, 6}, "heir");
  BOOST_TEST(fails_with({"backward", "parameter lost", "has ended", "keep the model"}, [&] { tape.backward(loss); }));
  BOOST_TEST(!heir->grad().defined());
}

BOOST_AUTO_TEST_CASE(a_parameter_that_ends_and_gets_no_gradient_is_no_error) {
  Weight kept({1, 2}, "kept");
  Tape outer;
  auto lost = std::make_unique<Weight>(std::initializer_list<double>{3, 4}, "lost");
  const Var unused = sum(Var(*lost) * 3.0);
  const Var loss = sum(Var(kept) * 2.0);
  {
    Tape inner;  // not the one that has recorded it
    lost.reset();
  }
  outer.backward(loss);
  BOOST_TEST(same_bits(kept.grad(), numbers({2, 2})));
}

BOOST_AUTO_TEST_CASE(a_tape_that_ends_in_another_thread) {
  Weight w({1, 2});
  auto tape = std::make_unique<Tape>();
  const Var y = Var(w) * 2.0;
  std::thread([&] { tape.reset(); }).join();
  BOOST_TEST(fails_with({"mul", "another thread has ended", "in the thread that made them"}, [&] { Var(w) * 2.0; }));
  // Said once: the thread goes on without it.
  BOOST_TEST(!(Var(w) * 2.0).tracked());
  BOOST_TEST(fails_with({"mul", "has ended"}, [&] { y * 2.0; }));
  Tape next;
  next.backward(sum(Var(w) * 3.0));
  BOOST_TEST(same_bits(w.grad(), numbers({3, 3})));
}

BOOST_AUTO_TEST_CASE(a_tape_that_another_thread_ended_inside_the_scope_of_one) {
  Weight w({1, 2});
  auto outer = std::make_unique<Tape>();
  {
    Tape inner;
    std::thread([&] { outer.reset(); }).join();
    inner.backward(sum(Var(w) * 3.0));
  }
  BOOST_TEST(same_bits(w.grad(), numbers({3, 3})));
  BOOST_TEST(fails_with({"another thread has ended"}, [&] { Var(w) * 2.0; }));
  BOOST_TEST(!Tape::recording());
}

BOOST_AUTO_TEST_CASE(a_tape_that_outlives_its_thread) {
  Weight w({1, 2});
  std::unique_ptr<Tape> tape;
  Var loss;
  std::thread([&] {
    tape = std::make_unique<Tape>();
    loss = sum(Var(w) * 2.0);
  }).join();
  tape->backward(loss);
  BOOST_TEST(same_bits(w.grad(), numbers({2, 2})));
  tape.reset();
  // And one that ends first, so that the thread itself has to free it.
  std::thread([&] {
    auto local = std::make_unique<Tape>();
    const Var kept = Var(w) * 2.0;
    std::thread([&] { local.reset(); }).join();
  }).join();
  BOOST_TEST(!Tape::recording());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
