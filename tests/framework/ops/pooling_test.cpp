#include "framework/ops/pooling.h"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "framework/autograd/gradcheck.h"
#include "tests/support/tensors.h"

namespace ebb::pooling_test {
namespace {

using namespace test;

constexpr DType types[] = {DType::f32, DType::f64};

struct Run {
  Tensor y, dx;
};

enum class Kind { max, average };

Run run(Kind kind, const Tensor& x, const Tensor& dy, const PoolGeometry& geometry) {
  Tape tape;
  const Var in = tape.input(x);
  const Var y = kind == Kind::max ? max_pool2d(in, geometry) : avg_pool2d(in, geometry);
  tape.backward(y, dy);
  return {y.value(), tape.gradient(in)};
}

// The pixels that one window meets along an axis, and how many an average counts.
struct Taps {
  std::vector<std::int64_t> pixels;
  std::int64_t counted;
};

// All windows along an axis, by trying every place: the definition of the options.
std::vector<Taps> windows(std::int64_t size, const PoolGeometry& g, std::size_t axis) {
  const std::int64_t stride = g.stride[axis] == 0 ? g.kernel[axis] : g.stride[axis];
  const std::int64_t reach = (g.kernel[axis] - 1) * g.dilation[axis] + 1;
  std::int64_t before = g.padding[axis], after = before, most = size + 2 * before + 1;
  if (g.same_padding) {
    most = 0;
    while (most * stride < size) ++most;  // ceil(size / stride)
    std::int64_t zeros = 0;
    while ((most - 1) * stride + reach > size + zeros) ++zeros;
    before = zeros / 2;
    after = zeros - before;
  }
  std::vector<Taps> all;
  for (std::int64_t i = 0; i < most; ++i) {
    const std::int64_t begin = i * stride - before, end = begin + reach;
    const bool whole = end <= size + after;
    const bool gap = i == 0 || end - stride < size + after;  // the window before has left something over
    if (!whole && !(g.ceil_mode && begin < size && gap)) break;
    Taps taps{{}, 0};
    for (std::int64_t at = begin; at < end; at += g.dilation[axis]) {
      const bool inside = at >= 0 && at < size;
      if (inside) taps.pixels.push_back(at);
      if (inside || (g.count_padding && at < size + after)) ++taps.counted;
    }
    all.push_back(taps);
  }
  return all;
}

// Window i of `count` that divide an axis evenly: from floor(i size / count) to ceil((i + 1) size / count).
std::vector<Taps> even_windows(std::int64_t size, std::int64_t count) {
  std::vector<Taps> all;
  for (std::int64_t i = 0; i < count; ++i) {
    Taps taps{{}, 0};
    for (std::int64_t at = 0; at < size; ++at)
      if ((at + 1) * count > i * size && at * count < (i + 1) * size) taps.pixels.push_back(at);
    taps.counted = static_cast<std::int64_t>(taps.pixels.size());
    all.push_back(taps);
  }
  return all;
}

Shape output_of(const Shape& x, const PoolGeometry& g) {
  return {x[0], static_cast<std::int64_t>(windows(x[1], g, 0).size()),
          static_cast<std::int64_t>(windows(x[2], g, 1).size()), x[3]};
}

// Loops over windows in f64; one rounding to the dtype at the end.
Run reference(Kind kind, const Tensor& x, const Tensor& dy, const std::vector<Taps>& rows,
              const std::vector<Taps>& columns) {
  const std::vector<double> in = values(x), up = values(dy);
  std::vector<double> y(up.size()), dx(in.size());
  std::size_t o = 0;
  for (std::int64_t n = 0; n < x.dim(0); ++n)
    for (const Taps& high : rows)
      for (const Taps& wide : columns)
        for (std::int64_t c = 0; c < x.dim(3); ++c, ++o) {
          std::vector<std::size_t> taps;
          for (const std::int64_t iy : high.pixels)
            for (const std::int64_t ix : wide.pixels)
              taps.push_back(static_cast<std::size_t>(((n * x.dim(1) + iy) * x.dim(2) + ix) * x.dim(3) + c));
          if (kind == Kind::max) {
            std::size_t best = taps[0];
            for (const std::size_t t : taps)
              if (in[t] > in[best] || (std::isnan(in[t]) && !std::isnan(in[best]))) best = t;
            y[o] = in[best];
            dx[best] += up[o];
          } else {
            const auto size = static_cast<double>(high.counted * wide.counted);
            for (const std::size_t t : taps) {
              y[o] += in[t] / size;
              dx[t] += up[o] / size;
            }
          }
        }
  return {cast(Tensor::from(std::span<const double>(y), dy.shape()), x.dtype()),
          cast(Tensor::from(std::span<const double>(dx), x.shape()), x.dtype())};
}

Run reference(Kind kind, const Tensor& x, const Tensor& dy, const PoolGeometry& g) {
  return reference(kind, x, dy, windows(x.dim(1), g, 0), windows(x.dim(2), g, 1));
}

const PoolGeometry geometries[] = {
    {},
    {.kernel = {1, 1}},
    {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
    {.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}, .count_padding = false},
    {.kernel = {2, 2}, .stride = {3, 3}},
    {.kernel = {2, 3}, .stride = {2, 1}, .padding = {1, 0}},
    {.kernel = {3, 2}, .stride = {1, 2}, .padding = {0, 1}, .count_padding = false},
    {.kernel = {5, 5}, .padding = {2, 2}},
    {.kernel = {7, 6}},
    {.kernel = {2, 2}, .ceil_mode = true},
    {.kernel = {2, 4}, .ceil_mode = true, .count_padding = false},
    {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .ceil_mode = true},
    {.kernel = {4, 5}, .stride = {3, 3}, .padding = {2, 2}, .ceil_mode = true},
    {.kernel = {1, 2}, .stride = {3, 4}, .ceil_mode = true},
    {.kernel = {2, 2}, .stride = {1, 1}, .dilation = {2, 3}},
    {.kernel = {2, 2}, .stride = {5, 4}, .dilation = {3, 2}},
    {.kernel = {3, 2}, .padding = {2, 1}, .dilation = {2, 3}},
    {.kernel = {3, 3}, .stride = {2, 3}, .padding = {1, 2}, .dilation = {2, 2}, .ceil_mode = true},
    {.kernel = {2, 2}, .stride = {1, 1}, .same_padding = true},
    {.kernel = {3, 3}, .stride = {2, 2}, .same_padding = true, .count_padding = false},
    {.kernel = {3, 4}, .stride = {3, 2}, .same_padding = true},
    {.kernel = {2, 3}, .stride = {2, 1}, .dilation = {1, 2}, .same_padding = true},
    {.kernel = {2, 2}, .stride = {4, 5}, .same_padding = true},
};

BOOST_AUTO_TEST_SUITE(pooling)

BOOST_AUTO_TEST_CASE(matches_loops_on_every_instruction_set) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const PoolGeometry& g : geometries) {
        for (const std::int64_t channels : {1, 2, 3, 5, 6, 16, 17, 32, 67}) {
          const Shape shape{3, 7, 6, channels};
          const Shape out = output_of(shape, g);
          const Tensor x = random(shape, 1, -1, 1, dtype);
          const Tensor dy = random(out, 2, -1, 1, dtype);
          BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << channels << " channels, window " << g.kernel[0] << 'x'
                                  << g.kernel[1]) {
            const Run most = run(Kind::max, x, dy, g), want_most = reference(Kind::max, x, dy, g);
            BOOST_TEST(close(most.y, want_most.y, 0));
            BOOST_TEST(close(most.dx, want_most.dx, dtype == DType::f32 ? 1e-6 : 1e-15));
            const Run mean = run(Kind::average, x, dy, g), want_mean = reference(Kind::average, x, dy, g);
            BOOST_TEST(close(mean.y, want_mean.y, dtype == DType::f32 ? 1e-6 : 1e-15));
            BOOST_TEST(close(mean.dx, want_mean.dx, dtype == DType::f32 ? 1e-6 : 1e-15));
          }
        }
      }
    }
  }
}

