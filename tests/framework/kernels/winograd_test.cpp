#include <boost/test/unit_test.hpp>

#include "framework/compute/convolution.h"
#include "framework/compute/winograd_choice.h"
#include "framework/nn/conv2d.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"
#include "tests/support/naive.h"

namespace ebb::test {
namespace {

std::int64_t draw(const Rng& rng, const char* what, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(rng.at(what).below(static_cast<std::uint64_t>(high - low + 1), 0));
}

ConvolutionShape layer(std::int64_t images, std::array<std::int64_t, 2> input, std::int64_t in, std::int64_t out,
                       std::array<std::int64_t, 2> padding = {1, 1}) {
  return {.images = images,
          .in = in,
          .out = out,
          .input = input,
          .output = {input[0] + 2 * padding[0] - 2, input[1] + 2 * padding[1] - 2},
          .kernel = {3, 3},
          .padding = padding};
}

// Sizes around tiles, registers and blocks of every instruction set.
ConvolutionShape random_shape(const Rng& rng) {
  constexpr std::int64_t channels[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 24, 31, 32, 33, 40, 48, 65};
  const auto any = [&](const char* what) {
    return channels[draw(rng, what, 0, static_cast<std::int64_t>(std::size(channels)) - 1)];
  };
  const bool large = draw(rng, "large", 1, 6) == 1;
  std::array<std::int64_t, 2> input{}, padding{};
  for (std::size_t i = 0; i < 2; ++i) {
    const Rng axis = rng.at(i);
    padding[i] = draw(axis, "padding", 0, 2);
    input[i] = draw(axis, "input", std::max<std::int64_t>(1, 3 - 2 * padding[i]), large ? 26 : 11);
  }
  ConvolutionShape s =
      layer(draw(rng, "images", 1, draw(rng, "many", 1, 3) == 1 ? 17 : 3), input, any("in"), any("out"), padding);
  s.weight_out_first = draw(rng, "out first", 1, 2) == 1;
  return s;
}

std::string describe(const ConvolutionShape& s) {
  return text("F", s.winograd == Winograd::f4 ? 4 : 2, " in ", instruction_set(), ": input ", s.input_shape(),
              ", weight ", s.weight_shape(), ", output ", s.output_shape(), ", padding ", s.padding[0], ' ',
              s.padding[1]);
}

struct Numbers {
  Numbers(const ConvolutionShape& s, std::uint64_t seed)
      : x(random(s.input_shape(), seed)),
        w(random(s.weight_shape(), seed + 1)),
        dy(random(s.output_shape(), seed + 2)),
        bias(seed % 3 == 0 ? Tensor() : random({s.out}, seed + 3)),
        dx_bias(seed % 2 == 0 ? Tensor() : random({s.in}, seed + 4)) {}
  Tensor x, w, dy, bias, dx_bias;
};

// F4 may round four times as coarsely as sums of products.
double tolerance(const ConvolutionShape& s, std::int64_t terms) {
  return (s.winograd == Winograd::f4 ? 4 : 1) * product_tolerance(DType::f32, terms);
}

boost::test_tools::assertion_result check_passes(const ConvolutionShape& s, const Numbers& n,
                                                 const NaiveConvolution& want) {
  const auto compare = [&](const char* pass, const Tensor& got, const Tensor& expected, std::int64_t terms) {
    auto result = close(cast(got, DType::f64), expected, tolerance(s, terms));
    if (!result) result.message() << ", " << pass << ", " << describe(s);
    return result;
  };
  auto result = compare("forward", convolution(n.x, n.w, n.bias, s), want.y, 9 * s.in);
  if (!result) return result;
  result = compare("input gradient", convolution_input_gradient(n.dy, n.w, n.dx_bias, s), want.dx, 9 * s.out);
  if (!result) return result;
  return compare("weight gradient", convolution_weight_gradient(n.x, n.dy, s), want.dw,
                 s.images * s.output[0] * s.output[1]);
}

// In every instruction set, with either tile.
void check_everywhere(ConvolutionShape s, std::uint64_t seed) {
  const Numbers numbers(s, seed);
  const NaiveConvolution want = naive_convolution(numbers.x, numbers.w, numbers.dy, numbers.bias, numbers.dx_bias, s);
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const Winograd method : {Winograd::f2, Winograd::f4}) {
      s.winograd = method;
      BOOST_REQUIRE(check_passes(s, numbers, want));
    }
  }
}

