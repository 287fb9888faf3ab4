#include "framework/tensor/shape.h"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <limits>
#include <sstream>
#include <vector>

#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::error_of;

BOOST_AUTO_TEST_SUITE(shapes)

BOOST_AUTO_TEST_CASE(dimensions_size_and_axes) {
  const Shape shape{2, 3, 4};
  BOOST_TEST(shape.rank() == 3);
  BOOST_TEST(shape.size() == 24);
  BOOST_TEST(shape[0] == 2);
  BOOST_TEST(shape[-1] == 4);
  BOOST_TEST(shape.axis("op", -2) == 1);
  BOOST_TEST(Shape{}.rank() == 0);
  BOOST_TEST(Shape{}.size() == 1);
  BOOST_TEST((Shape{3, 0, 5}.size()) == 0);
  BOOST_TEST((Shape{1, 2, 3, 4, 5, 6}.size()) == 720);
}

BOOST_AUTO_TEST_CASE(equality) {
  const std::vector<std::int64_t> dims{2, 3};
  BOOST_TEST(Shape(std::span<const std::int64_t>(dims)) == (Shape{2, 3}));
  BOOST_TEST(!(Shape{2, 3} == Shape{3, 2}));
  BOOST_TEST(!(Shape{2, 3} == Shape{2, 3, 1}));
  BOOST_TEST(!(Shape{1} == Shape{}));
}

BOOST_AUTO_TEST_CASE(changed_copies) {
  const Shape shape{2, 3, 4};
  BOOST_TEST(shape.with(1, 7) == (Shape{2, 7, 4}));
  BOOST_TEST(shape.with(-1, 0) == (Shape{2, 3, 0}));
  BOOST_TEST(shape.insert(0, 9) == (Shape{9, 2, 3, 4}));
  BOOST_TEST(shape.insert(3, 9) == (Shape{2, 3, 4, 9}));
  BOOST_TEST(shape.without(0) == (Shape{3, 4}));
  BOOST_TEST(shape.without(-1) == (Shape{2, 3}));
  BOOST_TEST(shape.insert(1, 5).without(1) == shape);
  BOOST_TEST(Shape{7}.without(0) == Shape{});
}

BOOST_AUTO_TEST_CASE(prints) {
  std::ostringstream out;
  out << Shape{2, 3} << Shape{} << Shape{5};
  BOOST_TEST(out.str() == "[2, 3][][5]");
}

BOOST_AUTO_TEST_CASE(impossible_dimensions_are_errors) {
  const std::int64_t big = std::int64_t{1} << 31;
  BOOST_TEST(error_of([] { Shape({1, 2, 3, 4, 5, 6, 7}); }) == "[shape] got 7 dimensions; wanted at most 6");
  BOOST_TEST(error_of([] { Shape({2, -3}); }) == "[shape] got dimension -3 in [2, -3]; wanted dimensions of 0 or more");
  BOOST_TEST(error_of([=] {
               Shape({big, big, big});
             }) == "[shape] got [2147483648, 2147483648, 2147483648]; wanted a size in bytes that fits in 63 bits");
  BOOST_TEST(error_of([] { Shape({std::numeric_limits<std::int64_t>::max()}); }) != "no error");
  // A zero cannot hide an overflow of the others: strides are computed from them.
  BOOST_TEST(error_of([=] { Shape({0, big, big, big}); }) != "no error");
  BOOST_TEST(error_of([=] { Shape{2}.with(0, -1); }) != "no error");
}

BOOST_AUTO_TEST_CASE(missing_axes_are_errors) {
  const Shape shape{2, 3};
  BOOST_TEST(error_of([&] { shape[2]; }) == "[shape] got axis 2 of shape [2, 3]; wanted an axis from -2 to 1");
  BOOST_TEST(error_of([&] { shape[-3]; }) == "[shape] got axis -3 of shape [2, 3]; wanted an axis from -2 to 1");
  BOOST_TEST(error_of([&] { shape.axis("sum", 5); }) ==
             "[sum] got axis 5 of shape [2, 3]; wanted an axis from -2 to 1");
  BOOST_TEST(error_of([&] { shape.with(2, 1); }) != "no error");
  BOOST_TEST(error_of([&] { shape.without(-3); }) != "no error");
  BOOST_TEST(error_of([&] { shape.insert(3, 1); }) != "no error");
  BOOST_TEST(error_of([&] { shape.insert(-1, 1); }) != "no error");
  BOOST_TEST(error_of([] { Shape({1, 2, 3, 4, 5, 6}).insert(0, 1); }) != "no error");
  BOOST_TEST(error_of([] { Shape{}[0]; }) != "no error");
  BOOST_TEST(error_of([&] { shape[std::numeric_limits<int>::min()]; }) != "no error");
}

BOOST_AUTO_TEST_CASE(broadcasting_is_numpys) {
  BOOST_TEST(broadcast("add", {2, 3}, {2, 3}) == (Shape{2, 3}));
  BOOST_TEST(broadcast("add", {2, 3}, {3}) == (Shape{2, 3}));
  BOOST_TEST(broadcast("add", {3}, {2, 1}) == (Shape{2, 3}));
  BOOST_TEST(broadcast("add", {}, {4, 5}) == (Shape{4, 5}));
  BOOST_TEST(broadcast("add", {5, 1, 4}, {3, 1}) == (Shape{5, 3, 4}));
  BOOST_TEST(broadcast("add", {1}, {0}) == (Shape{0}));
  BOOST_TEST(broadcast("add", {2, 0}, {1, 1}) == (Shape{2, 0}));
  BOOST_TEST(error_of([] {
               broadcast("add", {2, 3}, {2, 4});
             }) ==
             "[add] got shapes [2, 3] and [2, 4]; wanted shapes that broadcast (equal or 1, aligned at the last axis)");
  BOOST_TEST(error_of([] { broadcast("add", {2, 3}, {2}); }) != "no error");
  BOOST_TEST(error_of([] { broadcast("add", {0}, {2}); }) != "no error");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
