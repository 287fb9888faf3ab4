// Gradients and weights at the ends of what a type can hold: nothing turns NaN, and nothing stands still that should
// move.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "optim/constraint.h"
#include "tests/optim/toys.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

constexpr DType types[] = {DType::f32, DType::f64};

Groups all_of(Parameter& p, GroupOptions options = {}) {
  return groups({&p}, {{"all", everything_else(), std::move(options)}});
}

Tensor scaled(const Tensor& x, double factor) {
  Tensor y = x.clone();
  dispatch("scaled", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (T& v : y.mutable_span<T>()) v = static_cast<T>(factor * static_cast<double>(v));
  });
  return y;
}

// Every optimizer with an eps, with eps = 0 and lr = 0.1.
std::vector<Maker> makers_without_eps() {
  std::vector<Maker> list;
  const auto add = [&](const char* name, auto make) { list.push_back({name, make}); };
  add("adam", [](Groups g, Decay d, Schedule) {
    return std::make_unique<Adam>(g, AdamOptions{.lr = 0.1, .eps = 0, .decay = d});
  });
  add("amsgrad", [](Groups g, Decay d, Schedule) {
    return std::make_unique<Adam>(g, AdamOptions{.lr = 0.1, .eps = 0, .amsgrad = true, .decay = d});
  });
  add("adamw", [](Groups g, Decay d, Schedule) {
    return std::make_unique<AdamW>(g, AdamOptions{.lr = 0.1, .eps = 0, .decay = d});
  });
  add("adamp", [](Groups g, Decay d, Schedule) {
    return std::make_unique<Adam>(g, AdamOptions{.lr = 0.1, .eps = 0, .decay = d, .projection = Projection{}});
  });
  add("nadam", [](Groups g, Decay d, Schedule) {
    return std::make_unique<NAdam>(g, NAdamOptions{.lr = 0.1, .eps = 0, .decay = d});
  });
  add("radam", [](Groups g, Decay d, Schedule) {
    return std::make_unique<RAdam>(g, RAdamOptions{.lr = 0.1, .eps = 0, .decay = d});
  });
  for (const bool centered : {false, true})
    for (const double momentum : {0.0, 0.5})
      add("rmsprop", [=](Groups g, Decay d, Schedule) {
        return std::make_unique<RmsProp>(
            g, RmsPropOptions{.lr = 0.1, .eps = 0, .momentum = momentum, .centered = centered, .decay = d});
      });
  add("adagrad", [](Groups g, Decay d, Schedule) {
    return std::make_unique<Adagrad>(g, AdagradOptions{.lr = 0.1, .eps = 0, .decay = d});
  });
  add("lars", [](Groups g, Decay d, Schedule) {
    return std::make_unique<Lars>(g, LarsOptions{.lr = 0.1, .eps = 0, .decay = d});
  });
  add("lamb", [](Groups g, Decay d, Schedule) {
    return std::make_unique<Lamb>(g, LambOptions{.lr = 0.1, .eps = 0, .decay = d});
  });
  add("muon", [](Groups g, Decay d, Schedule) {
    return std::make_unique<Muon>(g, MuonOptions{.lr = 0.1, .adam_eps = 0, .decay = d});
  });
  add("muon's adam", [](Groups g, Decay d, Schedule) {
    return std::make_unique<Muon>(g, MuonOptions{.lr = 0.1, .adam_groups = {"all"}, .adam_eps = 0, .decay = d});
  });
  return list;
}

