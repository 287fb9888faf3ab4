#include "framework/tensor/error.h"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <limits>
#include <string>

#include "framework/tensor/dtype.h"
#include "framework/tensor/shape.h"

namespace ebb {
namespace {

BOOST_AUTO_TEST_SUITE(errors)

BOOST_AUTO_TEST_CASE(the_message_says_where_got_wanted_and_remedy) {
  const Error error("conv2d", "3 channels", "16", "set .in = 3");
  BOOST_TEST(error.what() == "[conv2d] got 3 channels; wanted 16; set .in = 3");
  BOOST_TEST(error.where() == "conv2d");
  BOOST_TEST(Error("a", "b", "c").what() == "[a] got b; wanted c");
  BOOST_TEST(Error("a", "b", "").what() == "[a] got b");
  BOOST_TEST(Error("a", "b", "", "d").what() == "[a] got b; d");
}

BOOST_AUTO_TEST_CASE(an_error_names_the_layers_that_it_left) {
  Error error("conv2d", "3 channels", "16", "set .in = 3");
  BOOST_TEST(error.path().empty());
  for (const char* const name : {"conv1", "0", "layer1"}) error.add_layer(name);
  BOOST_TEST(error.path() == "layer1.0.conv1");
  BOOST_TEST(error.where() == "conv2d");
  BOOST_TEST(error.what() == "[conv2d in layer1.0.conv1] got 3 channels; wanted 16; set .in = 3");
  const Error copy = error;
  BOOST_TEST(std::string(copy.what()) == error.what());
}

BOOST_AUTO_TEST_CASE(fail_throws_an_error_that_is_a_runtime_error) {
  BOOST_CHECK_THROW(fail("a", "b", "c"), Error);
  BOOST_CHECK_THROW(fail("a", "b", "c"), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(text_joins_what_messages_need) {
  const std::string word = "word";
  BOOST_TEST(text("a ", word, ' ', std::string_view("view"), ' ', true, ' ', false) == "a word view true false");
  BOOST_TEST(text(Shape{2, 3}, " ", Shape{}, " ", DType::f32, " ", DType::u8) == "[2, 3] [] f32 u8");
  BOOST_TEST(text().empty());
}

BOOST_AUTO_TEST_CASE(numbers_print_in_the_shortest_form_that_reads_back) {
  BOOST_TEST(text(0, ' ', -7, ' ', 7u) == "0 -7 7");
  BOOST_TEST(text(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  BOOST_TEST(text(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  BOOST_TEST(text(0.1) == "0.1");
  BOOST_TEST(text(1e300) == "1e+300");
  BOOST_TEST(text(-1.0 / 3) == "-0.3333333333333333");
  BOOST_TEST(text(std::numeric_limits<double>::infinity()) == "inf");
  BOOST_TEST(text(std::numeric_limits<double>::quiet_NaN()) == "nan");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(dtypes)

BOOST_AUTO_TEST_CASE(names_and_sizes) {
  const DType all[] = {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8};
  std::string seen;
  for (const DType dtype : all) seen += text(dtype, ' ', size_of(dtype), is_float(dtype) ? " float; " : "; ");
  BOOST_TEST(seen == "f32 4 float; f64 8 float; i32 4; i64 8; u8 1; ");
}

BOOST_AUTO_TEST_CASE(dispatch_calls_with_the_named_type) {
  const auto bytes = [](auto zero) { return sizeof(zero); };
  BOOST_TEST(dispatch("op", DType::f32, bytes) == 4u);
  BOOST_TEST(dispatch("op", DType::f64, bytes) == 8u);
  BOOST_TEST(dispatch_all("op", DType::u8, bytes) == 1u);
  BOOST_CHECK_EXCEPTION(dispatch("relu", DType::i64, bytes), Error, [](const Error& error) {
    return error.what() ==
           std::string("[relu] got a tensor of type i64; wanted f32 or f64; convert it with cast(tensor, dtype)");
  });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
