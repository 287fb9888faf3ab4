#include "data/csv.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/errors.h"
#include "tests/support/mutate.h"

namespace ebb {
namespace {

using test::fails_with;

Tensor read(std::string_view text, std::int64_t columns) {
  const test::Bytes bytes = test::bytes_of(text);
  MemorySource source(bytes, "table");
  return read_csv(source, columns);
}

std::vector<int> numbers(std::string_view text, std::int64_t columns) {
  const Tensor table = read(text, columns);
  const auto all = table.span<std::uint8_t>();
  return {all.begin(), all.end()};
}

BOOST_AUTO_TEST_SUITE(csv)

BOOST_AUTO_TEST_CASE(tables) {
  BOOST_TEST((numbers("1,2\n30,255\n", 2) == std::vector<int>{1, 2, 30, 255}));
  BOOST_TEST((read("1,2\n30,255\n", 2).shape() == Shape{2, 2}));
  BOOST_TEST((numbers("0,9\r\n10,99", 2) == std::vector<int>{0, 9, 10, 99}));
  BOOST_TEST((numbers("7", 1) == std::vector<int>{7}));
  // More than one piece of the reader's buffer.
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += std::to_string(i % 256) + ",200\n";
  const Tensor table = read(lines, 2);
  BOOST_TEST(table.dim(0) == 5000);
  BOOST_TEST(table.at({4999, 0}) == 4999 % 256);
}

BOOST_AUTO_TEST_CASE(each_rule) {
  const auto refused = [](std::string_view text, std::initializer_list<std::string_view> parts) {
    return fails_with(parts, [text] { read(text, 2); });
  };
  BOOST_TEST(refused("", {"[table]", "the end in line 1, column 1", "a number from 0 to 255"}));
  BOOST_TEST(refused("1,2\n\n", {"the byte 10 in line 2, column 1", "a number"}));
  BOOST_TEST(refused("1\n", {"the byte 10 in line 1, column 1", "a comma: there are 2 numbers"}));
  BOOST_TEST(refused("1,2,3\n", {"\",\" in line 1, column 2", "the end of a line of 2 numbers"}));
  BOOST_TEST(refused("1,256\n", {"\"6\" in line 1, column 2", "0 to 255"}));
  BOOST_TEST(refused("1,99999999999999999999\n", {"0 to 255"}));
  BOOST_TEST(refused("1,02\n", {"\"2\"", "without leading zeros"}));
  BOOST_TEST(refused("1,-2\n", {"\"-\"", "a number"}));
  BOOST_TEST(refused("1, 2\n", {"the byte 32", "a number"}));
  BOOST_TEST(refused("1,2.5\n", {"\".\"", "the end of a line"}));
  BOOST_TEST(refused("1,2\r", {"the end in line 1"}));
  BOOST_TEST(refused("1,2\r3,4\n", {"\"3\" in line 1"}));
  BOOST_TEST(refused("1,,2\n", {"\",\" in line 1, column 2"}));
  BOOST_TEST(fails_with({"0 columns"}, [] { read("1", 0); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
