#include "framework/tensor/tensor.h"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <numeric>
#include <sstream>
#include <utility>
#include <vector>
#include <xtensor/xarray.hpp>
#include <xtensor/xmath.hpp>

#include "framework/tensor/xview.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::error_of;
using test::values;

Tensor counting(const Shape& shape, DType dtype = DType::f32) {
  return dispatch_all("counting", dtype, [&](auto zero) {
    std::vector<decltype(zero)> numbers(static_cast<std::size_t>(shape.size()));
    std::iota(numbers.begin(), numbers.end(), zero);
    return Tensor::from(std::span<const decltype(zero)>(numbers), shape);
  });
}

std::string printed(const Tensor& tensor) {
  std::ostringstream out;
  out << tensor;
  return out.str();
}

BOOST_AUTO_TEST_SUITE(tensors)

BOOST_AUTO_TEST_CASE(made_from_values) {
  const Tensor a = Tensor::from({1.5f, -2.0f}, {2});
  BOOST_TEST(a.dtype() == DType::f32);
  BOOST_TEST(values(a) == (std::vector<double>{1.5, -2}));
  BOOST_TEST(Tensor::from({1.0, 2.0}, {1, 2}).dtype() == DType::f64);
  BOOST_TEST(Tensor::from({std::int32_t{7}}, {}).dtype() == DType::i32);
  BOOST_TEST(Tensor::from({std::int64_t{7}}, {1}).dtype() == DType::i64);
  BOOST_TEST(Tensor::from({std::uint8_t{7}}, {1}).dtype() == DType::u8);
  BOOST_TEST(values(Tensor::zeros({2, 2}, DType::i64)) == std::vector<double>(4, 0));
  BOOST_TEST(values(Tensor::full({3}, 2.5, DType::f64)) == std::vector<double>(3, 2.5));
  BOOST_TEST(values(Tensor::full({2}, 2.9, DType::i32)) == std::vector<double>(2, 2));
  BOOST_TEST(Tensor::scalar(0.1).item() == double{0.1f});
  BOOST_TEST(Tensor::scalar(4).rank() == 0);
  BOOST_TEST(error_of([] {
               Tensor::from({1.0f, 2.0f}, {3});
             }) == "[tensor] got 2 values for shape [3]; wanted 3 values");
}

BOOST_AUTO_TEST_CASE(empty_and_undefined_tensors) {
  const Tensor undefined;
  BOOST_TEST(!undefined.defined());
  BOOST_TEST(undefined.size() == 0);
  BOOST_TEST(undefined.bytes().empty());
  BOOST_TEST(undefined.version() == 0u);
  BOOST_TEST(!undefined.clone().defined());
  BOOST_TEST(!undefined.unique());
  const Tensor empty({3, 0});
  BOOST_TEST(empty.defined());
  BOOST_TEST(empty.size() == 0);
  BOOST_TEST(empty.span<float>().empty());
  BOOST_TEST(empty.clone().shape() == empty.shape());
  BOOST_TEST(Tensor::zeros({0}).bytes().empty());
}

BOOST_AUTO_TEST_CASE(copies_share_and_clones_do_not) {
  Tensor a = counting({4});
  BOOST_TEST(a.unique());
  Tensor b = a;
  const Tensor c = a.clone();
  BOOST_TEST(a.shares(b));
  BOOST_TEST(!a.shares(c));
  BOOST_TEST(!a.unique());
  b.mutable_span<float>()[0] = 9;
  BOOST_TEST(a.at({0}) == 9.0);
  BOOST_TEST(c.at({0}) == 0.0);
  b = c;
  BOOST_TEST(a.unique());
  Tensor& same = a;
  a = same;
  BOOST_TEST(a.at({0}) == 9.0);
}

BOOST_AUTO_TEST_CASE(moved_from_tensors_are_undefined) {
  Tensor a = counting({4});
  Tensor b = std::move(a);
  BOOST_TEST(!a.defined());  // NOLINT(bugprone-use-after-move)
  BOOST_TEST(a.size() == 0);
  BOOST_TEST(b.unique());
  Tensor c = counting({2});
  c = std::move(b);
  BOOST_TEST(!b.defined());  // NOLINT(bugprone-use-after-move)
  BOOST_TEST(b.size() == 0);
  BOOST_TEST(c.shape() == Shape{4});
  a = c;  // and may be assigned again
  BOOST_TEST(a.shares(c));
}

