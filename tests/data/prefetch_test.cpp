#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "data/loader.h"
#include "framework/tensor/memory.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using namespace std::chrono_literals;
using test::fails_with;
using test::same_bits;

// Counts what is read and may be slow, or fail at one sample.
class Watched : public Dataset {
 public:
  struct Options {
    std::int64_t size = 100;
    std::chrono::milliseconds delay = 0ms;
    std::int64_t broken = -1;
  };
  explicit Watched(const Options& options) : options_(options) {}
  std::int64_t size() const override { return options_.size; }
  Shape sample_shape() const override { return {3, 4, 1}; }
  std::int64_t classes() const override { return 10; }
  void read(std::span<const std::int64_t> indices, std::span<float> samples,
            std::span<std::int64_t> labels) const override {
    ++reads;
    if (options_.delay > 0ms) std::this_thread::sleep_for(options_.delay);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      if (indices[i] == options_.broken) fail("watched", text("sample ", indices[i]), "another one");
      for (std::size_t p = 0; p < 12; ++p)
        samples[12 * i + p] = static_cast<float>(indices[i] * 12) + static_cast<float>(p);
      labels[i] = indices[i] % 10;
    }
  }

  mutable std::atomic<int> reads = 0;

 private:
  Options options_;
};

std::shared_ptr<const Watched> watched(const Watched::Options& options = {}) {
  return std::make_shared<const Watched>(options);
}

const Augmentation some = {.flip = Flip::random, .crop = 1, .rotate = 10, .cutout = 2, .mixup = 1};

double seconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

BOOST_AUTO_TEST_SUITE(prefetch)

// Order and bits depend on neither depth nor the speed of anybody.
BOOST_AUTO_TEST_CASE(same_batches_at_every_depth) {
  for (const auto delay : {0ms, 1ms}) {
    const auto set = watched({.delay = delay});
    const auto batches_of = [&set](std::int64_t depth, bool slow) {
      std::vector<Batch> out;
      for (const Batch& batch : Loader(set, {.batch = 8, .seed = 3, .augment = some, .prefetch = depth}).epoch(5)) {
        out.push_back(batch);
        if (slow) std::this_thread::sleep_for(1ms);
      }
      return out;
    };
    const auto wanted = batches_of(0, false);
    BOOST_TEST(wanted.size() == 13u);
    for (const std::int64_t depth : {1, 2, 3, 4, 20, 64}) {
      for (const bool slow : {false, true}) {
        const auto seen = batches_of(depth, slow);
        BOOST_REQUIRE(seen.size() == wanted.size());
        for (std::size_t i = 0; i < seen.size(); ++i) {
          BOOST_TEST(same_bits(seen[i].images, wanted[i].images));
          BOOST_TEST(same_bits(seen[i].labels, wanted[i].labels));
        }
      }
    }
  }
}

// Batches made by position and walks from the middle are those of the whole walk.
BOOST_AUTO_TEST_CASE(resumed_in_the_middle) {
  const auto set = watched();
  for (const std::int64_t depth : {0, 1, 3}) {
    const Loader loader(set, {.batch = 9, .augment = some, .prefetch = depth});
    std::vector<Batch> all;
    for (const Batch& batch : loader.epoch(2)) all.push_back(batch);
    for (std::int64_t first = 0; first <= loader.batches(); ++first) {
      auto position = first;
      const Epoch epoch = loader.epoch(2, first);
      BOOST_TEST(epoch.size() == loader.batches());
      for (const Batch& batch : epoch) {
        BOOST_TEST(same_bits(batch.images, all[static_cast<std::size_t>(position)].images));
        BOOST_TEST(same_bits(epoch[position].images, batch.images));
        ++position;
      }
      BOOST_TEST(position == loader.batches());
    }
    BOOST_TEST(fails_with({"from batch 13 on", "0 to 12"}, [&] { loader.epoch(2, 13); }));
    BOOST_TEST(fails_with({"from batch -1 on"}, [&] { loader.epoch(2, -1); }));
  }
}

// No more than the depth is made ahead, besides the batch in the making.
BOOST_AUTO_TEST_CASE(runs_ahead_as_far_as_told) {
  for (const int depth : {1, 2, 5}) {
    const auto set = watched();
    const Epoch epoch = Loader(set, {.batch = 4, .shuffle = false, .prefetch = depth}).epoch(0);
    auto at = epoch.begin();
    const auto settles_at = [&set](int wanted) {
      for (int i = 0; i < 2000 && set->reads < wanted; ++i) std::this_thread::sleep_for(1ms);
      std::this_thread::sleep_for(10ms);
      return set->reads == wanted;
    };
    BOOST_TEST(settles_at(depth + 1));
    ++at;
    ++at;
    BOOST_TEST(settles_at(depth + 3));
  }
}