// How far `optimizer` moves w by one step with this gradient.
Tensor change(Optimizer& optimizer, Parameter& w, const Tensor& gradient) {
  const Tensor before = w.value().clone();
  set_gradient(w, gradient);
  optimizer.step();
  Tensor moved = w.value().clone();
  axpy(-1, before, moved);
  return moved;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(numbers_at_the_ends_of_the_range)

BOOST_AUTO_TEST_CASE(a_zero_gradient_without_eps_moves_nothing) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types)
      for (const Maker& maker : makers_without_eps())
        for (const Decay& decay : {no_decay(), decoupled_lr(0.5), cautious(0.5), proximal_l2(0.5)}) {
          const auto w = random_parameter("w", {5, 7}, 1, dtype);
          const auto optimizer = maker.make(all_of(*w), decay, constant());
          Tensor want = w->value().clone();
          for (int step = 0; step < 8; ++step) {
            zero_gradient(*w);
            optimizer->step();
            if (decay.name != "none") scale(want, decay.name == "proximal_l2" ? 1 / 1.05 : 0.95);
          }
          const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-14;
          const bool slow = maker.name == "muon's adam";  // its rate is another one
          if (!slow)
            BOOST_TEST(close(w->value(), want, decay.name == "none" ? 0 : tolerance), maker.name << ' ' << decay.name);
          BOOST_TEST(all_finite(w->value()), maker.name);
          // It moves where something comes, and there alone.
          Tensor g = Tensor::zeros({5, 7}, dtype);
          dispatch("test", dtype, [&](auto zero) { g.mutable_data<decltype(zero)>()[3] = 0.25; });
          for (int step = 0; step < 8; ++step) {
            set_gradient(*w, g);
            optimizer->step();
          }
          BOOST_TEST(all_finite(w->value()), maker.name);
          if (decay.name != "none" || slow) continue;
          BOOST_TEST(std::abs(w->value().at({0, 3}) - want.at({0, 3})) > 1e-4, maker.name);
          BOOST_TEST(w->value().at({0, 4}) == want.at({0, 4}), maker.name);
        }
  }
}

// Squares of 1e-25 are no f32: without eps there is nothing to divide by.
BOOST_AUTO_TEST_CASE(a_second_moment_that_rounds_to_zero_moves_nothing) {
  for (const Maker& maker : makers_without_eps()) {
    if (maker.name == "lars" || maker.name == "muon" || maker.name == "radam") continue;
    const auto w = random_parameter("w", {5, 7}, 1, DType::f32);
    const Tensor before = w->value().clone();
    const auto optimizer = maker.make(all_of(*w), no_decay(), constant());
    set_gradient(*w, Tensor::full({5, 7}, 1e-25));
    optimizer->step();
    BOOST_TEST(same_bits(w->value(), before), maker.name);
  }
}

BOOST_AUTO_TEST_CASE(adadelta_without_eps_is_refused) {
  const auto w = parameter("w", {1});
  BOOST_TEST(fails_with({"adadelta", "eps = 0"}, [&] { Adadelta(all_of(*w), {.eps = 0}); }));
}

// v - a^2 = g^2 alpha^t (1 - alpha^t) at a constant gradient: below what f32 resolves from step 1,201 on.
BOOST_AUTO_TEST_CASE(centered_rmsprop_of_a_constant_gradient) {
  constexpr double alpha = 0.99, g = 0.1, eps = 1e-8, lr = 1e-3;
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types)
      for (const double momentum : {0.0, 0.5}) {
        Parameter w("w", Role::weight, Tensor::zeros({19}, dtype));
        RmsProp optimizer(all_of(w), {.lr = lr, .alpha = alpha, .eps = eps, .momentum = momentum, .centered = true});
        double want = 0, buffer = 0;
        bool moving = true;
        for (int step = 1; step <= 4000; ++step) {
          const double before = w.value().at({7});
          set_gradient(w, Tensor::full({19}, g, dtype));
          optimizer.step();
          const double power = std::pow(alpha, step);
          buffer = momentum * buffer + g / (std::sqrt(g * g * power * (1 - power)) + eps);
          want -= lr * buffer;
          moving = moving && w.value().at({7}) < before;
          if (step == 400)
            BOOST_TEST(close(w.value(), Tensor::full({19}, want, dtype), dtype == DType::f32 ? 1e-3 : 1e-9));
        }
        BOOST_TEST(moving);
        // No step is longer than lr / (1 - momentum) / sqrt(epsilon / (1 - alpha)).
        const double epsilon =
            dtype == DType::f32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
        BOOST_TEST(-w.value().at({18}) < 4000 * lr / (1 - momentum) / std::sqrt(epsilon / (1 - alpha)), name);
      }
  }
}