// Pixels narrower than a register, images of one pixel.
BOOST_AUTO_TEST_CASE(tiny_images) {
  for (const Shape& shape : {Shape{1, 1, 1, 1}, Shape{5, 1, 1, 3}, Shape{2, 2, 1, 1}, Shape{1, 1, 3, 2}}) {
    for (const PoolGeometry& g :
         {PoolGeometry{.kernel = {1, 1}}, PoolGeometry{.kernel = {2, 2}, .stride = {1, 1}, .padding = {1, 1}}}) {
      const Shape out = output_of(shape, g);
      const Tensor x = random(shape, 1), dy = random(out, 2);
      for (const Kind kind : {Kind::max, Kind::average}) {
        const Run got = run(kind, x, dy, g), want = reference(kind, x, dy, g);
        BOOST_TEST(close(got.y, want.y, 1e-6));
        BOOST_TEST(close(got.dx, want.dx, 1e-6));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(ties_give_the_gradient_to_the_first_place) {
  for (const std::int64_t channels : {1, 3, 16, 19}) {
    for (const PoolGeometry& g : {geometries[0], geometries[2], geometries[3]}) {
      // Few different values: many ties.
      Tensor x = random({2, 6, 6, channels}, 1, 0, 3);
      for (float& v : x.mutable_span<float>()) v = std::floor(v);
      const Shape out = output_of(x.shape(), g);
      const Tensor dy = random(out, 2);
      BOOST_TEST(close(run(Kind::max, x, dy, g).dx, reference(Kind::max, x, dy, g).dx, 1e-6));
    }
  }
}

BOOST_AUTO_TEST_CASE(padding_never_wins) {
  for (const std::int64_t channels : {1, 16}) {
    const Tensor x = Tensor::full({1, 4, 4, channels}, -5);
    const PoolGeometry g{.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}};
    BOOST_TEST(close(max_pool2d(x, g).value(), x, 0));
    const Tensor lowest = Tensor::full({1, 4, 4, channels}, -std::numeric_limits<double>::infinity());
    BOOST_TEST(close(max_pool2d(lowest, g).value(), lowest, 0));
  }
}

BOOST_AUTO_TEST_CASE(nan_stays_visible) {
  for (int at = 0; at < 4; ++at) {
    Tensor x = random({1, 2, 2, 3}, 1);
    x.mutable_data<float>()[at * 3 + 1] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<double> y = values(max_pool2d(x).value());
    BOOST_TEST((!std::isnan(y[0]) && std::isnan(y[1]) && !std::isnan(y[2])));
  }
}

BOOST_AUTO_TEST_CASE(the_gradient_of_a_window_with_nan_goes_to_the_nan) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Run least =
      run(Kind::max, Tensor::from({1.0f, nan}, {1, 1, 2, 1}), Tensor::full({1, 1, 1, 1}, 1), {.kernel = {1, 2}});
  BOOST_TEST(close(least.dx, Tensor::from({0.0f, 1.0f}, {1, 1, 2, 1}), 0));
}

// A tenth of the numbers is NaN, a twentieth infinite: windows with none, one and several at any place.
Tensor wild(const Shape& shape, DType dtype) {
  Tensor x = random(shape, 1, -1, 1, dtype);
  const Tensor which = random(shape, 3, 0, 1);
  dispatch("test", dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const float share = which.data<float>()[i];
      T& number = x.mutable_data<T>()[i];
      if (share < 0.1f) number = std::numeric_limits<T>::quiet_NaN();
      else if (share < 0.15f) number = std::copysign(std::numeric_limits<T>::infinity(), number);
    }
  });
  return x;
}

