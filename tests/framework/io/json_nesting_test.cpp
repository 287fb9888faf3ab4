// JSON that is deeper than any parser's stack.
#include "framework/io/json_nesting.h"

#include <boost/test/unit_test.hpp>
#include <string>

#include "framework/tensor/error.h"
#include "tests/support/errors.h"

namespace ebb::test {
namespace {

BOOST_AUTO_TEST_SUITE(json_nesting_of_texts)

BOOST_AUTO_TEST_CASE(brackets_count_outside_of_strings) {
  const std::pair<const char*, std::size_t> known[] = {{"", 0},
                                                       {"3", 0},
                                                       {"[]", 1},
                                                       {"[[], {}, []]", 2},
                                                       {R"({"a": [{"b": 1}], "c": []})", 3},
                                                       {R"("[[[")", 0},
                                                       {R"(["\"[[["])", 1},
                                                       {R"(["\\", [1]])", 2},
                                                       {"]]]][[", 2},
                                                       {R"(["\)", 1}};
  for (const auto& [json, depth] : known) BOOST_TEST(json_nesting(json) == depth, json);
}

BOOST_AUTO_TEST_CASE(what_is_too_deep_is_refused) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  BOOST_CHECK_NO_THROW(require_json_nesting(nested(deepest_json), "file"));
  BOOST_TEST(fails_with({"file", "65 lists and objects", "at most 64"},
                        [&] { require_json_nesting(nested(deepest_json + 1), "file"); }));
  BOOST_TEST(json_nesting(nested(1'000'000)) == 1'000'000u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::test