BOOST_AUTO_TEST_CASE(versions_count_edits_through_any_handle) {
  Tensor a({3});
  const Tensor b = a;
  const std::uint64_t before = a.version();
  BOOST_TEST(a.data<float>() == b.span<float>().data());
  BOOST_TEST(a.version() == before);
  a.mutable_data<float>();
  BOOST_TEST(b.version() == before + 1);
  a.mutable_span<float>();
  a.mutable_bytes();
  BOOST_TEST(b.version() == before + 3);
  BOOST_TEST(a.reshape({3, 1}).version() == before + 3);
  fill(a, 1);
  BOOST_TEST(b.version() > before + 3);
}

BOOST_AUTO_TEST_CASE(element_access) {
  const Tensor a = counting({2, 3, 4});
  BOOST_TEST(a.at({1, 2, 3}) == 23.0);
  BOOST_TEST(a.at({0, 1, 0}) == 4.0);
  BOOST_TEST(counting({1}, DType::u8).item() == 0.0);
  BOOST_TEST(a.dim(-1) == 4);
  BOOST_TEST(a.bytes().size() == 96u);
  BOOST_TEST(error_of([&] { a.at({1, 2}); }) == "[at] got 2 indices for shape [2, 3, 4]; wanted 3 indices");
  BOOST_TEST(error_of([&] { a.at({0, 3, 0}); }) == "[at] got index 3 in axis 1; wanted 0 to 2");
  BOOST_TEST(error_of([&] { a.at({-1, 0, 0}); }) == "[at] got index -1 in axis 0; wanted 0 to 1");
  BOOST_TEST(error_of([&] { a.item(); }) ==
             "[item] got a tensor of shape [2, 3, 4] with 24 elements; wanted exactly one element");
  BOOST_TEST(error_of([] { Tensor().item(); }) != "no error");
  BOOST_TEST(error_of([] { Tensor().at({}); }) != "no error");
}

BOOST_AUTO_TEST_CASE(access_by_another_type_is_an_error) {
  Tensor a({2});
  BOOST_TEST(error_of([&] { a.data<double>(); }) ==
             "[tensor] got type f32; wanted type f64; convert it with cast(tensor, dtype)");
  BOOST_TEST(error_of([&] { a.mutable_span<std::uint8_t>(); }) ==
             "[tensor] got type f32; wanted type u8; convert it with cast(tensor, dtype)");
  BOOST_TEST(error_of([] { Tensor().data<float>(); }) == "[tensor] got an undefined tensor; wanted one of type f32");
  BOOST_TEST(error_of([] { Tensor().mutable_data<float>(); }) != "no error");
}

BOOST_AUTO_TEST_CASE(reshape_shares_and_checks) {
  const Tensor a = counting({2, 3, 4});
  BOOST_TEST(a.reshape({6, 4}).shape() == (Shape{6, 4}));
  BOOST_TEST(a.reshape({-1, 4}).shape() == (Shape{6, 4}));
  BOOST_TEST(a.reshape({2, -1}).shape() == (Shape{2, 12}));
  BOOST_TEST(a.reshape({-1}).shape() == Shape{24});
  BOOST_TEST(a.reshape({4, 6}).shares(a));
  BOOST_TEST(a.reshape(Shape{24}).at({23}) == 23.0);
  BOOST_TEST(Tensor::scalar(3).reshape({1, 1}).at({0, 0}) == 3.0);
  BOOST_TEST(Tensor({0, 3}).reshape({3, 0}).shape() == (Shape{3, 0}));
  BOOST_TEST(error_of([&] {
               a.reshape({5, 5});
             }) == "[reshape] got shape [2, 3, 4] as [5, 5]; wanted equal numbers of elements");
  BOOST_TEST(error_of([&] {
               a.reshape({-1, 5});
             }) ==
             "[reshape] got shape [2, 3, 4] with one dimension of -1 and the others 5 elements; wanted others that "
             "divide the number of elements");
  BOOST_TEST(error_of([&] { a.reshape({-1, 0}); }) != "no error");
  BOOST_TEST(error_of([&] { a.reshape({-1, -1}); }) != "no error");
  BOOST_TEST(error_of([&] { a.reshape({-2, -12}); }) != "no error");
  BOOST_TEST(error_of([&] { a.reshape({1, 1, 1, 1, 1, 1, 24}); }) != "no error");
  BOOST_TEST(error_of([] { Tensor().reshape({0}); }) != "no error");
}

