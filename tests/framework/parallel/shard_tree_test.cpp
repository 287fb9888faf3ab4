#include "framework/parallel/shard_tree.h"

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/errors.h"
#include "tests/support/ranks.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using parallel::Communicator;
using parallel::Shards;
using parallel::ShardTree;
using test::require;
using test::run_ranks;

constexpr int rank_counts[] = {1, 2, 3, 4, 5, 8};

// The numbers of a shard: of sizes so far apart that sums in another order end in other bits.
template <class T>
std::vector<T> numbers_of(int shard, std::int64_t width) {
  const Rng rng = Rng(17).at(static_cast<std::uint64_t>(shard));
  std::vector<T> out(static_cast<std::size_t>(width));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<T>(rng.normal(2 * i) * std::exp2(8 * rng.uniform(2 * i + 1)));
  return out;
}

// Straight from the definition.
template <class T>
std::vector<T> tree_of(const Shards& shards, int begin, int count, std::int64_t width) {
  if (shards.empty(begin, count)) return {};
  if (count == 1) return numbers_of<T>(begin, width);
  std::vector<T> left = tree_of<T>(shards, begin, count / 2, width);
  const std::vector<T> right = tree_of<T>(shards, begin + count / 2, count / 2, width);
  if (left.empty()) return right;
  for (std::size_t i = 0; i < right.size(); ++i) left[i] += right[i];
  return left;
}

