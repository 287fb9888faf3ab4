// What looks on at updates sees them whole, and changes nothing.
#include "optim/step_observer.h"

#include <boost/test/unit_test.hpp>

#include "optim/change_norms.h"
#include "tests/optim/toys.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

// Writes down what it is told.
struct Witness : StepObserver {
  Witness(std::string called, std::string* notes) : name(std::move(called)), told(notes) {}
  bool wants(std::int64_t step) override {
    *told += name + "?" + std::to_string(step) + ' ';
    return step % 2 == 0;
  }
  void before(const ParameterState& p, const Step& step) override {
    *told += name + "<" + p.path + ' ';
    weight = p.parameter->value().clone();
    gradient = p.parameter->grad().clone();
    scale = step.gradient_scale;
    shrink = step.terms.shrink;
  }
  void after(const ParameterState& p, const Step&) override {
    *told += name + ">" + p.path + ' ';
    result = p.parameter->value().clone();
  }
  void done(std::int64_t step) override { *told += name + "." + std::to_string(step) + ' '; }

  std::string name;
  std::string* told;
  Tensor weight, gradient, result;
  double scale = 0, shrink = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(step_observers)

BOOST_AUTO_TEST_CASE(are_told_of_each_updated_parameter_in_chosen_steps) {
  const auto a = parameter("a", {1}), frozen = parameter("frozen", {1}), b = parameter("b", {2});
  frozen->freeze();
  Sgd optimizer(groups({a.get(), frozen.get(), b.get()}, {{"all", everything_else()}}), {.lr = 0.5});
  std::string told;
  Witness first("x", &told), second("y", &told);
  optimizer.add(first);
  optimizer.add(second);
  const auto step = [&] {
    set_gradient(*a, {1});
    set_gradient(*b, {1});
    optimizer.step();
  };
  step();
  step();
  BOOST_TEST(told == "x?0 y?0 x<a y<a x>a y>a x<b y<b x>b y>b x.0 y.0 x?1 y?1 ");
  told.clear();
  optimizer.remove(first);
  step();
  BOOST_TEST(told == "y?2 y<a y>a y<b y>b y.2 ");
}

BOOST_AUTO_TEST_CASE(see_weight_gradient_and_result) {
  const auto w = parameter("w", {3, 4});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else(), {.after_step = max_norm(2)}}}),
                {.lr = 0.5, .decay = decoupled_lr(0.25), .gradient = {.accumulate = 2}});
  std::string told;
  Witness witness("w", &told);
  optimizer.add(witness);
  set_gradient(*w, {2, 0});
  optimizer.step();
  BOOST_TEST(told.empty());  // nothing was updated
  optimizer.step();
  BOOST_TEST(same_bits(witness.weight, Tensor::from({3.0, 4.0}, {2})));
  BOOST_TEST(same_bits(witness.gradient, Tensor::from({2.0, 0.0}, {2})));
  BOOST_TEST(witness.scale == 0.5);
  BOOST_TEST(witness.shrink == 0.125);
  BOOST_TEST(std::abs(norm(witness.result) - 2) < 1e-15);  // after the constraint
  BOOST_TEST(same_bits(witness.result, w->value()));
}

BOOST_AUTO_TEST_CASE(change_no_bit) {
  for (const Maker& maker : makers()) {
    Tensor results[2];
    for (const bool watched : {false, true}) {
      const auto w = random_parameter("w", {4, 3}, 1);
      const auto optimizer = maker.make(groups({w.get()}, {{"all", everything_else()}}), stable(0.1), {});
      std::string told;
      Witness witness("w", &told);
      if (watched) optimizer->add(witness);
      for (int i = 0; i < 5; ++i) {
        quadratic_gradient(*w, 2, 1);
        optimizer->step();
      }
      results[watched ? 1 : 0] = w->value();
      BOOST_TEST(told.empty() == !watched);
    }
    BOOST_TEST(same_bits(results[0], results[1]), maker.name);
  }
}

BOOST_AUTO_TEST_CASE(change_norms_leave_the_optimizer_when_they_end) {
  const auto w = parameter("w", {3, 4});
  Sgd optimizer(groups({w.get()}, {{"all", everything_else()}}), {.lr = 0.5});
  {
    const ChangeNorms changes(optimizer);
    BOOST_TEST(std::isnan(changes.of("w")));
    set_gradient(*w, {6, 8});
    optimizer.step();
    BOOST_TEST(changes.of("w") == 5);
    BOOST_TEST(std::isnan(changes.of("v")));
  }
  optimizer.step();
  BOOST_TEST(w->value().data<double>()[0] == -3);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