// While a step takes as long as a batch, they overlap: making a batch costs the loop next to nothing.
BOOST_AUTO_TEST_CASE(overlaps_with_the_loop) {
  const auto walk = [](std::int64_t depth) {
    const auto set = watched({.size = 40, .delay = 10ms});
    return seconds([&] {
      for ([[maybe_unused]] const Batch& batch : Loader(set, {.batch = 2, .prefetch = depth}).epoch(0))
        std::this_thread::sleep_for(10ms);
    });
  };
  const double apart = walk(0), together = walk(2);
  BOOST_TEST(apart > 0.4);
  BOOST_TEST(together < 0.8 * apart);
}

// The good batches come first, then what was thrown, as often as one asks.
BOOST_AUTO_TEST_CASE(exceptions_reach_the_consumer) {
  const auto set = watched({.broken = 30});
  for (const std::int64_t depth : {0, 1, 2, 8}) {
    for (const bool augment : {false, true}) {
      int good = 0;
      const LoaderOptions options{
          .batch = 8, .shuffle = false, .augment = {.crop = augment ? 1 : 0}, .prefetch = depth};
      BOOST_TEST(fails_with({"watched", "sample 30"}, [&] {
        for ([[maybe_unused]] const Batch& batch : Loader(set, options).epoch(0)) ++good;
      }));
      BOOST_TEST(good == 3);
    }
  }
  const Epoch epoch = Loader(set, {.batch = 31, .shuffle = false}).epoch(0);
  BOOST_TEST(fails_with({"sample 30"}, [&] { epoch.begin(); }));
  const Epoch later = Loader(set, {.batch = 30, .shuffle = false}).epoch(0);
  auto at = later.begin();
  for (int i = 0; i < 3; ++i) BOOST_TEST(fails_with({"sample 30"}, [&] { ++at; }));
}

BOOST_AUTO_TEST_CASE(leaving_a_walk_ends_its_thread) {
  const auto set = watched({.size = 100000, .delay = 20ms});
  const auto before = memory::stats().live_bytes;
  const double taken = seconds([&] {
    for ([[maybe_unused]] const Batch& batch : Loader(set, {.batch = 4, .prefetch = 4}).epoch(0)) break;
  });
  BOOST_TEST(taken < 2);
  const int reads = set->reads;
  std::this_thread::sleep_for(50ms);
  BOOST_TEST(set->reads == reads);
  BOOST_TEST(set.use_count() == 1);
  BOOST_TEST(memory::stats().live_bytes == before);
}

BOOST_AUTO_TEST_CASE(many_walks_begun_and_left) {
  const auto set = watched();
  const Loader loader(set, {.batch = 4, .augment = {.flip = Flip::random}, .prefetch = 3});
  const auto before = memory::stats().live_bytes;
  std::int64_t seen = 0;
  for (int i = 0; i < 500; ++i) {
    const Epoch epoch = loader.epoch(i);
    auto at = epoch.begin();
    for (int step = 0; step < i % 7; ++step) ++at;
    seen += at->labels.size();
    if (i % 3 == 0) {
      auto moved = std::move(at);
      ++moved;
      at = epoch.begin();
    }
  }
  BOOST_TEST(seen == 2000);
  BOOST_TEST(memory::stats().live_bytes == before);
}

BOOST_AUTO_TEST_CASE(several_walks_at_once) {
  const auto set = watched();
  const Loader loader(set, {.batch = 16, .augment = some});
  const Epoch epoch = loader.epoch(1);
  std::vector<Tensor> wanted;
  for (std::int64_t i = 0; i < epoch.size(); ++i) wanted.push_back(epoch[i].images);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      std::size_t i = 0;
      for (const Batch& batch : epoch)
        if (!same_bits(batch.images, wanted[i++])) ++wrong;
      if (i != wanted.size()) ++wrong;
    });
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(refuses) {
  BOOST_TEST(fails_with({"-1 batches", "0 to 64"}, [] { Loader(watched(), {.prefetch = -1}); }));
  BOOST_TEST(fails_with({"65 batches"}, [] { Loader(watched(), {.prefetch = 65}); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
