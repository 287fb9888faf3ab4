// What an op notes about its result for the op behind it.
#include "framework/autograd/notes.h"

#include <boost/test/unit_test.hpp>

#include "framework/autograd/var.h"
#include "framework/tensor/memory.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::same_bits;

Tensor doubled(const Tensor& from, const Tensor& /*terms*/) { return Tensor::full(from.shape(), 2 * from.at({0})); }

BOOST_AUTO_TEST_SUITE(notes)

BOOST_AUTO_TEST_CASE(a_var_has_no_room_for_what_few_ops_need) {
  BOOST_TEST(sizeof(Var) <= 112);
  BOOST_TEST(sizeof(Var) < sizeof(Tensor) + sizeof(Notes));
}

BOOST_AUTO_TEST_CASE(a_value_has_none_or_what_was_attached) {
  const Tensor stats = Tensor::full({3, 1}, 7, DType::f64), from = Tensor::full({1}, 4);
  Var x = Tensor::full({1}, 8);
  BOOST_TEST(!x.channel_stats().defined());
  BOOST_TEST(x.recompute().make == nullptr);
  x = std::move(x).with_channel_stats(stats);
  x = std::move(x).with_recompute({.make = doubled, .from = from, .terms = Tensor()});
  BOOST_TEST(x.channel_stats().shares(stats));
  const Recompute way = x.recompute();
  BOOST_TEST(way.version == x.value().version());
  BOOST_TEST(same_bits(way.make(way.from, way.terms), x.value()));
  BOOST_TEST(!x.detach().channel_stats().defined());
}

BOOST_AUTO_TEST_CASE(copies_share_them_until_one_gets_its_own) {
  const Tensor first = Tensor::full({3, 1}, 1, DType::f64), second = Tensor::full({3, 1}, 2, DType::f64);
  const Var x = Var(Tensor::full({1}, 8)).with_channel_stats(first);
  Var copy = x;
  BOOST_TEST(copy.channel_stats().shares(first));
  copy = std::move(copy).with_channel_stats(second);
  BOOST_TEST(copy.channel_stats().shares(second));
  BOOST_TEST(x.channel_stats().shares(first));
}

BOOST_AUTO_TEST_CASE(their_memory_is_the_pools_and_goes_back_with_the_last_copy) {
  const Tensor value = Tensor::full({1}, 8), stats = Tensor::full({3, 1}, 1, DType::f64);
  const std::uint64_t before = memory::stats().live_bytes;
  {
    const Var x = Var(value).with_channel_stats(stats);
    const std::uint64_t one = memory::stats().live_bytes;
    BOOST_TEST(one >= before + sizeof(Notes));
    const std::vector<Var> copies(100, x);
    BOOST_TEST(copies.back().channel_stats().shares(stats));
    BOOST_TEST(memory::stats().live_bytes == one);
  }
  BOOST_TEST(memory::stats().live_bytes == before);
  BOOST_TEST(stats.unique());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