BOOST_AUTO_TEST_CASE(nan_and_infinity_win_alike_on_every_path) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const PoolGeometry& g : geometries) {
        for (const std::int64_t channels : {1, 3, 8, 16, 19, 67}) {
          const Tensor x = wild({3, 7, 6, channels}, dtype);
          const Shape out = output_of(x.shape(), g);
          const Tensor dy = random(out, 2, -1, 1, dtype);
          const Run got = run(Kind::max, x, dy, g), want = reference(Kind::max, x, dy, g);
          BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << channels << " channels, window " << g.kernel[0] << 'x'
                                  << g.kernel[1]) {
            BOOST_TEST(close(got.y, want.y, 0));
            BOOST_TEST(close(got.dx, want.dx, dtype == DType::f32 ? 1e-6 : 1e-15));
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(nan_and_infinity_win_in_windows_that_divide_the_image) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types)
      for (const Shape& to : {Shape{1, 1}, Shape{3, 2}, Shape{2, 4}, Shape{7, 6}, Shape{9, 5}})
        for (const std::int64_t channels : {1, 3, 8, 16, 19, 67}) {
          const Tensor x = wild({3, 7, 6, channels}, dtype);
          const Tensor dy = random({3, to[0], to[1], channels}, 2, -1, 1, dtype);
          Tape tape;
          const Var in = tape.input(x);
          const Var y = adaptive_max_pool2d(in, {to[0], to[1]});
          tape.backward(y, dy);
          const Run want = reference(Kind::max, x, dy, even_windows(7, to[0]), even_windows(6, to[1]));
          BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << channels << " channels to " << to) {
            BOOST_TEST(close(y.value(), want.y, 0));
            BOOST_TEST(close(tape.gradient(in), want.dx, dtype == DType::f32 ? 1e-6 : 1e-15));
          }
        }
  }
}