BOOST_AUTO_TEST_CASE(printing) {
  BOOST_TEST(printed(counting({2, 2})) == "Tensor([2, 2] f32, [[0, 1], [2, 3]])");
  BOOST_TEST(printed(Tensor::scalar(0.5, DType::f64)) == "Tensor([] f64, 0.5)");
  BOOST_TEST(printed(counting({2}, DType::u8)) == "Tensor([2] u8, [0, 1])");
  BOOST_TEST(printed(counting({10}, DType::i64)) == "Tensor([10] i64, [0, 1, 2, ..., 7, 8, 9])");
  BOOST_TEST(printed(counting({6}, DType::i32)) == "Tensor([6] i32, [0, 1, 2, 3, 4, 5])");
  BOOST_TEST(printed(counting({7, 1}, DType::i32)) == "Tensor([7, 1] i32, [[0], [1], [2], ..., [4], [5], [6]])");
  BOOST_TEST(printed(Tensor({2, 0})) == "Tensor([2, 0] f32, [[], []])");
  BOOST_TEST(printed(Tensor()) == "Tensor(undefined)");
}

BOOST_AUTO_TEST_CASE(requirements_name_the_op) {
  const Tensor a({2, 3});
  BOOST_TEST(error_of([] { require_defined("relu", "input", Tensor()); }) ==
             "[relu] got an undefined input; wanted a tensor");
  BOOST_TEST(error_of([&] { require_same_shape("add", a, Tensor({3})); }) ==
             "[add] got shapes [2, 3] and [3]; wanted equal shapes");
  BOOST_TEST(error_of([&] {
               require_same_dtype("add", a, Tensor({2, 3}, DType::f64));
             }) == "[add] got types f32 and f64; wanted equal types; convert one with cast(tensor, dtype)");
  BOOST_TEST(error_of([&] {
               require_defined("op", "x", a);
               require_same_shape("op", a, a);
               require_same_dtype("op", a, a);
             }) == "no error");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(xtensor_views)

BOOST_AUTO_TEST_CASE(reading) {
  const Tensor a = counting({2, 3});
  const auto view = xview<float>(a);
  BOOST_TEST(view.dimension() == 2u);
  BOOST_TEST(view(1, 2) == 5.0f);
  BOOST_TEST(view.data() == a.data<float>());
  const xt::xarray<float> columns = xt::sum(view, {0});
  BOOST_TEST(columns(0) == 3.0f);
  BOOST_TEST(columns(2) == 7.0f);
  const std::uint64_t version = a.version();
  BOOST_TEST(xview<float>(a)(0, 1) == 1.0f);
  BOOST_TEST(a.version() == version);
}

BOOST_AUTO_TEST_CASE(writing) {
  Tensor a = counting({2, 3}, DType::f64);
  const std::uint64_t version = a.version();
  auto view = mutable_xview<double>(a);
  view = 2 * xview<double>(counting({2, 3}, DType::f64)) + 1;
  BOOST_TEST(a.version() == version + 1);
  BOOST_TEST(values(a) == (std::vector<double>{1, 3, 5, 7, 9, 11}));
  view(0, 0) = -1;
  BOOST_TEST(a.at({0, 0}) == -1.0);
}

BOOST_AUTO_TEST_CASE(scalars_and_empty_tensors) {
  const Tensor scalar = Tensor::scalar(3);
  BOOST_TEST(xview<float>(scalar).dimension() == 0u);
  BOOST_TEST(xview<float>(scalar)() == 3.0f);
  const Tensor empty({0, 4});
  BOOST_TEST(xview<float>(empty).size() == 0u);
}

BOOST_AUTO_TEST_CASE(another_type_is_an_error) {
  const Tensor a({2});
  BOOST_TEST(error_of([&] { xview<double>(a); }) ==
             "[tensor] got type f32; wanted type f64; convert it with cast(tensor, dtype)");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
