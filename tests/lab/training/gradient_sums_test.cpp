#include "lab/training/gradient_sums.h"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <thread>

#include "framework/compute/basic.h"
#include "framework/io/checksum.h"
#include "framework/tensor/random.h"
#include "lab/training/rank_costs.h"
#include "tests/lab/training/sharded_training.h"
#include "tests/support/counted_ranks.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"

namespace ebb {
namespace {

using parallel::Communicator;
using test::CountedRanks;
using test::require;
using test::run_ranks;

// Numbers of parameters that make several buckets of 4 MiB: the last three are one, then two for themselves, f64 among
// f32, and small ones.
struct Net {
  std::vector<std::unique_ptr<Parameter>> all;
  std::vector<Parameter*> parameters;
  std::vector<Tensor> base;

  Net() {
    const std::pair<std::int64_t, DType> wanted[] = {
        {1000, DType::f32},    {3, DType::f64},       {1'100'000, DType::f32}, {7, DType::f32},
        {600'000, DType::f32}, {500'000, DType::f32}, {20'000, DType::f32},    {11, DType::f32}};
    for (const auto& [size, dtype] : wanted) {
      all.push_back(std::make_unique<Parameter>(text("p", all.size()), Role::weight, Tensor::zeros({size}, dtype)));
      parameters.push_back(all.back().get());
      fill_normal(base.emplace_back(Tensor({size}, dtype)), Rng(9).at(text(all.size())), 0, 1);
    }
  }

  // Of a shard; `without` has none.
  std::vector<Tensor> gradients(int shard, std::size_t without) const {
    std::vector<Tensor> out;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      Tensor& g = out.emplace_back();
      if (i == without) continue;
      g = base[i].clone();
      scale(g, std::sqrt(1.0 + shard));
    }
    return out;
  }
};

constexpr std::size_t nothing = 99;

// The sums of one batch in so many shards, as a checksum. With `one_by_one` those of the last own shard come singly.
std::string sums_of(Communicator& ranks, int shards, std::int64_t samples, bool one_by_one) {
  static const Net net;
  std::vector<std::unique_ptr<Parameter>> own_parameters;
  std::vector<Parameter*> parameters;
  for (const Parameter* const p : net.parameters)
    parameters.push_back(
        own_parameters.emplace_back(std::make_unique<Parameter>(std::string(p->name()), p->role(), p->value().clone()))
            .get());
  GradientSums sums(ranks);
  const parallel::Shards cut{shards, samples};
  const auto [begin, end] = parallel::shards_of(ranks.rank(), ranks.size(), shards);
  std::string out;
  for (int batch = 0; batch < 2; ++batch) {  // memory is used again
    sums.begin(cut, parameters);
    int last = end - 1;
    while (last >= begin && cut.empty(last)) --last;
    for (int s = begin; s <= last; ++s) {
      if (cut.empty(s)) continue;
      const std::vector<Tensor> own = net.gradients(s + 100 * batch, s == 1 ? 4 : nothing);
      if (s == last && one_by_one) {
        sums.begin_last(s);
        for (std::size_t i = own.size(); i-- > 0;) {
          if (i == 3) continue;  // it comes with the rest
          parameters[i]->zero_grad();
          if (own[i].defined()) parameters[i]->accumulate(own[i].clone());
          sums.complete(*parameters[i]);
        }
      }
      sums.add(s, own);
    }
    sums.finish();
    State all;
    for (std::size_t i = 0; i < parameters.size(); ++i) all[text(i)] = sums.sum(i);
    out += sha256(all);
  }
  return out;
}

BOOST_AUTO_TEST_SUITE(gradient_sums)

BOOST_AUTO_TEST_CASE(buckets_hold_four_mebibytes_and_begin_with_the_last_parameters) {
  const Net net;
  const std::vector<std::vector<std::size_t>> wanted{{7, 6, 5}, {4, 3}, {2}, {1}, {0}};
  BOOST_TEST((gradient_buckets(net.parameters) == wanted));
}

BOOST_AUTO_TEST_CASE(are_those_of_all_shards) {
  const Net net;
  GradientSums sums(parallel::alone());
  sums.begin({4, 4}, net.parameters);
  for (int s = 0; s < 4; ++s) sums.add(s, net.gradients(s, s == 1 ? 4 : nothing));
  sums.finish();
  for (std::size_t i = 0; i < net.parameters.size(); ++i) {
    std::vector<double> wanted(static_cast<std::size_t>(net.parameters[i]->shape().size()));
    double largest = 0;
    for (int s = 0; s < 4; ++s) {
      const Tensor own = net.gradients(s, s == 1 ? 4 : nothing)[i];
      if (!own.defined()) continue;
      const std::vector<double> numbers = test::values(own);
      for (std::size_t k = 0; k < wanted.size(); ++k) wanted[k] += numbers[k];
    }
    const std::vector<double> got = test::values(sums.sum(i));
    BOOST_REQUIRE(got.size() == wanted.size());
    for (std::size_t k = 0; k < wanted.size(); ++k) largest = std::max(largest, std::abs(got[k] - wanted[k]));
    BOOST_TEST(largest < 2e-6);  // four numbers of about 1 in f32
  }
}

BOOST_AUTO_TEST_CASE(have_the_same_bits_on_any_ranks_one_by_one_or_not) {
  for (const std::int64_t samples : {std::int64_t{64}, std::int64_t{3}}) {  // the latter leave a shard empty
    const std::string wanted = sums_of(parallel::alone(), 4, samples, false);
    for (const int ranks : test::instrumented ? std::vector{3} : std::vector{1, 2, 3})
      for (const bool one_by_one : {false, true})
        run_ranks(ranks, [&](Communicator& own) {
          require(sums_of(own, 4, samples, one_by_one) == wanted,
                  text("the same sums, rank ", own.rank(), " of ", ranks));
        });
  }
  // Some ranks so and others not.
  const std::string wanted = sums_of(parallel::alone(), 4, 64, false);
  run_ranks(3, [&](Communicator& own) { require(sums_of(own, 4, 64, own.rank() == 1) == wanted, "the same sums"); });
}

BOOST_AUTO_TEST_CASE(go_to_others_while_more_are_computed) {
  run_ranks(2, [](Communicator& own) {
    CountedRanks counted(own);
    const Net net;
    GradientSums sums(counted);
    sums.begin({2, 2}, net.parameters);
    const std::vector<Tensor> gradients = net.gradients(own.rank(), nothing);
    sums.begin_last(own.rank());
    for (const std::size_t i : {7, 6, 5}) {
      require(counted.calls() == 0, "no call before the bucket is complete");
      net.parameters[i]->accumulate(gradients[i].clone());
      sums.complete(*net.parameters[i]);
    }
    // The pass goes on only when the first bucket has been exchanged.
    for (int i = 0; i < 30000 && counted.calls() < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    require(counted.calls() == 2, "the first bucket on its way");
    require(!counted.threads().contains(std::this_thread::get_id()), "calls of a thread of their own");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    sums.add(own.rank(), gradients);
    sums.finish();
    require(counted.calls() == 8, "two calls of each large bucket and one of each small one");
    require(sums.times().hidden > 0 && sums.times().window >= 0.02, "times that ran beside the pass");
  });
}

BOOST_AUTO_TEST_CASE(are_given_up_where_the_pass_fails) {
  const auto fail_in_pass = [](Communicator& own) {
    const Net net;
    GradientSums sums(own);
    sums.begin({2, 2}, net.parameters);
    sums.begin_last(own.rank());
    for (const std::size_t i : {7, 6, 5}) sums.complete(*net.parameters[i]);
    if (own.rank() == 0) {  // rank 1 never gets to the second bucket
      sums.add(0, net.gradients(0, nothing));
      sums.finish();
      return;
    }
    sums.abandon();
    fail("pass", "a failure of its own", "none");
  };
  std::string other;
  const auto body = [&](Communicator& own) {
    if (own.rank() == 1) return fail_in_pass(own);
    other = test::message_of([&] { fail_in_pass(own); });
  };
  BOOST_TEST(test::fails_with({"a failure of its own"}, [&] { run_ranks(2, body); }));
  BOOST_TEST(other.find("rank 1") != std::string::npos, other);
}

BOOST_AUTO_TEST_CASE(bytes_are_as_predicted) {
  for (const int ranks : {2, 3, 5, 8})
    run_ranks(ranks, [&](Communicator& own) {
      CountedRanks counted(own);
      GradientSize size;
      for (const std::int64_t width : {std::int64_t{100'003}, std::int64_t{17}}) {
        parallel::ShardTree<float> tree;
        const auto [begin, end] = parallel::shards_of(own.rank(), own.size(), 8);
        const std::vector<float> numbers(static_cast<std::size_t>(width), 1.0f);
        tree.begin({8, 8}, counted, width);
        for (int s = begin; s < end; ++s) tree.add(s, numbers);
        require(tree.finish().front() == 8, "a sum");
        size.buckets.push_back(width);
      }
      require(counted.sent() == bytes_sent(size, own.rank(), own.size(), 8), text("bytes of rank ", own.rank()));
    });
}

BOOST_AUTO_TEST_CASE(prediction_hides_what_fits_beside_the_pass) {
  const Link link{.latency = 0.001, .bytes_per_second = 1e6};
  const GradientSize gradient{.buckets = {1'000'000, 500'000}, .bytes_each = 4};
  // Two ranks with a subtree each: half of the numbers go over, then half come back.
  const double all = 4 * 0.001 + 6.0, last = 2 * 0.001 + 2.0;
  BOOST_TEST(std::abs(predicted_exchange(link, gradient, 2, 8) - all) < 1e-9);
  BOOST_TEST(std::abs(predicted_exposed(link, gradient, 2, 8, 0) - all) < 1e-9);
  BOOST_TEST(std::abs(predicted_exposed(link, gradient, 2, 8, 1.5) - (all - 1.5)) < 1e-9);
  BOOST_TEST(std::abs(predicted_exposed(link, gradient, 2, 8, 5.9) - last) < 1e-9);
}

BOOST_AUTO_TEST_CASE(costs_name_each_rank_and_what_it_waited_for) {
  const std::vector<RankCost> costs{
      {.host = "one", .steps = 10, .times = {.steps = 1, .exposed = 0.4, .hidden = 0.1, .window = 0.2}, .sent = 4000},
      {.host = "two", .steps = 10, .times = {.steps = 1, .exposed = 0.1, .hidden = 0.2, .window = 0.3}, .sent = 5000}};
  const std::vector<std::string> lines =
      cost_lines(costs, {.latency = 0.0005, .bytes_per_second = 1e6}, {.buckets = {10'000}, .bytes_each = 4}, 2);
  const std::vector<std::string> wanted{
      "rank 0 on one: a step takes 100 ms: 60 ms computing, 30 ms waiting for slower ranks, 10 ms waiting for "
      "messages; "
      "another 10 ms of messages beside computing; 4,000 bytes of gradients sent",
      "rank 1 on two: a step takes 100 ms: 90 ms computing, 0 ms waiting for slower ranks, 10 ms waiting for messages; "
      "another 20 ms of messages beside computing; 5,000 bytes of gradients sent",
      "predicted by 0.5 ms a message and 8 Mbit/s as measured at the start: 131 ms a step, 41 ms of it for messages; "
      "measured 100 ms"};
  BOOST_TEST(lines == wanted, boost::test_tools::per_element());
  BOOST_TEST(cost_lines({costs.front()}, {}, {}, 2).empty());
}

BOOST_AUTO_TEST_CASE(a_link_is_measured_alike_on_all_ranks) {
  std::vector<Link> links(3);
  run_ranks(3, [&](Communicator& own) { links[static_cast<std::size_t>(own.rank())] = measure_link(own); });
  for (const Link& link : links) {
    BOOST_TEST(link.latency == links.front().latency);
    BOOST_TEST(link.bytes_per_second == links.front().bytes_per_second);
  }
  BOOST_TEST(links.front().latency > 0);
  BOOST_TEST(links.front().bytes_per_second > 1e6);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(overlapping_trainings)

// A net with two buckets.
std::unique_ptr<Layer> wide_net() {
  auto net = std::make_unique<Sequential>(Rng(5));
  net->add<Flatten>("flatten");
  net->add<Linear>("fc1", {.in = 36, .out = 1000});
  net->add<ReLU>("relu1");
  net->add<Linear>("fc2", {.in = 1000, .out = 1000});
  net->add<ReLU>("relu2");
  net->add<Linear>("fc3", {.in = 1000, .out = 500});
  net->add<Linear>("head", {.in = 500, .out = 3});
  return net;
}

std::string trained(Communicator& ranks, bool overlap) {
  test::ShardedTraining t(wide_net, {.epochs = 1, .shards = 4, .overlap = overlap}, ranks, {.lr = 0.01});
  t.trainer.run();
  return t.fingerprint();
}

BOOST_AUTO_TEST_CASE(come_to_the_same_bits) {
  const std::string wanted = trained(parallel::alone(), true);
  for (const int ranks : test::instrumented ? std::vector{2} : std::vector{2, 3})
    for (const bool overlap : {false, true})
      for (const std::string& got : test::on_ranks(ranks, [&](Communicator& own) { return trained(own, overlap); }))
        BOOST_TEST(got == wanted);
}

BOOST_AUTO_TEST_CASE(do_without_where_one_thread_alone_may_call) {
  const std::string wanted = trained(parallel::alone(), true);
  for (const bool turns : {false, true})
    run_ranks(2, [&](Communicator& own) {
      CountedRanks counted(own, turns);
      require(trained(counted, true) == wanted, "the same bits");
      require(counted.threads().contains(std::this_thread::get_id()), "calls of the rank's thread");
      require(counted.threads().size() == (turns ? 2u : 1u), "a second thread only where threads may take turns");
    });
}

BOOST_AUTO_TEST_CASE(need_turns_for_norms_over_the_batch) {
  const auto begin = [](Communicator& own) {
    CountedRanks counted(own, false);
    const test::ShardedTraining t([] { return test::small_net(test::Norm::batch); },
                                  {.shards = 2, .batch_norm_over = BatchNormOver::batch}, counted);
  };
  BOOST_TEST(test::fails_with({"MPI_THREAD_SERIALIZED"}, [&] { run_ranks(2, begin); }));
}

BOOST_AUTO_TEST_CASE(tell_what_company_costs) {
  run_ranks(2, [](Communicator& own) {
    test::ShardedTraining t(wide_net, {.epochs = 1, .shards = 2}, own, {.lr = 0.01});
    const auto begun = std::chrono::steady_clock::now();
    t.trainer.run();
    const std::chrono::duration<double> all = std::chrono::steady_clock::now() - begun;
    const ExchangeTimes times = t.trainer.exchange_times();
    require(times.exposed > 0 && times.window > 0 && times.hidden >= 0, "times");
    require(times.exposed + times.window < times.steps, "parts of the steps");
    require(times.steps < all.count(), "steps that are a part of all");
  });
  test::ShardedTraining t(wide_net, {.epochs = 1, .shards = 2});
  t.trainer.run();
  BOOST_TEST(t.trainer.exchange_times().exposed == 0);
  BOOST_TEST(t.trainer.exchange_times().hidden == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
