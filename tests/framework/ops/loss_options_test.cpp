// Class weights, ignored samples, weights of positive targets, and losses that are not reduced.
#include <boost/test/unit_test.hpp>
#include <limits>

#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::loss_options_test {
namespace {

using namespace test;

constexpr DType types[] = {DType::f32, DType::f64};
constexpr Reduction reductions[] = {Reduction::mean, Reduction::sum, Reduction::none};
constexpr double infinity = std::numeric_limits<double>::infinity();

struct Run {
  Tensor loss, dx;
};

// The upstream gradient of element i of a loss.
double upstream(std::int64_t i) { return 1 + 0.25 * static_cast<double>(i % 5); }

// The loss, and the gradient for the upstream gradients of its elements.
Run run(const Tensor& logits, const std::function<Var(const Var&)>& f) {
  Tape tape;
  const Var x = tape.input(logits);
  const Var loss = f(x);
  Tensor up(loss.shape(), DType::f64);
  for (std::int64_t i = 0; i < up.size(); ++i) up.mutable_data<double>()[i] = upstream(i);
  tape.backward(loss, cast(up, logits.dtype()));
  return {loss.value(), tape.gradient(x)};
}

// What single samples or elements lose and the derivatives of that, combined as `reduction` says: mean divides by
// `total`. Sample i has `width` neighbouring derivatives.
Run combined(const std::vector<long double>& each, std::vector<long double> slopes, std::size_t width,
             long double total, Reduction reduction, const Tensor& logits, const Shape& shape) {
  long double sum = 0;
  for (std::size_t i = 0; i < each.size(); ++i) {
    sum += each[i];
    const long double up = reduction == Reduction::none   ? upstream(static_cast<std::int64_t>(i))
                           : reduction == Reduction::mean ? (total > 0 ? 1 / total : 0.0L)
                                                          : 1.0L;
    for (std::size_t j = 0; j < width; ++j) slopes[i * width + j] *= up;
  }
  if (reduction == Reduction::mean) sum = total > 0 ? sum / total : 0;
  const std::vector<double> all(each.begin(), each.end()), dx(slopes.begin(), slopes.end());
  const Tensor loss = reduction == Reduction::none ? Tensor::from(std::span<const double>(all), shape)
                                                   : Tensor::scalar(static_cast<double>(sum), DType::f64);
  return {cast(loss, logits.dtype()), cast(Tensor::from(std::span<const double>(dx), logits.shape()), logits.dtype())};
}

void compare(const Run& got, const Run& want) {
  const double tolerance = got.loss.dtype() == DType::f32 ? 4e-6 : 1e-13;
  BOOST_TEST(close(got.loss, want.loss, tolerance, tolerance));
  BOOST_TEST(close(got.dx, want.dx, tolerance, tolerance));
}

// The definition: -sum_c w_c q_c log p_c with q = (1 - smoothing) target + smoothing / classes. Labels of `ignore`
// count nothing.
Run reference(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& o) {
  const std::vector<double> x = values(logits), t = values(targets);
  const bool soft = is_float(targets.dtype());
  const auto n = static_cast<std::size_t>(logits.dim(1)), samples = static_cast<std::size_t>(logits.dim(0));
  const std::vector<double> w = o.class_weights.defined() ? values(o.class_weights) : std::vector<double>(n, 1.0);
  std::vector<long double> each(samples), slopes(x.size());
  long double total = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    if (!soft && o.ignore_index && static_cast<std::int64_t>(t[i]) == *o.ignore_index) continue;
    total += soft ? 1 : w[static_cast<std::size_t>(t[i])];
    const double* const row = &x[i * n];
    const long double most = *std::max_element(row, row + n);
    long double sum = 0, all = 0;
    for (std::size_t c = 0; c < n; ++c) sum += std::exp(row[c] - most);
    std::vector<long double> q(n);
    for (std::size_t c = 0; c < n; ++c) {
      const long double target = soft ? t[i * n + c] : static_cast<std::size_t>(t[i]) == c;
      q[c] = w[c] * ((1 - o.label_smoothing) * target + o.label_smoothing / static_cast<long double>(n));
      all += q[c];
      each[i] -= q[c] * (row[c] - most - std::log(sum));
    }
    for (std::size_t c = 0; c < n; ++c) slopes[i * n + c] = all * std::exp(row[c] - most) / sum - q[c];
  }
  return combined(each, slopes, n, total, o.reduction, logits, {logits.dim(0)});
}

// Every third is 255, which is no class.
Tensor labels(std::int64_t n, std::int64_t classes, DType dtype = DType::i64) {
  Tensor out({n}, dtype);
  dispatch_all("labels", dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < n; ++i) out.mutable_data<T>()[i] = static_cast<T>(i % 3 == 2 ? 255 : i * 7 % classes);
  });
  return out;
}

