#include "data/loader.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <vector>

#include "framework/tensor/memory.h"
#include "tests/support/allocations.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::fails_with;

// Sample i is {i, 100 + i} with the label i % 3. Derived as a user would: nothing of the library knows it.
class Counting : public Dataset {
 public:
  explicit Counting(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  Shape sample_shape() const override { return {1, 2, 1}; }
  std::int64_t classes() const override { return 3; }
  void read(std::span<const std::int64_t> indices, std::span<float> samples,
            std::span<std::int64_t> labels) const override {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      samples[2 * i] = static_cast<float>(indices[i]);
      samples[2 * i + 1] = static_cast<float>(100 + indices[i]);
      labels[i] = indices[i] % 3;
    }
  }

 private:
  std::int64_t size_;
};

// The samples of an epoch in order; checks that everything belongs together.
std::vector<std::int64_t> walk(const Epoch& epoch) {
  std::vector<std::int64_t> seen;
  bool together = true;
  for (const auto& [images, labels] : epoch) {
    together = together && images.dim(0) == labels.size() && images.rank() == 4;
    for (std::int64_t i = 0; i < labels.size(); ++i) {
      const auto index = static_cast<std::int64_t>(images.at({i, 0, 0, 0}));
      together = together && labels.at({i}) == static_cast<double>(index % 3);
      together = together && images.at({i, 0, 1, 0}) == static_cast<double>(100 + index);
      seen.push_back(index);
    }
  }
  BOOST_TEST(together);
  return seen;
}

std::vector<std::int64_t> counted(std::int64_t size) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(size));
  std::iota(out.begin(), out.end(), 0);
  return out;
}

std::vector<std::int64_t> sorted(std::vector<std::int64_t> values) {
  std::ranges::sort(values);
  return values;
}

BOOST_AUTO_TEST_SUITE(loader)

BOOST_AUTO_TEST_CASE(each_sample_once_in_each_epoch) {
  for (const std::int64_t size : {1, 2, 3, 9, 10, 11, 100}) {
    for (const std::int64_t batch : {1, 2, 10, 1000}) {
      const Loader batches(Counting(size), {.batch = batch, .seed = 5});
      BOOST_TEST(batches.samples() == size);
      BOOST_TEST(batches.batches() == (size + batch - 1) / batch);
      for (const std::int64_t epoch : {0, 1, 7}) BOOST_TEST((sorted(walk(batches.epoch(epoch))) == counted(size)));
    }
  }
}

BOOST_AUTO_TEST_CASE(order_depends_on_seed_and_epoch_only) {
  const Loader a(Counting(100), {.batch = 7, .seed = 1});
  const Loader same(Counting(100), {.batch = 20, .seed = 1});
  const Loader other(Counting(100), {.batch = 7, .seed = 2});
  const auto first = walk(a.epoch(3));
  walk(a.epoch(9));
  BOOST_TEST((walk(a.epoch(3)) == first));
  BOOST_TEST((walk(same.epoch(3)) == first));
  BOOST_TEST((walk(a.epoch(4)) != first));
  BOOST_TEST((walk(other.epoch(3)) != first));
  BOOST_TEST((first != counted(100)));
}

// The order is part of what "same seed, same bits" promises: a change of it must be meant.
BOOST_AUTO_TEST_CASE(order_is_pinned) {
  const auto order = walk(Loader(Counting(10), {.batch = 4, .seed = 1}).epoch(0));
  BOOST_TEST(order == (std::vector<std::int64_t>{8, 9, 6, 2, 3, 0, 5, 7, 4, 1}), boost::test_tools::per_element());
}

// Over many epochs every sample stands at every place about equally often (chi-squared with 81 degrees of freedom).
BOOST_AUTO_TEST_CASE(shuffling_is_uniform) {
  constexpr int n = 10;
  constexpr int epochs = 20000;
  const Loader batches(Counting(n), {.batch = n, .seed = 11});
  std::vector<int> count(n * n);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const Tensor order = batches.epoch(epoch).order();
    for (int place = 0; place < n; ++place)
      ++count[static_cast<std::size_t>(place * n + static_cast<int>(order.data<std::int64_t>()[place]))];
  }
  double squares = 0;
  for (const int c : count) squares += (c - epochs / n) * static_cast<double>(c - epochs / n) / (epochs / n);
  BOOST_TEST(squares < 81 + 5 * std::sqrt(2.0 * 81));
  BOOST_TEST(squares > 81 - 5 * std::sqrt(2.0 * 81));
}

