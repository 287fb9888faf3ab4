#include "framework/nn/update_batch_norm.h"

#include <boost/test/unit_test.hpp>

#include "framework/autograd/tape.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/dropout.h"
#include "framework/nn/sequential.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb::test {
namespace {

struct Statistics {
  Tensor mean, variance;
  double batches;
};

Statistics of(const BatchNorm& norm) {
  return {norm.running_mean->value().clone(), norm.running_variance->value().clone(), norm.batches->value().item()};
}

bool same(const Statistics& a, const Statistics& b) {
  return same_bits(a.mean, b.mean) && same_bits(a.variance, b.variance) && a.batches == b.batches;
}

Tensor images(std::uint64_t seed, std::int64_t n = 4) { return random({n, 3, 5, 2}, seed, -1, 2, DType::f64); }

// The mean over batches of their means and unbiased variances, channel by channel.
Statistics wanted(const std::vector<Tensor>& batches) {
  Tensor mean = Tensor::zeros({2}, DType::f64), variance = Tensor::zeros({2}, DType::f64);
  for (const Tensor& batch : batches)
    for (std::int64_t c = 0; c < 2; ++c) {
      const std::int64_t n = batch.size() / 2;
      double sum = 0, squares = 0;
      for (std::int64_t i = 0; i < n; ++i) sum += batch.data<double>()[2 * i + c];
      for (std::int64_t i = 0; i < n; ++i) squares += std::pow(batch.data<double>()[2 * i + c] - sum / double(n), 2);
      mean.mutable_data<double>()[c] += sum / double(n) / double(batches.size());
      variance.mutable_data<double>()[c] += squares / double(n - 1) / double(batches.size());
    }
  return {mean, variance, static_cast<double>(batches.size())};
}

// Norms with statistics of other data.
struct Net : Sequential {
  Net() : Sequential(Rng(1)) {
    to(DType::f64);
    for (std::uint64_t i = 0; i < 3; ++i) (*this)(random({4, 3, 5, 2}, 50 + i, 5, 9, DType::f64));
  }
  BatchNorm2d& first{add<BatchNorm2d>("first", {.channels = 2, .new_weight = 0.3})};
  BatchNorm2d& second{add<BatchNorm2d>("second", {.channels = 2})};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(batch_norm_update)

BOOST_AUTO_TEST_CASE(statistics_are_the_means_over_the_batches_of_the_pass) {
  for (const bool training : {true, false}) {
    Net net;
    net.train(training);
    const std::vector<Tensor> batches{images(1), images(2, 7), images(3, 1)};
    update_batch_norm(net, [&] {
      for (const Tensor& batch : batches) net(batch);
    });
    const Statistics got = of(net.first), want = wanted(batches);
    BOOST_TEST(close(got.mean, want.mean, 1e-14, 1e-14));
    BOOST_TEST(close(got.variance, want.variance, 1e-14));
    BOOST_TEST(got.batches == 3);
    BOOST_TEST(std::abs(of(net.second).mean.data<double>()[0]) < 1e-14);  // of normalised images
    // Modes and options are as before, and later batches mix in as they did.
    BOOST_TEST(net.training() == training);
    BOOST_TEST(net.second.training() == training);
    BOOST_TEST(!net.first.options().cumulative);
    net.train();
    net(images(4));
    Tensor mixed = got.mean.clone();
    scale(mixed, 0.7);
    axpy(0.3, wanted({images(4)}).mean, mixed);
    BOOST_TEST(close(of(net.first).mean, mixed, 1e-14, 1e-14));
  }
}

BOOST_AUTO_TEST_CASE(a_norm_that_was_frozen_by_hand_keeps_its_statistics) {
  Net net;
  net.first.eval();
  const Statistics before = of(net.first), other = of(net.second);
  update_batch_norm(net, [&] { net(images(1)); });
  BOOST_TEST(same(of(net.first), before));
  BOOST_TEST(!same(of(net.second), other));
  BOOST_TEST(!net.first.training());
  net.eval();  // of a model that is in eval mode none was
  update_batch_norm(net, [&] { net(images(1)); });
  BOOST_TEST(!same(of(net.first), before));
  BOOST_TEST(!net.first.training());
}

BOOST_AUTO_TEST_CASE(an_error_in_the_pass_changes_nothing) {
  Net net;
  net.eval();
  const Statistics first = of(net.first), second = of(net.second);
  const auto fails = [&](const std::function<void()>& pass, std::string_view part) {
    BOOST_TEST(fails_with({part}, [&] { update_batch_norm(net, pass); }));
    BOOST_TEST(same(of(net.first), first));
    BOOST_TEST(same(of(net.second), second));
    BOOST_TEST(!net.training());
    BOOST_TEST(!net.first.options().cumulative);
  };
  fails(
      [&] {
        net(images(1));
        net(Tensor({4}, DType::f64));
      },
      "[4]");
  fails([] {}, "a pass that called none of 2 batch norms");
  BOOST_TEST(fails_with({"none of 0 batch norms"}, [] {
    Sequential plain{Rng(1)};
    update_batch_norm(plain, [] {});
  }));
}

BOOST_AUTO_TEST_CASE(a_norm_that_the_pass_does_not_reach_keeps_its_statistics) {
  Net net;
  const Statistics before = of(net.second);
  update_batch_norm(net, [&] { net.first(images(1)); });
  BOOST_TEST(same(of(net.second), before));
  BOOST_TEST(close(of(net.first).mean, wanted({images(1)}).mean, 1e-14, 1e-14));
}

BOOST_AUTO_TEST_CASE(nothing_records) {
  Net net;
  Tape tape;
  update_batch_norm(net, [&] { net(images(1)); });
  BOOST_TEST(tape.size() == 0u);
  BOOST_TEST(Tape::recording());
}

// A convolution before a norm is merged with it, in eval mode even folded into one.
BOOST_AUTO_TEST_CASE(merged_neighbours) {
  Sequential net{Rng(1)};
  auto& conv = net.add<Conv2d>("conv", {.in = 2, .out = 2, .kernel = {1, 1}});
  auto& norm = net.add<BatchNorm2d>("norm", {.channels = 2});
  net.to(DType::f64);
  net.eval();
  update_batch_norm(net, [&] { net(images(1)); });
  BOOST_TEST(close(of(norm).mean, wanted({conv(images(1)).value()}).mean, 1e-13, 1e-13));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ebb::test