BOOST_AUTO_TEST_CASE(muon_and_lars_do_not_see_the_scale_of_gradients) {
  for (const DType dtype : types)
    for (const char* const which : {"muon", "lars"}) {
      const Tensor gradient = random({6, 9}, 5, -1, 1, dtype);
      Tensor want;
      for (const double factor : {1.0, 1e-30, 1e30, 1e-200, 1e200}) {
        if (dtype == DType::f32 && (factor < 1e-30 || factor > 1e30)) continue;
        const auto w = random_parameter("w", {6, 9}, 3, dtype);
        std::unique_ptr<Optimizer> optimizer;
        if (which == std::string("muon")) optimizer = std::make_unique<Muon>(all_of(*w), MuonOptions{.lr = 0.1});
        else optimizer = std::make_unique<Lars>(all_of(*w), LarsOptions{.lr = 100, .eps = 0});
        const Tensor moved = change(*optimizer, *w, scaled(gradient, factor));
        if (factor == 1) {
          want = moved;
          BOOST_TEST(norm(want) > 0.1);
        }
        BOOST_TEST(close(moved, want, dtype == DType::f32 ? 1e-4 : 1e-12), which << ' ' << factor);
      }
    }
}

// Where eps is all that stands below, u is a multiple of g, and the ratio makes the step lr |w| long.
BOOST_AUTO_TEST_CASE(the_trust_ratio_of_lamb_holds_at_every_scale) {
  for (const double size : {1.0, 1e-25, 1e30})
    for (const double factor : {1e-25, 1e-33}) {
      Parameter w("w", Role::weight, scaled(random({6, 9}, 3), size));
      Lamb optimizer(all_of(w), {.lr = 0.1});
      const Tensor gradient = random({6, 9}, 5), moved = change(optimizer, w, scaled(gradient, factor));
      const double length = 0.1 * std::sqrt(sum_squares(random({6, 9}, 3))) / std::sqrt(sum_squares(gradient));
      BOOST_TEST(close(scaled(moved, 1 / size), scaled(gradient, -length), 1e-4), size << ' ' << factor);
    }
}

// One gradient whose square is no f32 may spoil some steps, not the rest of the training.
BOOST_AUTO_TEST_CASE(a_huge_gradient_is_forgotten) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (int kind = 0; kind < 6; ++kind) {
      const auto last_step = [&](float first) {
        Parameter w("w", Role::weight, Tensor::zeros({19}));
        std::unique_ptr<Optimizer> optimizer;
        const Groups table = all_of(w);
        if (kind == 0) optimizer = std::make_unique<Adam>(table, AdamOptions{.lr = 0.1, .beta1 = 0.5, .beta2 = 0.5});
        if (kind == 1) optimizer = std::make_unique<NAdam>(table, NAdamOptions{.lr = 0.1, .beta1 = 0.5, .beta2 = 0.5});
        if (kind == 2) optimizer = std::make_unique<Lamb>(table, LambOptions{.lr = 0.1, .beta1 = 0.5, .beta2 = 0.5});
        if (kind == 3) optimizer = std::make_unique<RmsProp>(table, RmsPropOptions{.lr = 0.1, .alpha = 0.5});
        if (kind == 4)
          optimizer = std::make_unique<RmsProp>(table, RmsPropOptions{.lr = 0.1, .alpha = 0.5, .centered = true});
        if (kind == 5) optimizer = std::make_unique<Adadelta>(table, AdadeltaOptions{.lr = 100, .rho = 0.5});
        set_gradient(w, Tensor::full({19}, first));
        optimizer->step();
        w.set_value(Tensor::full({19}, 0));
        for (int step = 0; step < 400; ++step) {
          set_gradient(w, Tensor::full({19}, step % 2 == 0 ? 2 : 1));
          optimizer->step();
        }
        w.set_value(Tensor::full({19}, 0));
        return change(*optimizer, w, Tensor::full({19}, 2));
      };
      const Tensor usual = last_step(1);
      BOOST_TEST(norm(usual) > 0.01, kind);
      BOOST_TEST(close(last_step(1e25f), usual, kind == 5 ? 0.5 : 1e-3), kind);
    }
  }
}

