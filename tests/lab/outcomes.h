// What commands of the program come to.
#pragma once

#include <string>

#include "tests/lab/program.h"

namespace ebb::test {

inline Finished succeeds(const std::string& arguments) {
  Finished run = ebb(arguments);
  BOOST_REQUIRE_MESSAGE(run.status == 0, arguments + '\n' + run.output);
  return run;
}

inline void refused(const std::string& arguments, const std::string& part) {
  const Finished run = ebb(arguments);
  BOOST_TEST(run.status == 1, arguments);
  BOOST_TEST(has(run.output, part), run.output);
}

}  // namespace ebb::test
