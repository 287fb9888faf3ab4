// What options take: numbers in their range, and no empty texts.
#include <boost/test/unit_test.hpp>

#include "tests/data/picture_files.h"
#include "tests/lab/outcomes.h"

namespace ebb {
namespace {

using test::Finished;
using test::has;
using test::TemporaryDirectory;

// Refused by the command line: before anything is read or made.
void refused(const std::string& arguments, const std::string& part) {
  const Finished run = test::ebb(arguments);
  BOOST_TEST(run.status > 1, arguments << ": " << run.output);
  BOOST_TEST(run.status < 128, arguments << ": " << run.output);
  BOOST_TEST(has(run.output, part), arguments << ": " << run.output);
}

BOOST_AUTO_TEST_SUITE(arguments)

BOOST_AUTO_TEST_CASE(numbers_that_would_become_others_are_refused) {
  const std::string seeds = "a whole number from 0 to 9223372036854775807";
  const struct {
    std::string option, wanted;
    std::vector<const char*> bad;
  } options[] = {{"data pack nowhere --out x.safetensors --seed", seeds, {}},
                 {"data show nowhere --seed", seeds, {}},
                 {"data show nowhere --columns", "a whole number from 1 to 20", {"0", "21"}},
                 {"data pack nowhere --out x.safetensors --test", "a number", {"0x1p-1", "nan", "inf", "half"}},
                 {"predict nowhere x.png --top", "a whole number from 1 to 65536", {"0", "65537"}},
                 {"predict nowhere x.png --size-limit", "a whole number from 1 to 16777216", {"0", "16777217"}},
                 {"export nowhere --onnx x --batch", "a whole number from 1 to 65536", {"0", "65537"}},
                 {"study run ridge --jobs", "a whole number from 1 to 1024", {"0", "1025"}},
                 {"study check ridge --trials", "a whole number from 1 to 100000", {"0", "100001"}}};
  for (const auto& [option, wanted, bad] : options) {
    const bool whole = wanted != "a number";
    std::vector<std::string> values(bad.begin(), bad.end());
    if (whole)
      for (const char* const more : {"-1", "+1", "010", "0x10", "1.5", "1e2", "18446744073709551616",
                                     "99999999999999999999999", "' 1'", "1,2", "one"})
        values.emplace_back(more);
    for (const std::string& value : values) refused(option + ' ' + value, "wanted " + wanted);
  }
}

// A variable that was not set is no choice of a default.
BOOST_AUTO_TEST_CASE(an_empty_text_is_no_value) {
  const struct {
    std::string command;
    std::vector<const char*> options;
  } commands[] = {
      {"train mnist",
       {"--model", "--epochs", "--lr", "--batch", "--seed", "--threads", "--data", "--test", "--out", "--set"}},
      {"resume nowhere", {"--set", "--threads", "--data"}},
      {"report nowhere", {"--out"}},
      {"eval nowhere", {"--set", "--data"}},
      {"audit mnist", {"--set", "--json", "--svg", "--data"}},
      {"predict nowhere x.png",
       {"--model", "--set", "--image", "--classes", "--top", "--fit", "--background", "--size-limit"}},
      {"summary nowhere", {"--model", "--set", "--image", "--classes"}},
      {"import --out x",
       {"--torch", "--npz", "--like", "--mean", "--deviation", "--model", "--set", "--image", "--classes"}},
      {"import --npz x", {"--out"}},
      {"show nowhere maps x.png --out x", {"--layer", "--fit", "--background", "--size-limit"}},
      {"export nowhere",
       {"--onnx", "--torch", "--npz", "--csv", "--tensorboard", "--input", "--batch", "--model", "--set", "--image",
        "--classes"}},
      {"data fetch mnist", {"--to", "--from"}},
      {"data verify mnist", {"--data"}},
      {"data show mnist", {"--data", "--out", "--columns", "--seed", "--set"}},
      {"data pack nowhere --out x.safetensors", {"--size", "--fit", "--test", "--seed"}},
      {"data pack nowhere", {"--out"}},
      {"data unpack mnist --to nowhere", {"--data"}},
      {"data unpack mnist", {"--to"}},
      {"study run ridge", {"--tier", "--pairs", "--jobs", "--data", "--out"}},
      {"study report ridge", {"--tier", "--out", "--runs"}},
      {"study check ridge", {"--trials"}}};
  for (const auto& [command, options] : commands) {
    for (const char* const option : options) refused(text(command, ' ', option, " ''"), text(option, ": "));
    for (const char* const option : options) refused(text(command, ' ', option, " ''"), "got \"\"");
  }
  for (const char* const command : {"train", "resume", "report", "eval", "audit", "data pack", "study show"})
    refused(text(command, " ''"), "got \"\"");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