BOOST_AUTO_TEST_CASE(clipping_of_small_numbers) {
  for (const DType dtype : types)
    for (const bool value : {false, true}) {
      Parameter w("w", Role::weight, Tensor::zeros({64}, dtype));
      Sgd optimizer(all_of(w), {.lr = 1e30, .gradient = {.clip = value ? clip_value(1e-31) : clip_norm(8e-31)}});
      set_gradient(w, Tensor::full({64}, 1e-25, dtype));
      optimizer.step();
      BOOST_TEST(close(w.value(), Tensor::full({64}, -0.1, dtype), dtype == DType::f32 ? 1e-6 : 1e-14));
      if (!value) BOOST_TEST(std::abs(optimizer.gradient_norm() / 8e-25 - 1) < 1e-6);
    }
  // A limit below every f32 is a limit all the same.
  Parameter w("w", Role::weight, Tensor::zeros({3}));
  Sgd optimizer(all_of(w), {.lr = 1, .gradient = {.clip = clip_value(1e-50)}});
  set_gradient(w, Tensor::full({3}, 1));
  optimizer.step();
  BOOST_TEST(max_abs(w.value()) < 1e-30);
}

BOOST_AUTO_TEST_CASE(clipping_with_decay_of_large_numbers) {
  Parameter w("w", Role::weight, Tensor::full({64}, 1e25));
  Clip clip = clip_norm(8);
  clip.with_decay = true;
  Sgd optimizer(all_of(w), {.lr = 1, .decay = coupled_l2(0.5), .gradient = {.clip = clip}});
  set_gradient(w, Tensor::full({64}, 1e-3));
  optimizer.step();
  BOOST_TEST(std::abs(optimizer.gradient_norm() / 4e25 - 1) < 1e-6);
}

BOOST_AUTO_TEST_CASE(channels_as_long_as_wanted_at_every_scale) {
  for (const Shape& shape : {Shape{40}, Shape{40, 1}, Shape{40, 3}})
    for (const double size : {1e-36, 1e-30, 1.0, 1e30, 1e37}) {
      const Tensor start = random(shape, 1, 0.5, 1);
      for (const bool unit : {true, false}) {
        Parameter w("w", Role::weight, scaled(start, size));
        (unit ? unit_norm(2) : max_norm(2)).apply(w);
        for (std::int64_t c = 0; c < (shape.rank() == 2 ? shape[1] : 1); ++c) {
          double squares = 0;
          for (std::int64_t i = 0; i < 40; ++i) {
            const double v = shape.rank() == 2 ? w.value().at({i, c}) : w.value().at({i});
            squares += v * v;
          }
          if (unit || size >= 1) BOOST_TEST(std::abs(std::sqrt(squares) - 2) < 1e-5, shape << ' ' << size);
        }
        if (!unit && size < 1) BOOST_TEST(same_bits(w.value(), scaled(start, size)));
      }
    }
}

// The gradient is orthogonal to the weights as a whole and not by columns: only the sum over all shows it.
BOOST_AUTO_TEST_CASE(projection_does_not_see_the_scale_of_gradients) {
  const Tensor weights = Tensor::full({4, 2}, 1);
  Tensor gradient({4, 2});
  for (std::int64_t i = 0; i < 8; ++i)
    gradient.mutable_data<float>()[i] = static_cast<float>((i % 2 == 0 ? 1 : -1) * (1 + i / 2 % 2));
  for (const double factor : {1.0, 1e-25, 1e25}) {
    Parameter w("w", Role::weight, weights.clone());
    // Momentum keeps the first gradient, which lies along the weights: the projection takes it out.
    Sgd optimizer(all_of(w), {.lr = 1e-3 / factor, .momentum = 0.9, .projection = Projection{}});
    set_gradient(w, scaled(weights, factor));
    optimizer.step();
    w.set_value(weights);
    const Tensor moved = change(optimizer, w, scaled(gradient, factor));
    BOOST_TEST(close(moved, scaled(gradient, -1e-3), 1e-3), factor);
  }
}

BOOST_AUTO_TEST_CASE(the_advice_for_gradients_that_are_not_finite_is_not_to_clip) {
  const auto w = parameter("w", {1});
  Sgd optimizer(all_of(*w), {.lr = 1, .gradient = {.non_finite = NonFinite::fail}});
  set_gradient(*w, {std::nan("")});
  const std::string message = message_of([&] { optimizer.step(); });
  BOOST_TEST((message.find("not finite") != std::string::npos && message.find("clip") == std::string::npos), message);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
