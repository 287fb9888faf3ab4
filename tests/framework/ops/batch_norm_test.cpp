#include "framework/ops/normalization.h"

#include <boost/test/unit_test.hpp>

#include "framework/autograd/gradcheck.h"
#include "tests/support/norms.h"
#include "tests/support/tensors.h"

namespace ebb::batch_norm_test {
namespace {

using namespace test;

constexpr DType types[] = {DType::f32, DType::f64};

BatchNormState fresh_state(std::int64_t channels, DType dtype) {
  BatchNormState state;
  state.running_mean = Tensor::zeros({channels}, dtype);
  state.running_variance = Tensor::full({channels}, 1.0, dtype);
  return state;
}

// Forward, backward and state of one call on random scale, shift and incoming gradient.
struct Run {
  Tensor y, dx, dscale, dshift;
  BatchNormState state;
};

struct Case {
  Tensor x, scale, shift, dy;
  BatchNormOptions options;
};

Case make_case(const Shape& shape, DType dtype, BatchNormOptions options, std::uint64_t seed = 1) {
  const std::int64_t channels = shape[-1];
  return {random(shape, seed, -1, 1, dtype), random({channels}, seed + 1, 0.5, 1.5, dtype),
          random({channels}, seed + 2, -1, 1, dtype), random(shape, seed + 3, -1, 1, dtype), options};
}

Run run(const Case& c, Tensor stats = {}) {
  Run out;
  out.state = fresh_state(c.x.dim(-1), c.x.dtype());
  Tape tape;
  Var x = tape.input(c.x), scale = tape.input(c.scale), shift = tape.input(c.shift);
  if (stats.defined()) x = std::move(x).with_channel_stats(std::move(stats));
  const Var y = batch_norm(x, scale, shift, out.state, c.options);
  out.y = y.value();
  tape.backward(y, c.dy);
  out.dx = tape.gradient(x);
  out.dscale = tape.gradient(scale);
  out.dshift = tape.gradient(shift);
  return out;
}

// The largest term of which a gradient dx is the sum: with few values they nearly cancel.
double largest_term(const Case& c, const Run& r) {
  double inverse = 0;
  for (const double v : values(r.state.batch_variance)) inverse = std::max(inverse, 1 / std::sqrt(v + c.options.eps));
  return inverse * max_abs(c.scale) * max_abs(c.dy);
}

void compare(const Case& c, const Run& got, const Run& want, double tolerance) {
  BOOST_TEST(close(got.y, want.y, tolerance));
  BOOST_TEST(close(got.dx, want.dx, 0, tolerance * largest_term(c, got)));
  BOOST_TEST(close(got.dscale, want.dscale, tolerance));
  BOOST_TEST(close(got.dshift, want.dshift, tolerance));
}

// The same from the definition, in long double, rows of channels in any number of dimensions.
Run reference(const Case& c) {
  const Reference r = reference_norm(values(c.x), values(c.scale), values(c.shift), values(c.dy), c.x.dim(-1),
                                     channel_sets(c.x.size(), c.x.dim(-1)), static_cast<long double>(c.options.eps),
                                     c.options.activation == Activation::relu);
  Run out;
  out.y = cast(r.y_like(c.x), c.x.dtype());
  out.dx = cast(r.dx_like(c.x), c.x.dtype());
  out.dscale = cast(r.dscale_like(c.scale), c.x.dtype());
  out.dshift = cast(r.dshift_like(c.scale), c.x.dtype());
  return out;
}

// Rounding errors of a reduction over `count` numbers, with room.
double tolerance(DType dtype, std::int64_t count) {
  return (dtype == DType::f32 ? 8 * 0x1p-24 : 16 * 0x1p-53) * std::sqrt(static_cast<double>(count));
}

BOOST_AUTO_TEST_SUITE(batch_norm_results)

BOOST_AUTO_TEST_CASE(matches_the_definition_on_every_instruction_set) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const std::int64_t channels : {1, 2, 3, 5, 6, 16, 17, 64, 65, 130}) {
        for (const Shape& shape :
             {Shape{7, channels}, Shape{2, 1, 1, channels}, Shape{3, 5, 7, channels}, Shape{1, 40, 41, channels}}) {
          for (const Activation activation : {Activation::none, Activation::relu}) {
            const Case c = make_case(shape, dtype, {.eps = 1e-3, .activation = activation});
            BOOST_TEST_CONTEXT(name << ' ' << shape << ' ' << dtype << (activation == Activation::relu ? " relu" : ""))
            compare(c, run(c), reference(c), tolerance(dtype, shape.size() / channels));
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(evaluation_uses_the_running_statistics) {
  for (const DType dtype : types) {
    BatchNormState state;
    state.running_mean = random({5}, 1, -1, 1, dtype);
    state.running_variance = random({5}, 2, 0.5, 2, dtype);
    const Tensor mean = state.running_mean.clone(), variance = state.running_variance.clone();
    const Tensor x = random({3, 2, 2, 5}, 3, -1, 1, dtype), scale = random({5}, 4, 0.5, 1.5, dtype),
                 shift = random({5}, 5, -1, 1, dtype);
    Tensor want(x.shape(), DType::f64);
    const auto xs = values(x), m = values(mean), v = values(variance), a = values(scale), b = values(shift);
    for (std::size_t i = 0; i < xs.size(); ++i)
      want.mutable_data<double>()[i] = (xs[i] - m[i % 5]) / std::sqrt(v[i % 5] + 1e-5) * a[i % 5] + b[i % 5];
    const Var y = batch_norm(x, scale, shift, state, {.training = false});
    BOOST_TEST(close(y.value(), cast(want, dtype), tolerance(dtype, 1)));
    BOOST_TEST(same_bits(state.running_mean, mean));
    BOOST_TEST(same_bits(state.running_variance, variance));
    BOOST_TEST(!state.batch_mean.defined());
    // One row is enough, and so is none.
    BOOST_TEST(batch_norm(random({1, 5}, 6, -1, 1, dtype), scale, shift, state, {.training = false}).size() == 5);
    BOOST_TEST(batch_norm(Tensor({0, 2, 2, 5}, dtype), scale, shift, state, {.training = false}).size() == 0);
  }
}

BOOST_AUTO_TEST_CASE(gradients) {
  for (const std::int64_t channels : {1, 3, 17}) {
    for (const bool training : {true, false}) {
      for (const Activation activation : {Activation::none, Activation::relu}) {
        const auto f = [&](std::span<const Var> in) {
          BatchNormState state = fresh_state(channels, DType::f64);
          return batch_norm(in[0], in[1], in[2], state, {.training = training, .eps = 1e-2, .activation = activation});
        };
        // Evenly spaced about 0, and so far from where the relu bends.
        Tensor x({2, 3, 2, channels}, DType::f64);
        for (std::int64_t i = 0; i < x.size(); ++i) {
          const std::int64_t place = (i / channels * 5 + i % channels * 7) % 12;
          x.mutable_data<double>()[i] = (static_cast<double>(place) + 0.5) / 6 - 1;
        }
        const std::vector<Tensor> inputs = {x, random({channels}, 2, 0.5, 1.5, DType::f64),
                                            random({channels}, 3, -0.02, 0.02, DType::f64)};
        const GradcheckReport report = gradcheck("batch_norm", f, inputs);
        BOOST_TEST(report.passed, report.message);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(without_scale_and_shift) {
  Case c = make_case({4, 3, 3, 6}, DType::f64, {});
  BatchNormState a = fresh_state(6, DType::f64), b = fresh_state(6, DType::f64);
  const Tensor plain = batch_norm(c.x, Var(), Var(), a).value();
  const Tensor unit = batch_norm(c.x, Tensor::full({6}, 1, DType::f64), Tensor::zeros({6}, DType::f64), b).value();
  BOOST_TEST(same_bits(plain, unit));
}

BOOST_AUTO_TEST_CASE(fused_relu_is_relu_of_the_result) {
  for (const DType dtype : types) {
    Case c = make_case({4, 5, 5, 7}, dtype, {});
    Tensor want = run(c).y.clone();
    dispatch("test", dtype, [&](auto zero) {
      for (auto& v : want.mutable_span<decltype(zero)>()) v = v > 0 ? v : 0;
    });
    c.options.activation = Activation::relu;
    BOOST_TEST(close(run(c).y, want, 0));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(batch_norm_statistics)

BOOST_AUTO_TEST_CASE(running_statistics_after_five_steps) {
  for (const DType dtype : types) {
    for (const double weight : {0.1, 1.0, 0.0, 0.37}) {
      BatchNormState state = fresh_state(3, dtype);
      std::vector<double> mean(3, 0.0), variance(3, 1.0);
      for (std::uint64_t step = 0; step < 5; ++step) {
        const Tensor x = random({2, 3, 4, 3}, step, -1, 3, dtype);
        batch_norm(x, Var(), Var(), state, {.new_weight = weight});
        const auto v = values(x);
        for (std::size_t c = 0; c < 3; ++c) {
          double m = 0, m2 = 0;
          for (std::size_t i = c; i < v.size(); i += 3) m += v[i] / 24;
          for (std::size_t i = c; i < v.size(); i += 3) m2 += (v[i] - m) * (v[i] - m);
          mean[c] = (1 - weight) * mean[c] + weight * m;
          variance[c] = (1 - weight) * variance[c] + weight * m2 / 23;
          BOOST_TEST(state.batch_mean.at({static_cast<std::int64_t>(c)}) == m, boost::test_tools::tolerance(1e-5));
          BOOST_TEST(state.batch_variance.at({static_cast<std::int64_t>(c)}) == m2 / 24,
                     boost::test_tools::tolerance(1e-5));
        }
      }
      BOOST_TEST(close(state.running_mean, cast(Tensor::from(std::span<const double>(mean), {3}), dtype),
                       tolerance(dtype, 24)));
      BOOST_TEST(close(state.running_variance, cast(Tensor::from(std::span<const double>(variance), {3}), dtype),
                       tolerance(dtype, 24)));
    }
  }
}

// Deviations of 1 about a mean of 1e3 (f32) or 1e9 (f64): forming x^2 would leave nothing.
BOOST_AUTO_TEST_CASE(large_mean_against_the_deviation) {
  for (const DType dtype : types) {
    const double mean = dtype == DType::f32 ? 1e3 : 1e9;
    for (const std::int64_t channels : {1, 3, 16, 17}) {
      for (const Activation activation : {Activation::none, Activation::relu}) {
        Case c = make_case({8, 9, 9, channels}, dtype, {.activation = activation});
        c.x = random({8, 9, 9, channels}, 1, mean - 1.7, mean + 1.7, dtype);
        // The mean itself is known to its last digit only.
        const double lost = mean * (dtype == DType::f32 ? 0x1p-40 : 0x1p-53);
        const Run got = run(c), want = reference(c);
        BOOST_TEST(close(got.y, want.y, tolerance(dtype, 648), 4 * lost));
        BOOST_TEST(close(got.dx, want.dx, 4 * tolerance(dtype, 648), 4 * lost));
        BOOST_TEST(close(got.dscale, want.dscale, 4 * tolerance(dtype, 648), 648 * 4 * lost));
        BOOST_TEST(close(got.dshift, want.dshift, 4 * tolerance(dtype, 648), 648 * 4 * lost));
      }
    }
  }
}

// The first numbers, about which sums may be taken, lie far from the others.
BOOST_AUTO_TEST_CASE(an_outlier_in_front) {
  for (const DType dtype : types) {
    Case c = make_case({8, 32, 32, 3}, dtype, {});
    dispatch("test", dtype, [&](auto zero) {
      for (int i = 0; i < 3; ++i) c.x.mutable_data<decltype(zero)>()[i] = 1e4f;
    });
    compare(c, run(c), reference(c), tolerance(dtype, 8 * 32 * 32));
  }
}

BOOST_AUTO_TEST_CASE(constant_channels) {
  for (const DType dtype : types) {
    for (const double eps : {0.0, 1e-5}) {
      for (const double value : {0.0, 0.1, -1e6, 1e30}) {
        Case c = make_case({4, 5, 5, 3}, dtype, {.eps = eps});
        c.x = Tensor::full({4, 5, 5, 3}, value, dtype);
        const Run got = run(c);
        const auto y = values(got.y), shift = values(c.shift);
        bool equal = true;
        for (std::size_t i = 0; i < y.size(); ++i) equal = equal && y[i] == shift[i % 3];
        BOOST_TEST(equal);
        BOOST_TEST(max_abs(got.state.batch_variance) == 0);
        BOOST_TEST(all_finite(got.dx));
        BOOST_TEST(max_abs(got.dscale) == 0);
        if (eps == 0) BOOST_TEST(max_abs(got.dx) == 0);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(no_eps) {
  for (const DType dtype : types) {
    const Case c = make_case({4, 5, 5, 3}, dtype, {.eps = 0});
    compare(c, run(c), reference(c), tolerance(dtype, 100));
  }
}

BOOST_AUTO_TEST_CASE(variance_is_never_negative) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    // Two neighbouring floats in changing proportions.
    const float base = static_cast<float>(std::exp(20 * Rng(seed).uniform(0) - 10));
    Tensor x({37, 5});
    for (std::int64_t i = 0; i < x.size(); ++i)
      x.mutable_data<float>()[i] =
          Rng(seed).uniform(static_cast<std::uint64_t>(i) + 1) < 0.1 ? std::nextafter(base, 1e30f) : base;
    BatchNormState state = fresh_state(5, DType::f32);
    const Tensor y = batch_norm(x, Var(), Var(), state, {.eps = 0}).value();
    for (const float v : state.batch_variance.span<float>()) BOOST_TEST_REQUIRE(v >= 0);
    BOOST_TEST_REQUIRE(all_finite(y));
  }
}

BOOST_AUTO_TEST_CASE(statistics_of_the_op_before_are_used) {
  for (const DType dtype : types) {
    const Case c = make_case({4, 5, 5, 3}, dtype, {});
    Tensor stats({3, 3}, DType::f64);
    const auto v = values(c.x);
    for (std::size_t ch = 0; ch < 3; ++ch) {
      double m = 0, m2 = 0;
      for (std::size_t i = ch; i < v.size(); i += 3) m += v[i] / 100;
      for (std::size_t i = ch; i < v.size(); i += 3) m2 += (v[i] - m) * (v[i] - m);
      stats.mutable_data<double>()[ch] = 100;
      stats.mutable_data<double>()[3 + ch] = m;
      stats.mutable_data<double>()[6 + ch] = m2;
    }
    compare(c, run(c, stats), reference(c), tolerance(dtype, 100));
    // Other statistics, another result: they are what counts.
    stats = stats.clone();
    stats.mutable_data<double>()[3] += 1;
    BOOST_TEST(!close(run(c, stats).y, reference(c).y, 1e-3));
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(batch_norm_contracts)

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const std::int64_t channels : {3, 16, 65}) {
      const Case c = make_case({16, 32, 32, channels}, DType::f32, {.activation = Activation::relu});
      Run first;
      for (const int threads : {1, 2, 3, 4, 8}) {
        const Threads use_threads(threads);
        const Run now = run(c);
        if (threads == 1) first = now;
        BOOST_TEST(same_bits(now.y, first.y));
        BOOST_TEST(same_bits(now.dx, first.dx));
        BOOST_TEST(same_bits(now.dscale, first.dscale));
        BOOST_TEST(same_bits(now.dshift, first.dshift));
        BOOST_TEST(same_bits(now.state.running_variance, first.state.running_variance));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(nan_stays_visible) {
  Case c = make_case({4, 5, 5, 3}, DType::f32, {.activation = Activation::relu});
  c.x.mutable_data<float>()[31] = std::numeric_limits<float>::quiet_NaN();
  const auto y = values(run(c).y);
  for (std::size_t i = 0; i < y.size(); ++i) BOOST_TEST_REQUIRE(std::isnan(y[i]) == (i % 3 == 31 % 3));
}

BOOST_AUTO_TEST_CASE(an_edit_between_forward_and_backward_is_an_error) {
  const Case c = make_case({4, 5, 5, 3}, DType::f32, {});
  BatchNormState state = fresh_state(3, DType::f32);
  Tape tape;
  Tensor x = c.x.clone();
  const Var y = batch_norm(tape.input(x), Var(), Var(), state);
  x.mutable_data<float>()[0] = 1;
  BOOST_TEST(error_of([&] { tape.backward(y, c.dy); }).find("batch_norm") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bad_arguments) {
  const Tensor x = random({4, 5, 5, 3}, 1);
  const Tensor three = Tensor::zeros({3});
  BatchNormState state = fresh_state(3, DType::f32);
  const auto error = [&](auto f) {
    const std::string message = error_of(f);
    BOOST_TEST(message.find("[batch_norm]") == 0u, message);
    return message;
  };
  const auto says = [](const std::string& message, const std::string& part) {
    BOOST_TEST(message.find(part) != std::string::npos, message << " should say " << part);
  };
  says(error([&] { batch_norm(Tensor(), Var(), Var(), state); }), "undefined");
  says(error([&] { batch_norm(Tensor::zeros({4, 3}, DType::i64), Var(), Var(), state); }), "i64");
  says(error([&] { batch_norm(x, three, Var(), state); }), "scale alone");
  says(error([&] { batch_norm(x, Tensor::zeros({4}), Tensor::zeros({4}), state); }), "[4]");
  says(error([&] { batch_norm(x, three, Tensor::zeros({3}, DType::f64), state); }), "f64");
  says(error([&] { batch_norm(x, three, three, state, {.eps = -1}); }), "eps = -1");
  says(error([&] { batch_norm(x, three, three, state, {.eps = std::nan("")}); }), "eps");
  says(error([&] { batch_norm(x, three, three, state, {.new_weight = 1.5}); }), "new_weight = 1.5");
  says(error([&] { batch_norm(random({1, 1, 1, 3}, 1), three, three, state); }), "at least 2 values");
  says(error([&] { batch_norm(Tensor({0, 2, 2, 3}), three, three, state); }), "at least 2 values");
  BatchNormState other = fresh_state(4, DType::f32);
  says(error([&] { batch_norm(x, three, three, other); }), "running mean");
  BatchNormState none;
  says(error([&] { batch_norm(x, three, three, none); }), "no running mean");
  says(error([&] {
         batch_norm(Var(x).with_channel_stats(Tensor::zeros({3, 3}, DType::f64)), three, three, state);
       }),
       "channel statistics");
  // Nothing was changed by a refused call.
  BOOST_TEST(max_abs(state.running_mean) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::batch_norm_test
