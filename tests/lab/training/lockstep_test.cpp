#include "lab/training/lockstep.h"

#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/support/errors.h"

namespace ebb {
namespace {

// What happens in a run: passes write their numbers, "|" is a meeting, letters are the switches.
struct Course {
  std::string said;
  Lockstep lockstep;

  void run(std::size_t count, const std::function<void(std::size_t)>& pass) {
    said.clear();
    lockstep.run(
        count, pass, [this](std::size_t i) { said += text('+', i); }, [this](std::size_t i) { said += text('-', i); });
  }
  void meet(std::size_t i) {
    lockstep.meet(i, [this] { said += '|'; });
  }
};

BOOST_AUTO_TEST_SUITE(lockstep)

BOOST_AUTO_TEST_CASE(passes_take_turns_in_their_order) {
  Course course;
  for (int repetition = 0; repetition < 3; ++repetition) {
    course.run(3, [&](std::size_t i) {
      course.said += 'a';
      course.meet(i);
      course.said += 'b';
      course.meet(i);
      course.said += 'c';
    });
    BOOST_TEST(course.said == "+0a-0+1a-1+2a|-2+0b-0+1b-1+2b|-2+0c-0+1c-1+2c-2");
  }
  course.run(1, [&](std::size_t i) { course.meet(i); });
  BOOST_TEST(course.said == "+0|-0");
  course.run(2, [&](std::size_t i) { course.meet(i); });
  BOOST_TEST(course.said == "+0-0+1|-1+0-0+1-1");
}

BOOST_AUTO_TEST_CASE(an_error_ends_all_and_is_thrown_once) {
  Course course;
  for (const std::size_t bad : {0, 1, 3})
    for (const int when : {0, 1, 2}) {
      const auto pass = [&](std::size_t i) {
        for (int m = 0; m < 3; ++m) {
          if (i == bad && m == when) fail("layer", text("trouble of ", i), "none");
          course.meet(i);
        }
      };
      BOOST_TEST(test::fails_with({text("trouble of ", bad)}, [&] { course.run(4, pass); }));
      // Each pass that began has ended.
      for (const char number : {'0', '1', '2', '3'}) {
        int open = 0;
        for (std::size_t i = 0; i + 1 < course.said.size(); ++i)
          if (course.said[i + 1] == number) open += course.said[i] == '+' ? 1 : course.said[i] == '-' ? -1 : 0;
        BOOST_TEST(open == 0, course.said);
      }
    }
  BOOST_TEST(test::fails_with({"trouble of the exchange"}, [&] {
    course.run(3, [&](std::size_t i) {
      course.lockstep.meet(i, [] { fail("exchange", "trouble of the exchange", "none"); });
    });
  }));
  course.run(2, [&](std::size_t i) { course.meet(i); });
  BOOST_TEST(course.said == "+0-0+1|-1+0-0+1-1");
}

BOOST_AUTO_TEST_CASE(a_pass_that_ends_before_the_others_is_an_error) {
  Course course;
  for (const std::size_t early : {0, 1, 2})
    BOOST_TEST(test::fails_with({"a shard that ended before exchange 2"}, [&] {
      course.run(3, [&](std::size_t i) {
        course.meet(i);
        if (i != early) course.meet(i);
      });
    }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