double inner(const Tensor& a, const Tensor& b) { return dot(cast(a, DType::f64), cast(b, DType::f64)); }

Tensor as_f64(const Tensor& t) { return t.defined() ? cast(t, DType::f64) : t; }

// Root mean square of the difference, relative to that of what is wanted.
double rms_error(const Tensor& got, const Tensor& want) {
  const std::vector<double> a = values(got), b = values(want);
  double difference = 0, square = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    square += b[i] * b[i];
  }
  return std::sqrt(difference / square);
}

struct Passes {
  Tensor y, dx, dw, stats;
};

Passes passes(const Numbers& n, ConvolutionShape s, Winograd method) {
  s.winograd = method;
  Passes p;
  p.y = convolution(n.x, n.w, n.bias, s, &p.stats);
  p.dx = convolution_input_gradient(n.dy, n.w, n.dx_bias, s);
  p.dw = convolution_weight_gradient(n.x, n.dy, s);
  return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(winograd)

BOOST_AUTO_TEST_CASE(random_shapes) {
  for (std::uint64_t i = 0; i < 100; ++i) check_everywhere(random_shape(Rng(3).at(i)), i);
}

// Several blocks of tiles, parts of sums, groups of slices; and few tiles with many channels.
BOOST_AUTO_TEST_CASE(whole_blocks) {
  const ConvolutionShape shapes[] = {layer(3, {40, 24}, 16, 16), layer(41, {8, 8}, 33, 48), layer(9, {13, 11}, 20, 70),
                                     layer(5, {4, 4}, 70, 130),  layer(2, {6, 5}, 130, 40), layer(90, {4, 4}, 24, 150)};
  for (const ConvolutionShape& s : shapes) {
    const Numbers n(s, 5);
    const Numbers exact = [&] {
      Numbers e = n;
      for (Tensor* const t : {&e.x, &e.w, &e.dy, &e.bias, &e.dx_bias}) *t = as_f64(*t);
      return e;
    }();
    const Passes plain = passes(exact, s, Winograd::off);
    const NaiveConvolution want{plain.y, plain.dx, plain.dw};
    for (const std::string& name : instruction_sets()) {
      const InstructionSet use(name);
      for (const Winograd method : {Winograd::f2, Winograd::f4}) {
        ConvolutionShape by = s;
        by.winograd = method;
        BOOST_TEST(check_passes(by, n, want));
        const Passes got = passes(n, s, method);
        BOOST_TEST(close(got.stats, plain.stats, 1e-5));
      }
    }
  }
}

// That the three methods are not one and the same; and that f64 knows only one.
BOOST_AUTO_TEST_CASE(methods_differ_in_rounding_only) {
  const ConvolutionShape s = layer(2, {9, 9}, 16, 16);
  const Numbers n(s, 1);
  const Passes direct = passes(n, s, Winograd::off), f2 = passes(n, s, Winograd::f2), f4 = passes(n, s, Winograd::f4);
  for (const auto member : {&Passes::y, &Passes::dx, &Passes::dw}) {
    BOOST_TEST(!same_bits(f2.*member, direct.*member));
    BOOST_TEST(!same_bits(f4.*member, direct.*member));
    BOOST_TEST(!same_bits(f4.*member, f2.*member));
  }
  const Tensor x = as_f64(n.x), w = as_f64(n.w);
  ConvolutionShape forced = s;
  forced.winograd = Winograd::f4;
  ConvolutionShape off = s;
  off.winograd = Winograd::off;
  BOOST_TEST(same_bits(convolution(x, w, {}, forced), convolution(x, w, {}, off)));
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads_and_again) {
  for (const ConvolutionShape& s :
       {layer(37, {16, 16}, 16, 32), layer(16, {8, 8}, 24, 130), layer(20, {4, 4}, 32, 160)})
    for (const Winograd method : {Winograd::f2, Winograd::f4}) {
      const Numbers n(s, 2);
      const Threads alone(1);
      const Passes want = passes(n, s, method);
      for (const int count : {1, 2, 3, 4, 8}) {
        const Threads use(count);
        const Passes got = passes(n, s, method);
        for (const auto member : {&Passes::y, &Passes::dx, &Passes::dw, &Passes::stats})
          BOOST_TEST(same_bits(got.*member, want.*member));
      }
    }
}

// <dy, conv(x, w)> = <conv'x(dy, w), x> = <conv'w(x, dy), w>.
BOOST_AUTO_TEST_CASE(gradients_are_adjoint) {
  for (const Winograd method : {Winograd::f2, Winograd::f4}) {
    for (std::uint64_t i = 0; i < 30; ++i) {
      const ConvolutionShape s = random_shape(Rng(9).at(i));
      Numbers n(s, i);
      n.bias = n.dx_bias = Tensor();
      const Passes got = passes(n, s, method);
      const double scale = norm(n.dy) * norm(got.y);
      BOOST_TEST(std::abs(inner(n.dy, got.y) - inner(got.dx, n.x)) < 4e-6 * scale);
      BOOST_TEST(std::abs(inner(n.dy, got.y) - inner(got.dw, n.w)) < 4e-6 * scale);
    }
  }
}

// What is not finite stays in its image, and every output that should not be finite is not.
BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite) {
  const ConvolutionShape s = layer(3, {9, 10}, 5, 6);
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    for (const Winograd method : {Winograd::f2, Winograd::f4}) {
      Numbers n(s, 1);
      n.x.mutable_data<float>()[((1 * 9 + 4) * 10 + 7) * 5 + 2] = static_cast<float>(bad);
      const std::vector<double> y = values(passes(n, s, method).y), direct = values(passes(n, s, Winograd::off).y);
      const std::size_t image = y.size() / 3;
      bool kept = true, contained = true;
      for (std::size_t i = 0; i < y.size(); ++i) {
        kept = kept && (std::isfinite(direct[i]) || !std::isfinite(y[i]));
        contained = contained && (i / image == 1 || std::isfinite(y[i]));
      }
      BOOST_TEST(kept);
      BOOST_TEST(contained);
    }
  }
}