BOOST_AUTO_TEST_CASE(last_batch) {
  std::vector<std::int64_t> sizes;
  for (const Batch& batch : Loader(Counting(10), {.batch = 4}).epoch(0)) sizes.push_back(batch.labels.size());
  BOOST_TEST((sizes == std::vector<std::int64_t>{4, 4, 2}));

  const Loader dropping(Counting(10), {.batch = 4, .drop_last = true});
  BOOST_TEST(dropping.batches() == 2);
  BOOST_TEST(dropping.samples() == 8);
  const auto seen = sorted(walk(dropping.epoch(0)));
  BOOST_TEST(seen.size() == 8u);
  BOOST_TEST((std::ranges::adjacent_find(seen) == seen.end()));
  BOOST_TEST(dropping.epoch(0).order().size() == 8);

  const Loader exact(Counting(8), {.batch = 4, .drop_last = true});
  BOOST_TEST((sorted(walk(exact.epoch(0))) == counted(8)));
  BOOST_TEST(Loader(Counting(3), {.batch = 4, .drop_last = true}).epoch(0).size() == 0);
  BOOST_TEST(walk(Loader(Counting(3), {.batch = 4, .drop_last = true}).epoch(0)).empty());
}

BOOST_AUTO_TEST_CASE(without_shuffling) {
  const Loader batches(Counting(10), {.batch = 4, .shuffle = false});
  BOOST_TEST((walk(batches.epoch(0)) == counted(10)));
  BOOST_TEST((walk(batches.epoch(1)) == counted(10)));
}

BOOST_AUTO_TEST_CASE(batches_by_position) {
  const Epoch epoch = Loader(Counting(10), {.batch = 4, .seed = 3}).epoch(2);
  std::vector<std::int64_t> backwards;
  for (std::int64_t position = epoch.size() - 1; position >= 0; --position) {
    const auto [images, labels] = epoch[position];
    for (std::int64_t i = labels.size() - 1; i >= 0; --i)
      backwards.push_back(static_cast<std::int64_t>(images.at({i, 0, 0, 0})));
  }
  std::ranges::reverse(backwards);
  BOOST_TEST((backwards == walk(epoch)));
  BOOST_TEST(fails_with({"batch 3", "0 to 2"}, [&] { epoch[3]; }));
  BOOST_TEST(fails_with({"batch -1"}, [&] { epoch[-1]; }));
}

// A batch that somebody keeps must not change when the loader goes on.
BOOST_AUTO_TEST_CASE(kept_batches_keep_their_numbers) {
  const Loader batches(Counting(12), {.batch = 3});
  std::vector<Batch> kept;
  std::vector<Tensor> copies;
  for (const Batch& batch : batches.epoch(0)) {
    kept.push_back(batch);
    copies.push_back(batch.images.clone());
  }
  for (std::size_t i = 0; i < kept.size(); ++i)
    BOOST_TEST((std::ranges::equal(kept[i].images.bytes(), copies[i].bytes())));
}

// Sanitizer builds see a use of anything that has gone.
BOOST_AUTO_TEST_CASE(temporaries) {
  BOOST_TEST((sorted(walk(Loader(Counting(10), {.batch = 4}).epoch(1))) == counted(10)));
  Epoch epoch = [] {
    const Tensor samples = Tensor::zeros({3, 2, 2, 1});
    return Loader(TensorDataset(samples, Tensor::from<std::int64_t>({0, 1, 2}, {3}))).epoch(0);
  }();
  BOOST_TEST(epoch[0].labels.size() == 3);
  const Loader copy = Loader(Counting(5));
  BOOST_TEST(walk(copy.epoch(0)).size() == 5u);
}

BOOST_AUTO_TEST_CASE(shared_data_set) {
  const auto dataset = std::make_shared<const Counting>(6);
  const Loader train(dataset, {.batch = 2, .seed = 1});
  const Loader test(dataset, {.batch = 3, .shuffle = false});
  BOOST_TEST(&train.dataset() == &test.dataset());
  BOOST_TEST((walk(test.epoch(0)) == counted(6)));
  BOOST_TEST(fails_with({"no data set"}, [] { Loader(std::shared_ptr<const Dataset>()); }));
  BOOST_TEST(fails_with({"batch of 0"}, [&] { Loader(dataset, {.batch = 0}); }));
}

BOOST_AUTO_TEST_CASE(steady_memory) {
  const Loader batches(Counting(1000), {.batch = 64, .prefetch = 0});
  std::int64_t seen = 0;
  const auto pass = [&](std::int64_t epoch) {
    for (const auto& [images, labels] : batches.epoch(epoch)) seen += labels.size();
  };
  pass(0);
  const test::AllocationWatch watch;
  const auto before = memory::stats().system_blocks;
  for (int epoch = 1; epoch < 5; ++epoch) pass(epoch);
  const auto blocks = memory::stats().system_blocks - before;
  BOOST_TEST(watch.calls_here() == 0u);
  BOOST_TEST(seen == 5000);
  if (memory::pooled()) BOOST_TEST(blocks == 0u);
}

