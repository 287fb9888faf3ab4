#include "framework/autograd/gradcheck.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/ops/arithmetic.h"
#include "framework/ops/map.h"
#include "framework/ops/reduction.h"
#include "framework/tensor/memory.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::fails_with;

Tensor input(const Shape& shape, std::uint64_t seed = 1) { return test::random(shape, seed, 0.5, 1.5, DType::f64); }

GradcheckReport check(const std::function<Var(const Var&)>& f, const Tensor& x) {
  return gradcheck(
      "op", [&](std::span<const Var> in) { return f(in[0]); }, std::array{x});
}

// True when the report is a failure whose message has all of `parts`.
boost::test_tools::assertion_result caught(const GradcheckReport& report, std::initializer_list<const char*> parts) {
  boost::test_tools::assertion_result result(false);
  result.message() << "passed: " << report.passed << ", message: " << report.message;
  if (report.passed) return result;
  for (const char* part : parts)
    if (report.message.find(part) == std::string::npos) return result;
  return true;
}

// y = x^2 with a rule of the test's choosing.
template <class Rule>
Var squares(const Var& x, Rule rule) {
  return record("squares", {x}, map(x.value(), [](auto v) { return v * v; }),
                [x = Saved(x.value()), rule](const Tensor& dy, InputGrads& dx) { rule(*x, dy, dx); });
}

const auto right = [](const Tensor& x, const Tensor& dy, InputGrads& dx) {
  dx.add(0, map(x, dy, [](auto v, auto up) { return 2 * v * up; }));
};

BOOST_AUTO_TEST_SUITE(gradcheck_passes)

BOOST_AUTO_TEST_CASE(right_rules) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{5}, Shape{3, 4}, Shape{300}}) {
    const GradcheckReport report = check([](const Var& x) { return squares(x, right); }, input(shape));
    BOOST_TEST(report.passed, report.message);
    BOOST_TEST(report.message.empty());
    BOOST_TEST(report.compared > 0);
  }
}

BOOST_AUTO_TEST_CASE(counts_every_entry_of_the_jacobian) {
  // 12 weighted sums, 12 x 12 single entries, one direction.
  BOOST_TEST(check([](const Var& x) { return squares(x, right); }, input({3, 4})).compared == 12 + 144 + 1);
  // 16 directions, and one more.
  BOOST_TEST(check([](const Var& x) { return squares(x, right); }, input({300})).compared == 17);
}

BOOST_AUTO_TEST_CASE(several_arguments_of_several_shapes) {
  const std::array inputs{input({2, 3}, 1), input({3}, 2), input({}, 3), input({2, 300}, 4)};
  const GradcheckReport report = gradcheck(
      "op", [](std::span<const Var> in) { return in[0] * in[1] / in[2] + sum(in[3] * in[3]); }, inputs);
  BOOST_TEST(report.passed, report.message);
}

BOOST_AUTO_TEST_CASE(no_elements) {
  const GradcheckReport report = check([](const Var& x) { return sum(x); }, Tensor({0, 3}, DType::f64));
  BOOST_TEST(report.passed, report.message);
}

BOOST_AUTO_TEST_CASE(inside_a_tape_and_with_nothing_left_behind) {
  const bool before = memory::set_poison(false);
  const Tensor x = input({3});
  const Tensor copy = x.clone();
  Tape tape;
  const Var leaf = tape.input(x);
  BOOST_TEST(check([](const Var& v) { return squares(v, right); }, x).passed);
  BOOST_TEST(test::same_bits(x, copy));
  tape.backward(sum(leaf * leaf));
  BOOST_TEST(test::same_bits(tape.gradient(leaf), map(x, [](auto v) { return 2 * v; })));
  BOOST_TEST(!memory::set_poison(before));
}