// What an outlier leaves in outputs that do not depend on it.
struct Reach {
  double largest = 0;    // error of a finite output outside the filter
  std::int64_t bad = 0;  // outputs outside the filter that are not finite

  void take(const Reach& other) {
    largest = std::max(largest, other.largest);
    bad = std::max(bad, other.bad);
  }
};

// One image in a layer whose outliers stand at any place of a tile.
class Outliers {
 public:
  static constexpr std::int64_t size = 16, places = 16;

  explicit Outliers(std::int64_t channels)
      : shape_(layer(1, {size, size}, channels, channels)), x_(shape_.input_shape()), w_(shape_.weight_shape()) {
    fill_normal(x_, Rng(1), 0, 1);
    fill_normal(w_, Rng(2), 0, std::sqrt(2.0 / static_cast<double>(9 * channels)));
    for (const bool backward : {false, true})
      for (std::int64_t place = 0; place < places; ++place)
        exact_[backward].push_back(pass(cast(with(0, place), DType::f64), Winograd::off, backward));
  }

  Reach reach(double outlier, std::int64_t place, Winograd method, bool backward) const {
    const std::vector<double> got = pass(with(outlier, place), method, backward);
    const std::vector<double>& want = exact_[backward][static_cast<std::size_t>(place)];
    const std::int64_t channels = shape_.input_shape()[3];
    Reach out;
    for (std::int64_t i = 0; i < size * size; ++i) {
      if (std::abs(i / size - row(place)) <= 1 && std::abs(i % size - column(place)) <= 1) continue;
      for (std::int64_t c = i * channels; c < (i + 1) * channels; ++c) {
        const auto k = static_cast<std::size_t>(c);
        if (!std::isfinite(got[k])) ++out.bad;
        else out.largest = std::max(out.largest, std::abs(got[k] - want[k]));
      }
    }
    return out;
  }