BOOST_AUTO_TEST_CASE(gradients) {
  for (const std::int64_t channels : {1, 3, 17}) {
    for (const PoolGeometry& g : geometries) {
      // Numbers far from ties: a permutation in steps of 0.1.
      Tensor x({1, 7, 6, channels}, DType::f64);
      for (std::int64_t i = 0; i < x.size(); ++i)
        x.mutable_data<double>()[i] = 0.1 * static_cast<double>(i * 101 % x.size());
      const std::vector<Tensor> inputs = {x};
      const GradcheckReport most = gradcheck(
          "max_pool2d", [&](std::span<const Var> in) { return max_pool2d(in[0], g); }, inputs);
      BOOST_TEST(most.passed, most.message);
      const GradcheckReport mean = gradcheck(
          "avg_pool2d", [&](std::span<const Var> in) { return avg_pool2d(in[0], g); }, inputs);
      BOOST_TEST(mean.passed, mean.message);
    }
    const std::vector<Tensor> inputs = {random({2, 3, 5, channels}, 1, -1, 1, DType::f64)};
    const GradcheckReport all = gradcheck(
        "global_avg_pool2d", [](std::span<const Var> in) { return global_avg_pool2d(in[0]); }, inputs);
    BOOST_TEST(all.passed, all.message);
  }
}