Tensor all_counted(std::int64_t n, std::int64_t classes) {
  Tensor out({n}, DType::i64);
  for (std::int64_t i = 0; i < n; ++i) out.mutable_data<std::int64_t>()[i] = i * 7 % classes;
  return out;
}

std::function<Var(const Var&)> cross_entropy(const Tensor& targets, const CrossEntropyOptions& options) {
  return [=](const Var& x) { return softmax_cross_entropy(x, targets, options); };
}

BOOST_AUTO_TEST_SUITE(cross_entropy_options)

BOOST_AUTO_TEST_CASE(match_the_definition_on_every_instruction_set) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types)
      for (const std::int64_t classes : {1, 2, 17, 100})
        for (const std::int64_t samples : {1, 7, 60})
          for (const double smoothing : {0.0, 0.1})
            for (const Reduction reduction : reductions)
              for (const bool weighted : {false, true}) {
                CrossEntropyOptions options{.label_smoothing = smoothing, .reduction = reduction};
                if (weighted) options.class_weights = random({classes}, 3, 0.25, 3, dtype);
                const Tensor x = random({samples, classes}, 1, -4, 4, dtype);
                const Tensor any = random({samples, classes}, 2, 0, 1, dtype);
                BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << samples << 'x' << classes << ' ' << smoothing) {
                  compare(run(x, cross_entropy(any, options)), reference(x, any, options));
                  const Tensor hard = all_counted(samples, classes);
                  compare(run(x, cross_entropy(hard, options)), reference(x, hard, options));
                  options.ignore_index = 255;
                  const Tensor some = labels(samples, classes);
                  compare(run(x, cross_entropy(some, options)), reference(x, some, options));
                }
              }
  }
}

BOOST_AUTO_TEST_CASE(ignored_samples_are_as_if_they_were_not_there) {
  for (const Reduction reduction : {Reduction::mean, Reduction::sum}) {
    const Tensor x = random({6, 4}, 1);
    const CrossEntropyOptions options{.reduction = reduction, .ignore_index = 255};
    const Run all = run(x, cross_entropy(labels(6, 4), options));
    // Samples 0, 1, 3 and 4 alone.
    Tensor few({4, 4}), few_labels({4}, DType::i64);
    for (std::int64_t i = 0; i < 4; ++i) {
      const std::int64_t from = i < 2 ? i : i + 1;
      for (std::int64_t c = 0; c < 4; ++c) few.mutable_data<float>()[i * 4 + c] = x.data<float>()[from * 4 + c];
      few_labels.mutable_data<std::int64_t>()[i] = labels(6, 4).data<std::int64_t>()[from];
    }
    const Run alone = run(few, cross_entropy(few_labels, {.reduction = reduction}));
    BOOST_TEST(close(all.loss, alone.loss, 1e-6));
    for (std::int64_t i = 0; i < 6; ++i)
      for (std::int64_t c = 0; c < 4; ++c) {
        const float got = all.dx.data<float>()[i * 4 + c];
        if (i % 3 == 2) BOOST_TEST(got == 0.0F);
        else BOOST_TEST(std::abs(got - alone.dx.data<float>()[(i < 2 ? i : i - 1) * 4 + c]) <= 1e-6F);
      }
  }
}

BOOST_AUTO_TEST_CASE(an_ignored_sample_may_have_any_logits) {
  const Tensor x = Tensor::from({0.0, 1.0, std::nan(""), infinity}, {2, 2});
  const Run got = run(x, cross_entropy(Tensor::from<std::int64_t>({1, -100}, {2}), {.ignore_index = -100}));
  BOOST_TEST(got.loss.item() == std::log1p(std::exp(-1.0)), boost::test_tools::tolerance(1e-14));
  BOOST_TEST(all_finite(got.dx));
  BOOST_TEST(got.dx.data<double>()[2] == 0.0);
}

BOOST_AUTO_TEST_CASE(the_mean_of_ignored_samples_alone_is_zero) {
  for (const Reduction reduction : reductions) {
    const Tensor none = Tensor::full({3}, 255, DType::u8);
    const Run got = run(random({3, 5}, 1), cross_entropy(none, {.reduction = reduction, .ignore_index = 255}));
    BOOST_TEST(max_abs(got.loss) == 0.0);
    BOOST_TEST(max_abs(got.dx) == 0.0);
  }
}

// A label that no sample has changes nothing, not a bit.
BOOST_AUTO_TEST_CASE(an_ignore_index_that_no_label_has) {
  const Tensor x = random({40, 10}, 1), t = all_counted(40, 10);
  const Run plain = run(x, cross_entropy(t, {})), got = run(x, cross_entropy(t, {.ignore_index = -100}));
  BOOST_TEST(same_bits(got.loss, plain.loss));
  BOOST_TEST(same_bits(got.dx, plain.dx));
}