 private:
  static std::int64_t row(std::int64_t place) { return 6 + place / 4; }
  static std::int64_t column(std::int64_t place) { return 6 + place % 4; }

  Tensor with(double outlier, std::int64_t place) const {
    Tensor out = x_.clone();
    out.mutable_data<float>()[(row(place) * size + column(place)) * shape_.input_shape()[3] + 3] =
        static_cast<float>(outlier);
    return out;
  }

  std::vector<double> pass(const Tensor& image, Winograd method, bool backward) const {
    ConvolutionShape s = shape_;
    s.winograd = method;
    const Tensor w = cast(w_, image.dtype());
    return values(backward ? convolution_input_gradient(image, w, {}, s) : convolution(image, w, {}, s));
  }

  ConvolutionShape shape_;
  Tensor x_, w_;
  std::array<std::vector<std::vector<double>>, 2> exact_;  // forward and backward, by place
};

// As docs/design.md has it.
BOOST_AUTO_TEST_CASE(an_outlier_reaches_outputs_outside_its_filter_by_f4_alone) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const std::int64_t channels : {16, 128}) {
    if (instrumented && channels > 16) continue;
    const Outliers outliers(channels);
    for (const std::string& name : instruction_sets()) {
      const InstructionSet use(name);
      for (const Winograd method : {Winograd::off, Winograd::f2, Winograd::f4})
        for (const bool backward : {false, true}) {
          // Of many channels, those that have nothing to show at four places.
          const std::int64_t step = channels > 16 && method != Winograd::f4 ? 5 : 1;
          Reach large, larger, infinite;
          for (std::int64_t place = 0; place < Outliers::places; place += step) {
            large.take(outliers.reach(1e4, place, method, backward));
            larger.take(outliers.reach(1e6, place, method, backward));
            infinite.take(outliers.reach(infinity, place, method, backward));
          }
          BOOST_TEST_CONTEXT(name << ", method " << static_cast<int>(method) << ", backward " << backward << ", "
                                  << channels << " channels") {
            if (method == Winograd::f4) {
              BOOST_TEST((large.largest > 1e-3 && large.largest < 5e-3), large.largest);
              BOOST_TEST((larger.largest > 0.1 && larger.largest < 0.5), larger.largest);
              BOOST_TEST(infinite.bad == 16 * channels);
            } else {
              BOOST_TEST(large.largest < 1e-5);
              BOOST_TEST(larger.largest < 1e-5);
              BOOST_TEST(infinite.bad == 0);
            }
          }
        }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_automatic_means) {
  using detail::winograd_choice;
  const ConvolutionShape resnet = layer(128, {32, 32}, 16, 16);
  BOOST_TEST((winograd_choice(resnet, Winograd::f4) == Winograd::f4));
  BOOST_TEST((winograd_choice(layer(128, {16, 16}, 32, 32), Winograd::f2) == Winograd::f2));
  BOOST_TEST((winograd_choice(resnet, Winograd::off) == Winograd::off));
  BOOST_TEST((winograd_choice(layer(128, {32, 32}, 3, 16), Winograd::f4) == Winograd::off));
  BOOST_TEST((winograd_choice(layer(128, {2, 2}, 512, 512), Winograd::f4) == Winograd::f2));
  BOOST_TEST((winograd_choice(layer(1, {2, 2}, 512, 512), Winograd::f4) == Winograd::off));
  for (const auto change :
       {+[](ConvolutionShape& s) { s.stride[0] = 2; }, +[](ConvolutionShape& s) { s.dilation[1] = 2; },
        +[](ConvolutionShape& s) { s.groups = 2; }, +[](ConvolutionShape& s) { s.kernel[0] = 5; },
        +[](ConvolutionShape& s) { s.padding[1] = 3; }}) {
    ConvolutionShape s = resnet;
    change(s);
    s.winograd = Winograd::f4;
    BOOST_TEST(detail::winograd_kernel(s) == nullptr);
  }
  BOOST_TEST((detail::winograd_limit("4") == Winograd::f4));
  BOOST_TEST((detail::winograd_limit("2") == Winograd::f2));
  BOOST_TEST((detail::winograd_limit("0") == Winograd::off));
  for (const char* const bad : {"3", "f4", "on", "4 "})
    BOOST_TEST(fails_with({"EBB_WINOGRAD", bad, "4, 2 or 0"}, [&] { detail::winograd_limit(bad); }));
}

BOOST_AUTO_TEST_CASE(a_layer_chooses) {
  const Tensor x = random({2, 8, 8, 16}, 1);
  const auto run = [&](Winograd method) {
    Conv2d conv({.in = 16, .out = 16, .padding = {1, 1}, .winograd = method}, Rng(1));
    Tape tape;
    const Var in = tape.input(x);
    const Var y = conv(in);
    tape.backward(y, random({2, 8, 8, 16}, 2));
    return std::array{y.value(), tape.gradient(in), conv.weight.grad()};
  };
  const auto direct = run(Winograd::off), f2 = run(Winograd::f2), f4 = run(Winograd::f4);
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(!same_bits(direct[i], f2[i]));
    BOOST_TEST(!same_bits(direct[i], f4[i]));
    BOOST_TEST(close(f2[i], direct[i], 1e-5));
    BOOST_TEST(close(f4[i], direct[i], 1e-5));
  }
  BOOST_TEST(Conv2d({.in = 3, .out = 4, .winograd = Winograd::f2}, Rng(1)).describe() == "3 -> 4, 3x3, F(2x2)");
}

