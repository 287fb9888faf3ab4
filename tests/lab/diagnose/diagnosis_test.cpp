// diagnostics.csv: what is written is read again, and what others wrote is refused with a reason.
#include "lab/diagnose/diagnosis.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/support/errors.h"

namespace ebb {
namespace {

BOOST_AUTO_TEST_SUITE(diagnosis_file)

BOOST_AUTO_TEST_CASE(holds_all_numbers_of_a_row) {
  DiagnosisRow row;
  row.parameter = "a \"b\", c";
  row.position = "feeds_norm";
  double value = 1;
  for (const DiagnosisColumn& c : diagnosis_columns()) c.set(row, value++);
  row.at_rest = true;
  DiagnosisRow empty;
  empty.parameter = "e";
  const std::string text = to_csv({row, empty});
  const std::vector<DiagnosisRow> read = diagnosis_from_csv(text, "x.csv");
  BOOST_TEST_REQUIRE(read.size() == 2u);
  BOOST_TEST(read[0].parameter == row.parameter);
  BOOST_TEST(read[0].position == "feeds_norm");
  BOOST_TEST(read[0].at_rest);
  BOOST_TEST(!read[1].at_rest);
  for (const DiagnosisColumn& c : diagnosis_columns()) {
    BOOST_TEST(c.get(read[0]) == c.get(row), c.name);
    BOOST_TEST((c.get(read[1]) == c.get(empty) || std::isnan(c.get(empty))), c.name);
  }
  BOOST_TEST(std::isnan(read[1].norm.median));
  BOOST_TEST((to_csv(read) == text));
}

BOOST_AUTO_TEST_CASE(may_have_other_columns_in_another_order) {
  const auto read = diagnosis_from_csv("mine,norm,step,parameter\n7,2.5,30,w\n", "x.csv");
  BOOST_TEST_REQUIRE(read.size() == 1u);
  BOOST_TEST(read[0].norm.median == 2.5);
  BOOST_TEST(read[0].step == 30);
  BOOST_TEST(std::isnan(read[0].angle.median));
}

BOOST_AUTO_TEST_CASE(that_is_damaged_is_refused) {
  const auto refused = [](const std::string& text, std::initializer_list<std::string_view> parts) {
    return test::fails_with(parts, [&] { diagnosis_from_csv(text, "x.csv"); });
  };
  BOOST_TEST(refused("", {"x.csv", "no line"}));
  BOOST_TEST(refused("a,b\n", {"x.csv", "without parameter"}));
  BOOST_TEST(refused("parameter,step\nw\n", {"x.csv", "1 fields in line 2"}));
  BOOST_TEST(refused("parameter,step\nw,many\n", {"x.csv", "many", "line 2", "step"}));
  BOOST_TEST(refused("parameter,step\n\"w,1\n", {"x.csv", "quote"}));
  BOOST_TEST(refused("parameter,step" + std::string(2000, ','), {"x.csv", "1,000 fields"}));
  BOOST_TEST(diagnosis_from_csv("parameter,step\nw,1e300\n", "x.csv")[0].step == 0);
}

BOOST_AUTO_TEST_CASE(has_quantiles_between_neighbours) {
  const ChannelSpread s = spread_of_channels({5, 1, 3, NAN, 2, 4, INFINITY});
  BOOST_TEST(s.median == 3);
  BOOST_TEST(s.low == 1.4);
  BOOST_TEST(s.high == 4.6);
  BOOST_TEST(std::isnan(spread_of_channels({NAN}).median));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
