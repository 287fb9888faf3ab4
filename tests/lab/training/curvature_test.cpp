// Hessian-vector products against second derivatives by hand, and Lanczos' method on known spectra.
#include "lab/training/curvature.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/autograd/tape.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::fails_with;
using Numbers = std::vector<double>;

// sum exp(a) + <a, b>^2 / 2: blocks diag(e^a) + b b', (a, b) mixed, a a'.
struct Two {
  Parameter a{"a", Role::weight, Tensor::from({0.3, -0.7}, {2})}, b{"b", Role::weight, Tensor::from({1.1, 0.4}, {2})};
  std::vector<Parameter*> all{&a, &b};
  int calls = 0;
  void gradients() {
    ++calls;
    a.zero_grad(), b.zero_grad();
    Tape tape;
    tape.backward(sum(exp(Var(a))) + square(sum(Var(a) * Var(b))) * 0.5);
  }
  Numbers by_hand(const Numbers& v) const {
    const double x[] = {0.3, -0.7, 1.1, 0.4}, s = x[0] * x[2] + x[1] * x[3];
    double turn = 0;  // d<a, b>
    for (std::size_t i = 0; i < 4; ++i) turn += v[i] * x[(i + 2) % 4];
    Numbers out(4);
    for (std::size_t i = 0; i < 4; ++i)
      out[i] = turn * x[(i + 2) % 4] + s * v[(i + 2) % 4] + (i < 2 ? std::exp(x[i]) * v[i] : 0);
    return out;
  }
};

Numbers times(const Numbers& diagonal, Numbers v) {
  for (std::size_t i = 0; i < v.size(); ++i) v[i] *= diagonal[i];
  return v;
}

BOOST_AUTO_TEST_SUITE(curvature)

BOOST_AUTO_TEST_CASE(a_product_with_the_hessian_is_that_by_hand) {
  Two two;
  for (const Numbers& v :
       {Numbers{1, 0, 0, 0}, Numbers{0, 0, 0, 2}, Numbers{0.5, -1, 3, 0.2}, Numbers{1e6, 0, -1e6, 0}}) {
    const Numbers seen = hessian_vector_product(two.all, v, [&] { two.gradients(); }), want = two.by_hand(v);
    double worst = 0, size = 0;
    for (std::size_t i = 0; i < 4; ++i) worst = std::max(worst, std::abs(seen[i] - want[i])), size += std::abs(want[i]);
    BOOST_TEST(worst < 1e-10 * size);
    BOOST_TEST(size > 0.1);
  }
  BOOST_TEST(two.calls == 16);
  BOOST_TEST((hessian_vector_product(two.all, Numbers(4, 0.0), [&] { two.gradients(); }) == Numbers(4, 0.0)));
}

BOOST_AUTO_TEST_CASE(values_are_as_they_were_also_when_a_call_throws) {
  Two two;
  const Numbers v{1, 2, 3, 4};
  const auto kept = [&] {
    return two.a.value().at({0}) == 0.3 && two.a.value().at({1}) == -0.7 && two.b.value().at({1}) == 0.4;
  };
  hessian_vector_product(two.all, v, [&] { two.gradients(); });
  BOOST_TEST(kept());
  BOOST_CHECK_THROW(hessian_vector_product(two.all, v, [] { fail("gradients", "nothing", "something"); }), Error);
  BOOST_TEST(kept());
}

BOOST_AUTO_TEST_CASE(lanczos_finds_a_known_spectrum) {
  Numbers few(20), many(300);
  for (std::size_t i = 0; i < few.size(); ++i) few[i] = static_cast<double>(i * i) - 30;
  const Numbers all = lanczos(
      20, [&](const Numbers& v) { return times(few, v); }, 20, Rng(1));
  BOOST_REQUIRE(all.size() == 20u);
  for (std::size_t i = 0; i < few.size(); ++i) BOOST_TEST(std::abs(all[i] - few[i]) < 1e-9);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = std::sin(static_cast<double>(i));
  many[7] = 5, many[8] = -4;
  const Numbers ends = lanczos(
      300, [&](const Numbers& v) { return times(many, v); }, 30, Rng(1));
  BOOST_TEST(std::abs(ends.back() - 5) < 1e-9);
  BOOST_TEST(std::abs(ends.front() + 4) < 1e-9);
}

BOOST_AUTO_TEST_CASE(lanczos_ends_where_no_direction_is_left) {
  const Numbers two{3, 3, -1, 3, -1, -1};
  const Numbers found = lanczos(
      6, [&](const Numbers& v) { return times(two, v); }, 6, Rng(2));
  BOOST_REQUIRE(found.size() == 2u);
  BOOST_TEST(std::abs(found[0] + 1) < 1e-12);
  BOOST_TEST(std::abs(found[1] - 3) < 1e-12);
  const Numbers single = lanczos(
      1, [](const Numbers& v) { return Numbers{-2 * v[0]}; }, 9, Rng(3));
  BOOST_REQUIRE(single.size() == 1u);
  BOOST_TEST(std::abs(single[0] + 2) < 1e-15);
  BOOST_TEST((lanczos(
                  3, [](const Numbers& v) { return Numbers(v.size(), 0.0); }, 3, Rng(3)) == Numbers{0}));
}

BOOST_AUTO_TEST_CASE(eigenvalues_of_a_loss_are_those_of_its_hessian) {
  Two two;
  const Numbers found = hessian_eigenvalues(
      two.all, [&] { two.gradients(); }, 4, Rng(1));
  double trace = 0, of_found = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    Numbers unit(4, 0.0);
    unit[i] = 1;
    trace += two.by_hand(unit)[i], of_found += found[i];
  }
  BOOST_TEST(std::abs(of_found - trace) < 1e-9);
  BOOST_TEST(found.front() < -1e-3);
  BOOST_TEST(found.back() > 1);
}

BOOST_AUTO_TEST_CASE(what_has_no_curvature_to_give_is_refused) {
  Two two;
  const auto call = [&] { two.gradients(); };
  const std::vector<Parameter*> none;
  Parameter single("single", Role::weight, Tensor::zeros({2}));
  const std::vector<Parameter*> of_f32{&single};
  BOOST_TEST(fails_with({"no parameters"}, [&] { hessian_vector_product(none, {}, call); }));
  BOOST_TEST(fails_with({"single", "f64"}, [&] { hessian_eigenvalues(of_f32, call, 2, Rng(1)); }));
  BOOST_TEST(fails_with({"3 numbers", "4"}, [&] { hessian_vector_product(two.all, Numbers(3), call); }));
  BOOST_TEST(fails_with({"a step of 0"}, [&] { hessian_vector_product(two.all, Numbers(4, 1.0), call, 0); }));
  BOOST_TEST(fails_with({"0 steps"}, [&] {
    lanczos(
        3, [](const Numbers& v) { return v; }, 0, Rng(1));
  }));
  BOOST_TEST(fails_with({"2 numbers"}, [&] {
    lanczos(
        3, [](const Numbers&) { return Numbers(2); }, 2, Rng(1));
  }));
  BOOST_TEST(fails_with({"not finite"}, [&] {
    lanczos(
        3, [](const Numbers&) { return Numbers(3, NAN); }, 2, Rng(1));
  }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
