// Batch norm of a batch in parts: the statistics, results and gradients of the whole batch.
#include <boost/test/unit_test.hpp>
#include <numeric>
#include <vector>

#include "framework/compute/moments.h"
#include "framework/ops/normalization.h"
#include "framework/ops/shape.h"
#include "tests/support/errors.h"
#include "tests/support/ranks.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using parallel::Communicator;
using test::close;
using test::random;

// Joins what ranks bring along, in their order.
class Joined : public PartExchange {
 public:
  explicit Joined(Communicator& ranks) : ranks_(ranks) {}
  void merge_moments(std::span<double> moments) override {
    const auto parts = gathered(moments);
    std::ranges::fill(moments, 0.0);
    for (const std::vector<double>& part : parts)
      ebb::merge_moments(moments.data(), part.data(), static_cast<std::int64_t>(moments.size() / 3));
  }
  void sum(std::span<double> numbers) override {
    const auto parts = gathered(numbers);
    std::ranges::fill(numbers, 0.0);
    for (const std::vector<double>& part : parts)
      for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] += part[i];
  }

 private:
  std::vector<std::vector<double>> gathered(std::span<const double> own) {
    const std::vector<std::int64_t> bytes(static_cast<std::size_t>(ranks_.size()),
                                          static_cast<std::int64_t>(own.size_bytes()));
    std::vector<double> all(own.size() * bytes.size());
    ranks_.gather(std::as_bytes(own), bytes, std::as_writable_bytes(std::span(all)));
    std::vector<std::vector<double>> out;
    for (std::size_t r = 0; r < bytes.size(); ++r)
      out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(r * own.size()),
                       all.begin() + static_cast<std::ptrdiff_t>((r + 1) * own.size()));
    return out;
  }
  Communicator& ranks_;
};

struct Result {
  Tensor y, dx, dscale, dshift;
  BatchNormState state;
};

Result computed(const Tensor& x, const Tensor& up, Activation activation, PartExchange* exchange) {
  const std::int64_t channels = x.dim(-1);
  Result out;
  out.state = {random({channels}, 5, -1, 1, x.dtype()), random({channels}, 6, 1, 2, x.dtype()), {}, {}};
  Tape tape;
  const Var in = tape.input(x), scale = tape.input(random({channels}, 7, -1, 1, x.dtype())),
            shift = tape.input(random({channels}, 8, -1, 1, x.dtype()));
  const Var y = batch_norm(in, scale, shift, out.state, {.activation = activation, .exchange = exchange});
  tape.backward(y, up);
  out.y = y.value();
  out.dx = tape.gradient(in);
  out.dscale = tape.gradient(scale);
  out.dshift = tape.gradient(shift);
  return out;
}

Tensor rows(const Tensor& x, std::int64_t begin, std::int64_t end) { return slice(x, 0, begin, end).value(); }

BOOST_AUTO_TEST_SUITE(batch_norm_parts)