BOOST_AUTO_TEST_CASE(every_type_of_class_index_can_be_ignored) {
  const Tensor x = random({20, 5}, 1);
  const CrossEntropyOptions options{.reduction = Reduction::none, .ignore_index = 255};
  const Run want = run(x, cross_entropy(labels(20, 5), options));
  for (const DType dtype : {DType::i32, DType::u8}) {
    const Run got = run(x, cross_entropy(labels(20, 5, dtype), options));
    BOOST_TEST(same_bits(got.loss, want.loss));
    BOOST_TEST(same_bits(got.dx, want.dx));
  }
}

BOOST_AUTO_TEST_CASE(excluded_classes) {
  // A class of weight 0 whose logit is -infinity costs nothing, though log p is -infinity.
  const Tensor x = Tensor::from({0.0, -infinity, 0.0}, {1, 3});
  CrossEntropyOptions options{.class_weights = Tensor::from({1.0, 0.0, 2.0}, {3})};
  const auto label = [](std::int64_t c) { return Tensor::from<std::int64_t>({c}, {1}); };
  BOOST_TEST(run(x, cross_entropy(label(1), options)).loss.item() == 0.0);
  BOOST_TEST(max_abs(run(x, cross_entropy(label(1), options)).dx) == 0.0);
  options.label_smoothing = 0.3;  // targets 0.8, 0, 0.2 of log 2 over a weight of 1
  BOOST_TEST(run(x, cross_entropy(label(0), options)).loss.item() == std::log(2.0),
             boost::test_tools::tolerance(1e-14));
}

BOOST_AUTO_TEST_CASE(equal_bits_on_any_number_of_threads) {
  const Tensor x = random({3000, 37}, 1), t = labels(3000, 37);
  const Tensor p = random({700, 37}, 3), goal = random({700, 37}, 4, 0, 1), weights = random({37}, 2, 0.25, 3);
  Run first{}, first_binary{};
  for (const int threads : {1, 2, 3, 4, 8}) {
    const Threads use(threads);
    const Run now = run(x, cross_entropy(t, {.label_smoothing = 0.1, .ignore_index = 255, .class_weights = weights}));
    const Run binary =
        run(p, [&](const Var& v) { return binary_cross_entropy_with_logits(v, goal, {.pos_weight = weights}); });
    if (threads == 1) first = now, first_binary = binary;
    BOOST_TEST(same_bits(now.loss, first.loss));
    BOOST_TEST(same_bits(now.dx, first.dx));
    BOOST_TEST(same_bits(binary.loss, first_binary.loss));
    BOOST_TEST(same_bits(binary.dx, first_binary.dx));
  }
}