// Rounding at the layers of ResNets, relative to f64, N(0, 1) images, He's weights: F2 is no worse than the direct
// method, F4 about twice as coarse. The
// table in docs/design.md is from the messages of this test.
BOOST_AUTO_TEST_CASE(accuracy) {
  std::vector<ConvolutionShape> shapes{layer(4, {32, 32}, 16, 16), layer(8, {16, 16}, 32, 32),
                                       layer(16, {8, 8}, 64, 64),  layer(4, {16, 16}, 128, 128),
                                       layer(4, {8, 8}, 256, 256), layer(4, {4, 4}, 512, 512)};
  if (instrumented) shapes.resize(3);
  for (const ConvolutionShape& s : shapes) {
    Numbers n(s, 0);
    n.bias = n.dx_bias = Tensor();
    fill_normal(n.x, Rng(1), 0, 1);
    fill_normal(n.dy, Rng(2), 0, 1);
    fill_normal(n.w, Rng(3), 0, std::sqrt(2.0 / static_cast<double>(9 * s.in)));
    Numbers e = n;
    for (Tensor* const t : {&e.x, &e.w, &e.dy}) *t = as_f64(*t);
    const Passes want = passes(e, s, Winograd::off);
    const Passes direct = passes(n, s, Winograd::off), f2 = passes(n, s, Winograd::f2), f4 = passes(n, s, Winograd::f4);
    const std::pair<const char*, Tensor Passes::*> members[] = {
        {"forward", &Passes::y}, {"input gradient", &Passes::dx}, {"weight gradient", &Passes::dw}};
    for (const auto& [name, member] : members) {
      const double of_direct = rms_error(direct.*member, want.*member), of_2 = rms_error(f2.*member, want.*member),
                   of_4 = rms_error(f4.*member, want.*member);
      BOOST_TEST_MESSAGE(s.input_shape() << " -> " << s.out << ", " << name << ": direct " << of_direct << ", F2 "
                                         << of_2 << ", F4 " << of_4);
      BOOST_TEST(of_direct < 2e-6);
      // Sums over few pixels are more exact than any transform.
      const double base = std::max(of_direct, 3e-7);
      BOOST_TEST(of_2 < 1.2 * base);
      BOOST_TEST(of_4 < 3 * base);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(winograd_slow)

BOOST_AUTO_TEST_CASE(random_shapes) {
  for (std::uint64_t i = 0; i < 2000; ++i) check_everywhere(random_shape(Rng(4).at(i)), i);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