BOOST_AUTO_TEST_CASE(parts_of_any_sizes_are_normalised_as_the_batch) {
  const std::vector<std::vector<std::int64_t>> cuts{{7, 9}, {9, 7}, {1, 15}, {15, 1},
                                                    {0, 8}, {8, 0}, {1, 1},  {3, 0, 5, 1}};
  for (const auto& cut : cuts)
    for (const DType dtype : {DType::f64, DType::f32})
      for (const Activation activation : {Activation::none, Activation::relu})
        for (const bool images : {false, true}) {
          const double tolerance = dtype == DType::f64 ? 1e-12 : 1e-5;
          const std::int64_t all = std::accumulate(cut.begin(), cut.end(), std::int64_t{0});
          const Shape shape = images ? Shape{all, 3, 2, 5} : Shape{all, 5};
          const Tensor x = random(shape, 1, 2, 4, dtype), up = random(shape, 2, -1, 1, dtype);
          const Result whole = computed(x, up, activation, nullptr);
          std::vector<Result> parts(cut.size());
          test::run_ranks(static_cast<int>(cut.size()), [&](Communicator& one) {
            const auto r = static_cast<std::size_t>(one.rank());
            const std::int64_t begin = std::accumulate(cut.begin(), cut.begin() + one.rank(), std::int64_t{0});
            Joined joined(one);
            if (cut[r] > 0) {
              parts[r] = computed(rows(x, begin, begin + cut[r]), rows(up, begin, begin + cut[r]), activation, &joined);
            } else {  // who has none brings none
              std::vector<double> moments(15), sums(10);
              joined.merge_moments(moments);
              joined.sum(sums);
            }
          });
          Tensor dscale = Tensor::zeros({5}, dtype), dshift = Tensor::zeros({5}, dtype);
          for (std::size_t r = 0; r < cut.size(); ++r) {
            if (cut[r] == 0) continue;
            const std::int64_t begin =
                std::accumulate(cut.begin(), cut.begin() + static_cast<std::ptrdiff_t>(r), std::int64_t{0});
            BOOST_TEST(close(parts[r].y, rows(whole.y, begin, begin + cut[r]), tolerance, tolerance));
            BOOST_TEST(close(parts[r].dx, rows(whole.dx, begin, begin + cut[r]), tolerance, tolerance));
            add_into(dscale, parts[r].dscale);
            add_into(dshift, parts[r].dshift);
            // The unbiased variance of all values, on every rank.
            BOOST_TEST(close(parts[r].state.running_mean, whole.state.running_mean, tolerance));
            BOOST_TEST(close(parts[r].state.running_variance, whole.state.running_variance, tolerance));
            BOOST_TEST(close(parts[r].state.batch_variance, whole.state.batch_variance, tolerance));
            BOOST_TEST(parts[r].state.moments.data<double>()[0] == static_cast<double>(x.size() / 5));
          }
          BOOST_TEST(close(dscale, whole.dscale, tolerance, tolerance));
          BOOST_TEST(close(dshift, whole.dshift, tolerance, tolerance));
          if (x.size() > 10) BOOST_TEST(norm(whole.dx) > 1e3 * tolerance);  // two values alone are always 1 and -1
        }
}

BOOST_AUTO_TEST_CASE(running_statistics_can_be_left_for_later) {
  const Tensor x = random({6, 3}, 1);
  BatchNormState now{Tensor::zeros({3}), Tensor::full({3}, 1.0), {}, {}};
  BatchNormState later{Tensor::zeros({3}), Tensor::full({3}, 1.0), {}, {}};
  batch_norm(x, {}, {}, now, {.new_weight = 0.25});
  batch_norm(x, {}, {}, later, {.new_weight = 0.25, .update_running = false});
  BOOST_TEST(test::same_bits(later.running_mean, Tensor::zeros({3})));
  update_running(later, later.moments, 0.25);
  BOOST_TEST(test::same_bits(later.running_mean, now.running_mean));
  BOOST_TEST(test::same_bits(later.running_variance, now.running_variance));
  BOOST_TEST(test::same_bits(later.batch_mean, now.batch_mean));
  BOOST_TEST(test::same_bits(later.batch_variance, now.batch_variance));
  BOOST_TEST(norm(now.running_mean) > 1e-3);
}

BOOST_AUTO_TEST_CASE(a_single_value_of_the_whole_batch_is_refused) {
  BOOST_TEST(test::fails_with({"[1, 3]", "1 values", "at least 2"}, [] {
    test::run_ranks(1, [](Communicator& one) {
      Joined joined(one);
      computed(random({1, 3}, 1), random({1, 3}, 2), Activation::none, &joined);
    });
  }));
  BatchNormState state{Tensor::zeros({3}), Tensor::full({3}, 1.0), {}, {}};
  BOOST_TEST(test::fails_with({"moments of 1 values"}, [&] {
    update_running(state, Tensor::full({3, 3}, 1.0, DType::f64), 0.1);
  }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