BOOST_AUTO_TEST_CASE(global_average) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types) {
      for (const std::int64_t channels : {1, 3, 17, 64}) {
        const Tensor x = random({3, 5, 7, channels}, 1, -1, 1, dtype), dy = random({3, channels}, 2, -1, 1, dtype);
        Tape tape;
        const Var in = tape.input(x);
        const Var y = global_avg_pool2d(in);
        tape.backward(y, dy);
        const Run want = reference(Kind::average, x, dy.reshape({3, 1, 1, channels}), {.kernel = {5, 7}});
        BOOST_TEST(close(y.value(), want.y.reshape({3, channels}), dtype == DType::f32 ? 1e-6 : 1e-14));
        BOOST_TEST(close(tape.gradient(in), want.dx, dtype == DType::f32 ? 1e-6 : 1e-14));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(windows_that_divide_the_image_evenly) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types)
      for (const Shape& size : {Shape{7, 5}, Shape{1, 1}, Shape{6, 4}, Shape{11, 3}})
        for (const Shape& to : {Shape{1, 1}, Shape{3, 2}, Shape{2, 4}, Shape{7, 0}, Shape{0, 0}, Shape{9, 5}})
          for (const std::int64_t channels : {1, 3, 16, 17}) {
            const Tensor x = random({2, size[0], size[1], channels}, 1, -1, 1, dtype);
            const std::int64_t oh = to[0] == 0 ? size[0] : to[0], ow = to[1] == 0 ? size[1] : to[1];
            const Tensor dy = random({2, oh, ow, channels}, 2, -1, 1, dtype);
            for (const Kind kind : {Kind::max, Kind::average}) {
              Tape tape;
              const Var in = tape.input(x);
              const std::array<std::int64_t, 2> output{to[0], to[1]};
              const Var y = kind == Kind::max ? adaptive_max_pool2d(in, output) : adaptive_avg_pool2d(in, output);
              tape.backward(y, dy);
              const Run want = reference(kind, x, dy, even_windows(size[0], oh), even_windows(size[1], ow));
              BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << x.shape() << " to " << to) {
                BOOST_TEST(close(y.value(), want.y, dtype == DType::f32 ? 1e-6 : 1e-14));
                BOOST_TEST(close(tape.gradient(in), want.dx, dtype == DType::f32 ? 1e-6 : 1e-14));
              }
            }
          }
  }
  const Tensor x = random({2, 4, 4, 3}, 1);
  for (const auto pool : {adaptive_max_pool2d, adaptive_avg_pool2d}) {
    BOOST_TEST(error_of([&] { pool(x, {-1, 2}); }).find("an output of {-1, 2}") != std::string::npos);
    BOOST_TEST(error_of([&] { pool(x, {2, std::int64_t{1} << 40}); }).find("an output of {2, ") != std::string::npos);
    BOOST_TEST(error_of([&] { pool(random({4, 4, 3}, 1), {1, 1}); }).find("[4, 4, 3]") != std::string::npos);
    BOOST_TEST(pool(Tensor({0, 4, 4, 3}), {3, 3}).shape() == Shape({0, 3, 3, 3}));
  }
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  for (const PoolGeometry& g : {geometries[0], geometries[2], geometries[9], geometries[14], geometries[19]}) {
    for (const std::int64_t channels : {6, 16}) {
      const Shape shape{30, 32, 32, channels};
      const Shape out = output_of(shape, g);
      const Tensor x = random(shape, 1), dy = random(out, 2);
      for (const Kind kind : {Kind::max, Kind::average}) {
        Run first;
        for (const int threads : {1, 2, 3, 4, 8}) {
          const Threads use(threads);
          const Run now = run(kind, x, dy, g);
          if (threads == 1) first = now;
          BOOST_TEST(same_bits(now.y, first.y));
          BOOST_TEST(same_bits(now.dx, first.dx));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(bad_arguments) {
  const Tensor x = random({2, 4, 4, 3}, 1);
  const auto says = [&](const Tensor& image, const PoolGeometry& g, const std::string& part) {
    for (const std::string& message :
         {error_of([&] { max_pool2d(image, g); }), error_of([&] { avg_pool2d(image, g); })})
      BOOST_TEST((message.find("_pool2d]") != std::string::npos && message.find(part) != std::string::npos), message);
  };
  says(Tensor(), {}, "undefined");
  says(random({2, 4, 4}, 1), {}, "[2, 4, 4]");
  says(Tensor::zeros({2, 4, 4, 3}, DType::u8), {}, "u8");
  says(x, {.kernel = {0, 2}}, "a window of 0 along the height");
  says(x, {.kernel = {2, 5}}, "a window that spans 5 for images of width 4");
  says(x, {.kernel = {2, 2}, .dilation = {1, 4}}, "a window that spans 5 for images of width 4");
  says(x, {.dilation = {0, 1}}, "a dilation of 0 along the height");
  says(x, {.padding = {1, 0}, .same_padding = true}, "padding of 1 along the height and same_padding");
  // Taps at -2 and 2, -1 and 3, ... meet images of four rows; those of one row lie between them.
  BOOST_TEST(max_pool2d(x, {.kernel = {2, 1}, .stride = {1, 1}, .padding = {2, 0}, .dilation = {4, 1}}).dim(1) == 4);
  says(random({1, 1, 4, 3}, 1), {.kernel = {2, 1}, .padding = {2, 0}, .dilation = {4, 1}}, "a tap inside the image");
  says(random({1, 1, 4, 3}, 1), {.kernel = {2, 1}, .dilation = {2, 1}, .same_padding = true}, "a tap inside the image");
  says(x, {.stride = {-1, 0}}, "stride of -1");
  says(x, {.padding = {0, 2}}, "padding of 2");
  says(x, {.padding = {-1, 0}}, "padding of -1");
  says(Tensor({2, 0, 4, 3}), {.kernel = {1, 1}}, "at least one pixel");
  BOOST_TEST(error_of([&] { global_avg_pool2d(random({2, 4}, 1)); }).find("[global_avg_pool2d]") == 0u);
  BOOST_TEST(max_pool2d(Tensor({0, 4, 4, 3})).size() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::pooling_test