BOOST_AUTO_TEST_CASE(bad_arguments) {
  const Tensor x = random({4, 3}, 1), t = Tensor::from<std::int64_t>({0, 1, 2, 7}, {4});
  const auto fails = [&](const CrossEntropyOptions& options, std::initializer_list<std::string_view> parts) {
    BOOST_TEST(fails_with(parts, [&] { softmax_cross_entropy(x, t, options); }));
  };
  fails({.ignore_index = -1}, {"class 7 at position 3", "ignore_index"});
  fails({.class_weights = Tensor::full({4}, 1)}, {"class_weights of shape [4]", "[4, 3]", "[3], one for each class"});
  fails({.class_weights = Tensor::full({3, 1}, 1)}, {"class_weights of shape [3, 1]"});
  fails({.class_weights = Tensor::full({3}, 1, DType::f64)}, {"f32", "f64"});
  fails({.class_weights = Tensor::from<float>({1, -1, 1}, {3})}, {"class_weights with -1", "finite"});
  fails({.class_weights = Tensor::from<float>({1, NAN, 1}, {3})}, {"class_weights with nan"});
  BOOST_TEST(fails_with({"ignore_index = 1 with soft targets", "class indices"},
                        [&] { softmax_cross_entropy(x, x, {.ignore_index = 1}); }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(elementwise_loss_options)

// w t log(1 + e^-x) + (1 - t) log(1 + e^x), term by term.
Run binary_reference(const Tensor& logits, const Tensor& targets, const Tensor& weights, Reduction reduction) {
  const std::vector<double> x = values(logits), t = values(targets), w = values(weights);
  std::vector<long double> each(x.size()), slopes(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double v = x[i], goal = t[i], positive = w[i % w.size()] * goal,
                      tail = std::log1p(std::exp(-std::abs(v)));
    each[i] = positive * (std::max(-v, 0.0L) + tail) + (1 - goal) * (std::max(v, 0.0L) + tail);
    slopes[i] = (1 - goal) / (1 + std::exp(-v)) - positive / (1 + std::exp(v));
  }
  return combined(each, slopes, 1, static_cast<long double>(x.size()), reduction, logits, logits.shape());
}

BOOST_AUTO_TEST_CASE(weights_of_positive_targets) {
  for (const std::string& name : instruction_sets()) {
    const InstructionSet use(name);
    for (const DType dtype : types)
      for (const double size : {1.0, 30.0, 1e4})
        for (const Reduction reduction : reductions)
          for (const Shape& shape : {Shape{}, Shape{1}, Shape{2503}, Shape{7, 1}, Shape{211, 17}, Shape{2, 3, 5}}) {
            const Tensor x = random(shape, 1, -size, size, dtype), t = random(shape, 2, 0, 1, dtype);
            const Tensor each = random({shape.rank() == 0 ? 1 : shape[-1]}, 3, 0.25, 4, dtype);
            for (const Tensor& weights : {each, Tensor::scalar(2.5, dtype), Tensor::full({1}, 0.5, dtype), Tensor()}) {
              const Run got = run(x, [&](const Var& v) {
                return binary_cross_entropy_with_logits(v, t, {.reduction = reduction, .pos_weight = weights});
              });
              const Tensor all = weights.defined() ? weights : Tensor::full({1}, 1, dtype);
              BOOST_TEST_CONTEXT(name << ' ' << dtype << ' ' << size << ' ' << shape)
              compare(got, binary_reference(x, t, all, reduction));
            }
          }
  }
}

// Neither term may be lost beside the other: what a sure and right answer loses is tiny, not 0.
BOOST_AUTO_TEST_CASE(small_losses_keep_their_digits) {
  const Tensor x = Tensor::from({-30.0, 30.0}, {2}), t = Tensor::from({0.0, 1.0}, {2});
  for (const DType dtype : types) {
    const Tensor each =
        binary_cross_entropy_with_logits(cast(x, dtype), cast(t, dtype),
                                         {.reduction = Reduction::none, .pos_weight = Tensor::full({1}, 3, dtype)})
            .value();
    const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-14;
    BOOST_TEST(values(each)[0] == std::log1p(std::exp(-30.0)), boost::test_tools::tolerance(tolerance));
    BOOST_TEST(values(each)[1] == 3 * std::log1p(std::exp(-30.0)), boost::test_tools::tolerance(tolerance));
  }
}

BOOST_AUTO_TEST_CASE(infinite_logits_on_the_right_side) {
  const Tensor x = Tensor::from({-infinity, infinity}, {2}), t = Tensor::from({0.0, 1.0}, {2});
  const Run got =
      run(x, [&](const Var& v) { return binary_cross_entropy_with_logits(v, t, {.reduction = Reduction::none}); });
  BOOST_TEST(max_abs(got.loss) == 0.0);
  BOOST_TEST(max_abs(got.dx) == 0.0);
}

BOOST_AUTO_TEST_CASE(single_squared_errors) {
  const Tensor p = random({3, 5}, 1, -1, 1, DType::f64), t = random({3, 5}, 2, -1, 1, DType::f64);
  Tape tape;
  const Var a = tape.input(p), b = tape.input(t);
  const Var each = mse_loss(a, b, Reduction::none);
  BOOST_TEST(each.shape() == Shape({3, 5}));
  const Tensor up = random({3, 5}, 3, 1, 2, DType::f64);
  tape.backward(each, up);
  for (std::int64_t i = 0; i < 15; ++i) {
    const double d = p.data<double>()[i] - t.data<double>()[i];
    BOOST_TEST(each.value().data<double>()[i] == d * d, boost::test_tools::tolerance(1e-14));
    BOOST_TEST(tape.gradient(a).data<double>()[i] == 2 * d * up.data<double>()[i], boost::test_tools::tolerance(1e-14));
    BOOST_TEST(tape.gradient(b).data<double>()[i] == -2 * d * up.data<double>()[i],
               boost::test_tools::tolerance(1e-14));
  }
}

BOOST_AUTO_TEST_CASE(bad_arguments) {
  const Tensor x = random({4, 3}, 1), t = random({4, 3}, 2, 0, 1);
  const auto fails = [&](const Tensor& weights, std::initializer_list<std::string_view> parts) {
    BOOST_TEST(fails_with(parts, [&] { binary_cross_entropy_with_logits(x, t, {.pos_weight = weights}); }));
  };
  fails(Tensor::full({4}, 1), {"binary_cross_entropy_with_logits", "pos_weight of shape [4]", "[3], one for each"});
  fails(Tensor::full({3}, 1, DType::f64), {"f32", "f64"});
  fails(Tensor::full({3}, -1), {"pos_weight with -1", "finite"});
  fails(Tensor::full({3}, infinity), {"pos_weight with inf"});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::loss_options_test