BOOST_AUTO_TEST_CASE(poison_shows_in_fresh_memory) {
  const bool before = memory::set_poison(true);
  const Tensor fresh({4}, DType::f64);
  memory::set_poison(before);
  for (const double v : fresh.span<double>()) BOOST_TEST(std::isnan(v));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(gradcheck_catches)

BOOST_AUTO_TEST_CASE(a_missing_factor) {
  for (const Shape& shape : {Shape{3, 4}, Shape{1000}}) {
    const auto f = [](const Var& x) {
      return squares(x, [](const Tensor& v, const Tensor& dy, InputGrads& dx) {
        dx.add(0, map(v, dy, [](auto a, auto up) { return a * up; }));
      });
    };
    BOOST_TEST(caught(check(f, input(shape)), {"op: argument 0", "got ", "expected "}));
  }
}

BOOST_AUTO_TEST_CASE(a_small_error) {
  const auto f = [](const Var& x) {
    return squares(x, [](const Tensor& v, const Tensor& dy, InputGrads& dx) {
      dx.add(0, map(v, dy, [](auto a, auto up) { return 2 * a * up * (1 + 3e-7); }));
    });
  };
  BOOST_TEST(caught(check(f, input({3})), {"index [0]"}));
}

BOOST_AUTO_TEST_CASE(an_ignored_incoming_gradient) {
  for (const Shape& shape : {Shape{3}, Shape{1000}}) {
    const auto f = [](const Var& x) {
      return squares(
          x, [](const Tensor& v, const Tensor&, InputGrads& dx) { dx.add(0, map(v, [](auto a) { return 2 * a; })); });
    };
    BOOST_TEST(caught(check(f, input(shape)), {"argument 0"}));
  }
}

BOOST_AUTO_TEST_CASE(a_forgotten_element) {
  for (const Shape& shape : {Shape{2, 3}, Shape{1000}}) {
    const auto f = [](const Var& x) {
      return squares(x, [](const Tensor& v, const Tensor& dy, InputGrads& dx) {
        Tensor gradient(v.shape(), v.dtype());
        for (std::int64_t i = 0; i + 1 < v.size(); ++i)
          gradient.mutable_data<double>()[i] = 2 * v.data<double>()[i] * dy.data<double>()[i];
        dx.add(0, gradient);
      });
    };
    BOOST_TEST(caught(check(f, input(shape)), {"NaN"}));
  }
  BOOST_TEST(caught(check(
                        [](const Var& x) {
                          return squares(x, [](const Tensor& v, const Tensor&, InputGrads& dx) {
                            dx.add(0, Tensor(v.shape(), v.dtype()));
                          });
                        },
                        input({2, 3})),
                    {"index [0, 0]", "NaN"}));
}

BOOST_AUTO_TEST_CASE(a_wrong_index) {
  for (const Shape& shape : {Shape{5}, Shape{1000}}) {
    const auto f = [](const Var& x) {
      return squares(x, [](const Tensor& v, const Tensor& dy, InputGrads& dx) {
        Tensor gradient(v.shape(), v.dtype());
        const std::int64_t n = v.size();
        for (std::int64_t i = 0; i < n; ++i)
          gradient.mutable_data<double>()[i] = 2 * v.data<double>()[i] * dy.data<double>()[(i + 1) % n];
        dx.add(0, gradient);
      });
    };
    BOOST_TEST(caught(check(f, input(shape)), {"argument 0"}));
  }
}

BOOST_AUTO_TEST_CASE(one_wrong_element_of_many) {
  const auto f = [](const Var& x) {
    return squares(x, [](const Tensor& v, const Tensor& dy, InputGrads& dx) {
      Tensor gradient = map(v, dy, [](auto a, auto up) { return 2 * a * up; });
      gradient.mutable_data<double>()[777] *= 1.01;
      dx.add(0, gradient);
    });
  };
  BOOST_TEST(caught(check(f, input({1000})), {"argument 0, along a random direction"}));
}

BOOST_AUTO_TEST_CASE(a_forgotten_argument) {
  const auto f = [](std::span<const Var> in) {
    return record("product", {in[0], in[1]}, map(in[0].value(), in[1].value(), [](auto a, auto b) { return a * b; }),
                  [b = Saved(in[1].value())](const Tensor& dy, InputGrads& dx) {
                    dx.add(0, map(*b, dy, [](auto v, auto up) { return v * up; }));
                  });
  };
  const std::array inputs{input({2, 2}, 1), input({2, 2}, 2)};
  BOOST_TEST(caught(gradcheck("product", f, inputs), {"product: argument 1, index [0, 0]", "got 0, expected"}));
}

BOOST_AUTO_TEST_CASE(a_rule_that_is_wrong_for_one_input_alone) {
  const auto f = [](std::span<const Var> in) {
    return record("product", {in[0], in[1]}, map(in[0].value(), in[1].value(), [](auto a, auto b) { return a * b; }),
                  [a = Saved(in[0].value()), b = Saved(in[1].value())](const Tensor& dy, InputGrads& dx) {
                    const double factor = dx.wants(0) ? 1.0 : 2.0;
                    dx.add(0, map(*b, dy, [](auto v, auto up) { return v * up; }));
                    dx.add(1, map(*a, dy, [=](auto v, auto up) { return factor * v * up; }));
                  });
  };
  const std::array inputs{input({2, 2}, 1), input({2, 2}, 2)};
  BOOST_TEST(caught(gradcheck("product", f, inputs), {"argument 1", "other arguments being constants"}));
}

BOOST_AUTO_TEST_CASE(a_function_that_is_none) {
  int calls = 0;
  const auto f = [&](const Var& x) { return x * static_cast<double>(++calls); };
  BOOST_TEST(caught(check(f, input({3})), {"differs between calls"}));
}

BOOST_AUTO_TEST_CASE(inputs_and_results_of_another_type) {
  BOOST_TEST(fails_with({"gradcheck", "input 0 of op", "f32"},
                        [] { check([](const Var& x) { return x; }, Tensor::zeros({2})); }));
  BOOST_TEST(fails_with({"gradcheck", "result of type f32"},
                        [] { check([](const Var&) { return Var(Tensor::zeros({2})); }, input({2})); }));
  BOOST_TEST(fails_with({"gradcheck", "undefined"}, [] { check([](const Var& x) { return x; }, Tensor()); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