template <class T>
bool same_bits(std::span<const T> a, std::span<const T> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// What each rank gets.
template <class T>
std::vector<std::vector<T>> sums(const Shards& shards, int ranks, std::int64_t width) {
  std::vector<std::vector<T>> out(static_cast<std::size_t>(ranks));
  run_ranks(ranks, [&](Communicator& one) {
    ShardTree<T> tree;
    for (int repetition = 0; repetition < 2; ++repetition) {  // the second one finds the memory of the first
      tree.begin(shards, one, width);
      const auto [first, end] = parallel::shards_of(one.rank(), ranks, shards.count);
      for (int s = first; s < end; ++s) {
        if (shards.empty(s)) continue;
        const std::vector<T> numbers = numbers_of<T>(s, width);
        const std::span<const T> whole = numbers;
        const std::array<std::span<const T>, 2> pieces{whole.first(whole.size() / 3), whole.subspan(whole.size() / 3)};
        if (s % 3 == 0) tree.add(s, pieces);
        else tree.add(s, whole);
      }
      const std::span<const T> sum = tree.finish();
      out[static_cast<std::size_t>(one.rank())].assign(sum.begin(), sum.end());
    }
  });
  return out;
}

template <class T>
void require_one_result(const Shards& shards, std::int64_t width) {
  const std::vector<T> wanted = tree_of<T>(shards, 0, shards.count, width);
  for (const int ranks : rank_counts) {
    const auto got = sums<T>(shards, ranks, width);
    for (std::size_t r = 0; r < got.size(); ++r)
      BOOST_TEST(same_bits<T>(got[r], wanted), shards.count << " shards of " << shards.samples << " samples, " << width
                                                            << " numbers: rank " << r << " of " << ranks);
  }
}

BOOST_AUTO_TEST_SUITE(shard_tree)

BOOST_AUTO_TEST_CASE(shards_and_ranks_cut_without_gaps) {
  for (const int count : {1, 2, 8, 256})
    for (const std::int64_t samples : {1, 7, 8, 100, 1000}) {
      const Shards shards{count, samples};
      std::int64_t at = 0, smallest = samples, largest = 0;
      for (int s = 0; s < count; ++s) {
        BOOST_REQUIRE(shards.begin(s) == at);
        at += shards.size(s);
        smallest = std::min(smallest, shards.size(s));
        largest = std::max(largest, shards.size(s));
        BOOST_TEST(shards.empty(s) == (shards.size(s) == 0));
      }
      BOOST_TEST(at == samples);
      BOOST_TEST(largest - smallest <= 1);
    }
  const Shards uneven{8, 9};
  BOOST_TEST(uneven.size(6) == 1);
  BOOST_TEST(uneven.size(7) == 2);
  for (const int ranks : rank_counts) {
    int at = 0;
    for (int r = 0; r < ranks; ++r) {
      const auto [begin, end] = parallel::shards_of(r, ranks, 8);
      BOOST_TEST(begin == at);
      BOOST_TEST(end > begin);
      at = end;
    }
    BOOST_TEST(at == 8);
  }
  BOOST_TEST(parallel::shards_of(1, 3, 8).begin == 2);
  BOOST_TEST(parallel::shards_of(2, 3, 8).begin == 5);
}

// Few numbers, which every rank sums up, and many, of which each rank sums up a piece; batches that leave no, some and
// most shards empty; more ranks than shards.
BOOST_AUTO_TEST_CASE(the_sum_has_the_bits_of_the_tree_on_any_number_of_ranks) {
  for (const int count : {1, 2, 4, 8})
    for (const std::int64_t samples : {64, 7, 5, 3, 1})
      for (const std::int64_t width : {1, 33, 20011}) {
        require_one_result<float>({count, samples}, width);
        require_one_result<double>({count, samples}, width);
      }
  require_one_result<double>({256, 200}, 5);
}

BOOST_AUTO_TEST_CASE(another_order_would_give_other_bits) {
  constexpr std::int64_t width = 1000;
  const std::vector<float> tree = tree_of<float>({8, 64}, 0, 8, width);
  std::vector<float> in_turn = numbers_of<float>(0, width);
  for (int s = 1; s < 8; ++s) {
    const std::vector<float> more = numbers_of<float>(s, width);
    for (std::size_t i = 0; i < more.size(); ++i) in_turn[i] += more[i];
  }
  std::size_t other = 0;
  for (std::size_t i = 0; i < tree.size(); ++i) other += tree[i] != in_turn[i];
  BOOST_TEST(other > 100u);
}

// An addition of zero would turn -0 into 0, and a denormal number into zero.
BOOST_AUTO_TEST_CASE(what_an_empty_shard_lacks_changes_no_bit) {
  const std::vector<float> odd{-0.0f, 1e-40f, -1e-40f, 1.0f};
  for (const int ranks : rank_counts) {
    run_ranks(ranks, [&](Communicator& one) {
      ShardTree<float> tree;
      const Shards shards{8, 1};  // the last one has the sample
      tree.begin(shards, one, 4);
      if (one.rank() == ranks - 1) tree.add(7, odd);
      require(same_bits<float>(tree.finish(), odd), "the numbers as they were");
    });
  }
}

BOOST_AUTO_TEST_CASE(threads_change_no_bit_of_a_sum) {
  const std::vector<float> wanted = tree_of<float>({8, 64}, 0, 8, 100'003);
  for (const int threads : {1, 2, 3}) {
    const test::Threads use(threads);
    for (const int ranks : {1, 3}) BOOST_TEST(same_bits<float>(sums<float>({8, 64}, ranks, 100'003)[0], wanted));
  }
}

// Arrays that are joined otherwise: here the largest of each number, and where it stands.
BOOST_AUTO_TEST_CASE(a_join_of_ones_own_sees_whole_arrays) {
  const auto join = [](double* left, const double* right, std::int64_t width) {
    require(width == 2, "a whole array");
    if (right[0] > left[0]) std::copy(right, right + 2, left);
  };
  for (const int ranks : rank_counts)
    run_ranks(ranks, [&](Communicator& one) {
      ShardTree<double> tree(join);
      tree.begin({8, 8}, one, 2);
      const auto [first, end] = parallel::shards_of(one.rank(), ranks, 8);
      for (int s = first; s < end; ++s) {
        const std::array<double, 2> numbers{std::sin(s), static_cast<double>(s)};
        tree.add(s, numbers);
      }
      const auto largest = tree.finish();
      require(largest[0] == std::sin(2) && largest[1] == 2, "the largest and its place");
    });
}

BOOST_AUTO_TEST_CASE(wrong_shards_are_errors) {
  ShardTree<double> tree;
  const std::vector<double> two{1, 2}, three{1, 2, 3};
  BOOST_TEST(test::fails_with({"[shards] got 6", "power of two"}, [&] { tree.begin({6, 12}, parallel::alone(), 1); }));
  BOOST_TEST(test::fails_with({"512", "256"}, [&] { tree.begin({512, 512}, parallel::alone(), 1); }));
  tree.begin({4, 4}, parallel::alone(), 2);
  BOOST_TEST(test::fails_with({"3 numbers of shard 0", "wanted 2"}, [&] { tree.add(0, three); }));
  BOOST_TEST(test::fails_with({"shard 2 without shard 0"}, [&] { tree.add(2, two); }));
  tree.begin({4, 4}, parallel::alone(), 2);
  tree.add(0, two);
  BOOST_TEST(test::fails_with({"numbers of shard 0", "one from 1 to 3"}, [&] { tree.add(0, two); }));
  BOOST_TEST(test::fails_with({"numbers of shard 4"}, [&] { tree.add(4, two); }));
  BOOST_TEST(test::fails_with({"shard 4 without shard 1"}, [&] { tree.finish(); }));
  tree.begin({4, 2}, parallel::alone(), 2);
  BOOST_TEST(test::fails_with({"numbers of shard 0", "with samples"}, [&] { tree.add(0, two); }));
  tree.begin({4, 0}, parallel::alone(), 2);
  BOOST_TEST(test::fails_with({"a batch without samples"}, [&] { tree.finish(); }));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(communicator)

BOOST_AUTO_TEST_CASE(texts_reach_all_ranks_in_their_order) {
  for (const int ranks : rank_counts)
    run_ranks(ranks, [&](Communicator& one) {
      const std::vector<std::string> all = one.gather_texts(std::string(static_cast<std::size_t>(one.rank()), 'x'));
      require(all.size() == static_cast<std::size_t>(ranks), "a text of each rank");
      for (std::size_t r = 0; r < all.size(); ++r) require(all[r] == std::string(r, 'x'), text("that of rank ", r));
    });
}

BOOST_AUTO_TEST_CASE(a_broadcast_reaches_all_ranks) {
  for (const int from : {0, 2})
    run_ranks(3, [&](Communicator& one) {
      std::array<int, 2> numbers{one.rank(), 10 * one.rank()};
      one.broadcast(std::as_writable_bytes(std::span(numbers)), from);
      require(numbers[0] == from && numbers[1] == 10 * from, "what that rank has");
    });
}

BOOST_AUTO_TEST_CASE(ranks_that_disagree_are_named_on_all_of_them) {
  std::mutex mutex;
  std::vector<std::string> said;
  run_ranks(4, [&](Communicator& one) {
    one.agree("seed", "1");
    const std::string message =
        test::message_of([&] { one.agree("shards", one.rank() < 2 ? "8" : "16", "give all ranks one recipe"); });
    const std::scoped_lock lock(mutex);
    said.push_back(message);
  });
  BOOST_TEST(said.size() == 4u);
  for (const std::string& one : said)
    BOOST_TEST(one ==
               "[shards] got 8 on rank 0, 16 on rank 2; wanted the same on all ranks; give all ranks one recipe");
}

BOOST_AUTO_TEST_CASE(alone_agrees_with_itself) {
  BOOST_TEST(parallel::alone().size() == 1);
  BOOST_TEST(parallel::alone().rank() == 0);
  parallel::alone().agree("seed", "1");
  BOOST_TEST(parallel::alone().gather_texts("one") == std::vector<std::string>{"one"},
             boost::test_tools::per_element());
}

// Of the ranks as threads: a rank that is missing is an error of those who wait, and no hang.
BOOST_AUTO_TEST_CASE(a_rank_that_ends_early_or_calls_something_else_is_named) {
  BOOST_TEST(test::fails_with({"rank 1 has ended"}, [] {
    run_ranks(3, [](Communicator& one) {
      if (one.rank() != 1) one.gather_texts("here");
    });
  }));
  BOOST_TEST(test::fails_with({"a disk of rank 1"}, [] {
    run_ranks(3, [](Communicator& one) {
      if (one.rank() == 1) fail("save", "a disk of rank 1", "room");
      try {
        one.gather_texts("here");
      } catch (const Error&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));  // behind the first error
        throw;
      }
    });
  }));
  BOOST_TEST(test::fails_with({"calls", "broadcast", "gather"}, [] {
    run_ranks(2, [](Communicator& one) {
      std::byte byte{};
      if (one.rank() == 0) one.broadcast(std::span(&byte, 1));
      else one.gather_texts("here");
    });
  }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
