#include <boost/test/unit_test.hpp>
#include <limits>

#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"
#include "lab/format/numbers.h"
#include "lab/program/progress.h"
#include "lab/training/confusion.h"

namespace ebb {
namespace {

BOOST_AUTO_TEST_SUITE(lab_text)

BOOST_AUTO_TEST_CASE(clocks_and_numbers) {
  BOOST_TEST(clock_text(0) == "0:00");
  BOOST_TEST(clock_text(59.2) == "1:00");
  BOOST_TEST(clock_text(125) == "2:05");
  BOOST_TEST(clock_text(3723) == "1:02:03");
  BOOST_TEST(grouped(0) == "0");
  BOOST_TEST(grouped(999) == "999");
  BOOST_TEST(grouped(1000) == "1,000");
  BOOST_TEST(grouped(-12345678) == "-12,345,678");
  BOOST_TEST(grouped(std::numeric_limits<std::int64_t>::min()) == "-9,223,372,036,854,775,808");
}

BOOST_AUTO_TEST_CASE(numbers_for_people_have_few_digits) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  BOOST_TEST(significant(4812.345678901234) == "4,812");
  BOOST_TEST(significant(0.0005) == "0.0005");
  BOOST_TEST(significant(0.000123456) == "0.0001235");
  BOOST_TEST(significant(1.23456e-7) == "1.235e-7");
  BOOST_TEST(significant(-2.50) == "-2.5");
  BOOST_TEST(significant(9999.96) == "10,000");
  BOOST_TEST(significant(999999.6, 6) == "1e6");
  BOOST_TEST(significant(123456.7, 7) == "123,456.7");
  BOOST_TEST(significant(1.7976931348623157e308) == "1.798e308");
  BOOST_TEST(significant(5e-324) == "4.941e-324");
  BOOST_TEST(significant(0) == "0");
  BOOST_TEST(decimal(2.5, 2) == "2.50");
  BOOST_TEST(decimal(1e300, 1).size() == 303u);
  BOOST_TEST(percent(0.98765) == "98.77 %");
  BOOST_TEST(percent(0.5, 0) == "50 %");
  BOOST_TEST(whole(61705.8) == "61,706");
  BOOST_TEST(whole(1e300) == "1e300");
  BOOST_TEST(shortened("4812.345678901234") == "4,812.35");
  BOOST_TEST(shortened("0.5") == "0.5");
  BOOST_TEST(shortened("1234567890123") == "1234567890123");  // a seed, say
  BOOST_TEST(shortened("12.2.0-14 (Debian)") == "12.2.0-14 (Debian)");
  BOOST_TEST(number_in("5e-04").value() == 5e-4);
  for (const char* const other : {"", "1 ", "1x", "-", "1,000"}) BOOST_TEST(!number_in(other).has_value(), other);
  for (const double value : {nan, infinity, -infinity})
    for (const std::string& words :
         {significant(value), decimal(value, 2), percent(value), whole(value), clock_text(value)})
      BOOST_TEST(words == "not finite");
}

BOOST_AUTO_TEST_CASE(the_progress_line_shows_share_rate_and_time_left) {
  const std::string line = progress_line("epoch 1/2", 250, 1000, "images", 500, "loss 0.5", 100);
  BOOST_TEST(line.find("epoch 1/2 [") == 0u);
  BOOST_TEST(line.find(" 25%  500 images/s  0:02 left  loss 0.5") != std::string::npos);
  BOOST_TEST(std::count(line.begin(), line.end(), '=') == 7);  // a quarter of 30 columns
  for (const int width : {10, 40, 80, 200})
    BOOST_TEST(progress_line("epoch 1/2", 3, 7, "images", 30, "loss 1", width).size() < static_cast<unsigned>(width));
  BOOST_TEST(progress_line("x", 0, 0, "items", 0, "", 80).find("100%") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(suggestions) {
  const std::vector<std::string> known{"momentum", "epochs", "lr"};
  BOOST_TEST(suggestion("epoch", known) == "did you mean \"epochs\"?");
  BOOST_TEST(suggestion("momentun", known) == "did you mean \"momentum\"?");
  BOOST_TEST(suggestion("something else", known) == "known are momentum, epochs, lr");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(confusion)

BOOST_AUTO_TEST_CASE(counts_shares_and_table) {
  Confusion c(3);
  const Tensor logits = Tensor::from({1.0f, 0.0f, 0.0f,     //
                                      0.0f, 2.0f, 2.0f,     //
                                      -3.0f, -2.0f, -1.0f,  //
                                      5.0f, 4.0f, 1.0f},
                                     {4, 3});
  c.add(logits, Tensor::from<std::int64_t>({0, 1, 2, 1}, {4}));
  BOOST_TEST(c.total() == 4);
  BOOST_TEST(c.accuracy() == 0.75);
  BOOST_TEST(c.count(1, 0) == 1);
  BOOST_TEST(c.recall(1) == 0.5);
  BOOST_TEST(c.precision(0) == 0.5);
  const std::string table = class_table(c, {"cat", "dog", "horse"});
  BOOST_TEST(table.find("dog          2   50.0 %    100.0 %  cat (1)") != std::string::npos);
  BOOST_CHECK_THROW(c.add(logits, Tensor::from<std::int64_t>({0, 1, 3, 1}, {4})), Error);
  BOOST_CHECK_THROW(c.add(logits, Tensor::from<std::int64_t>({0, 1}, {2})), Error);
  BOOST_CHECK_THROW(class_table(c, {"cat"}), Error);
  BOOST_TEST(Confusion(2).accuracy() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
