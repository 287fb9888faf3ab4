#include "lab/runs/environment.h"

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "framework/compute/instruction_set.h"

namespace ebb {
namespace {

std::string named(const std::string& lines) {
  std::istringstream cpuinfo(lines);
  return processor_in(cpuinfo);
}

BOOST_AUTO_TEST_SUITE(environment)

BOOST_AUTO_TEST_CASE(processors_of_x86_are_named_by_their_model) {
  BOOST_TEST(named("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 143\n"
                   "model name\t: Intel(R) Xeon(R) Processor @ 2.60GHz\nflags\t\t: fpu vme\n\nprocessor\t: 1\n"
                   "model name\t: another\n") == "Intel(R) Xeon(R) Processor @ 2.60GHz");
}

BOOST_AUTO_TEST_CASE(processors_of_arm_are_named_by_their_numbers) {
  BOOST_TEST(named("processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd evtstrm aes\nCPU implementer\t: 0x41\n"
                   "CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n\nprocessor\t: 1\n"
                   "CPU implementer\t: 0x42\nCPU part\t: 0xd0d\n") == "ARM implementer 0x41, part 0xd0c");
}

BOOST_AUTO_TEST_CASE(a_processor_may_have_no_name) {
  BOOST_TEST(named("") == "unknown");
  BOOST_TEST(named("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\n") == "unknown");
}

BOOST_AUTO_TEST_CASE(the_instruction_set_is_recorded) {
  BOOST_TEST(nlohmann::json::parse(surroundings_json()).at("instruction_set") == instruction_set());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