// A walk that made its thread makes nothing else.
BOOST_AUTO_TEST_CASE(steady_memory_of_a_walk) {
  const Loader loader(Counting(6400), {.batch = 64, .augment = {.flip = Flip::random, .cutout = 1, .mixup = 1}});
  const Epoch epoch = loader.epoch(0);
  auto at = epoch.begin();
  for (int i = 0; i < 10; ++i) ++at;
  const test::AllocationWatch watch;
  for (int i = 0; i < 80; ++i) ++at;
  BOOST_TEST(watch.calls() == 0u);
}

BOOST_AUTO_TEST_CASE(parts_are_those_of_the_whole_batch) {
  const Loader loader(Counting(45), {.batch = 16, .seed = 3, .augment = {.mixup = 1}});
  for (const std::int64_t parts : {2, 8, 32})
    for (std::int64_t position = 0; position < loader.batches(); ++position) {
      const Batch whole = loader.epoch(1)[position];
      std::int64_t row = 0;
      for (std::int64_t part = 0; part < parts; ++part) {
        const Batch own = loader.part(part, part + 1, parts).epoch(1)[position];
        BOOST_TEST(own.images.dim(0) == (part + 1) * whole.images.dim(0) / parts - part * whole.images.dim(0) / parts);
        for (std::int64_t i = 0; i < own.images.dim(0); ++i, ++row) {
          BOOST_TEST(own.images.at({i, 0, 1, 0}) == whole.images.at({row, 0, 1, 0}));
          for (std::int64_t c = 0; c < 3; ++c) BOOST_TEST(own.labels.at({i, c}) == whole.labels.at({row, c}));
        }
      }
      BOOST_TEST(row == whole.images.dim(0));
    }
  BOOST_TEST(fails_with({"parts 3 to 2 of 4"}, [&] { loader.part(3, 2, 4); }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tensor_dataset)

BOOST_AUTO_TEST_CASE(reads_the_samples_asked_for) {
  const TensorDataset set(Tensor::from({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}, {3, 2}),
                          Tensor::from<std::int64_t>({2, 0, 2}, {3}));
  BOOST_TEST(set.size() == 3);
  BOOST_TEST(set.classes() == 3);
  BOOST_TEST((set.sample_shape() == Shape{2}));
  BOOST_TEST(set.class_name(2) == "2");
  std::vector<float> samples(6);
  std::vector<std::int64_t> labels(3);
  set.read(std::vector<std::int64_t>{2, 0, 2}, samples, labels);
  BOOST_TEST((samples == std::vector<float>{5, 6, 1, 2, 5, 6}));
  BOOST_TEST((labels == std::vector<std::int64_t>{2, 2, 2}));
  BOOST_TEST(fails_with({"sample 3", "0 to 2"}, [&] {
    set.read(std::vector<std::int64_t>{0, 1, 3}, samples, labels);
  }));
  BOOST_TEST(fails_with({"sample -1"}, [&] { set.read(std::vector<std::int64_t>{-1}, samples, labels); }));
  BOOST_TEST(fails_with({"6 numbers and 3 labels", "2 and 1"},
                        [&] { set.read(std::vector<std::int64_t>{0}, samples, labels); }));
  BOOST_TEST(TensorDataset(Tensor::zeros({1, 4}), Tensor::zeros({1}, DType::i64), 10).classes() == 10);
}

BOOST_AUTO_TEST_CASE(refuses) {
  const Tensor two = Tensor::zeros({2, 3});
  const auto labels = [](std::int64_t a, std::int64_t b) { return Tensor::from<std::int64_t>({a, b}, {2}); };
  BOOST_TEST(fails_with({"undefined samples"}, [&] { TensorDataset(Tensor(), labels(0, 0)); }));
  BOOST_TEST(fails_with({"undefined labels"}, [&] { TensorDataset(two, Tensor()); }));
  BOOST_TEST(fails_with({"f64"}, [&] { TensorDataset(Tensor::zeros({2, 3}, DType::f64), labels(0, 0)); }));
  BOOST_TEST(fails_with({"[3]"}, [&] { TensorDataset(two, Tensor::zeros({3}, DType::i64)); }));
  BOOST_TEST(fails_with({"i32"}, [&] { TensorDataset(two, Tensor::zeros({2}, DType::i32)); }));
  BOOST_TEST(fails_with({"label 3 of sample 1"}, [&] { TensorDataset(two, labels(0, 3), 3); }));
  BOOST_TEST(fails_with({"label -1 of sample 0"}, [&] { TensorDataset(two, labels(-1, 3)); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
