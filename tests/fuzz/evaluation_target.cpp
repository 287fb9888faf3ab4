// Records of evaluations: what is read is written and read again the same.
#include <limits>

#include "framework/tensor/error.h"
#include "lab/runs/evaluation_record.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

Verdict run(const Bytes& input) {
  return attempt([&] {
    const EvaluationRecord got = record_from_json(test::text_of(input), "input");
    require(got.confusion.classes() == static_cast<std::int64_t>(got.classes.size()), "every class has its row");
    const std::string written = to_json(got);
    try {
      require(to_json(record_from_json(written, "what was written")) == written,
              "a record reads back as it is written");
    } catch (const Error& error) {
      throw Violation(std::string("a record that is written reads back, but ") + error.what());
    }
  });
}

std::vector<Bytes> seeds() {
  EvaluationRecord record{.data = "mnist",
                          .loss = 0.25,
                          .accuracy = 0.75,
                          .calibration_error = 0.125,
                          .classes = {"zero", "t\"wo"},
                          .confusion = Confusion(2),
                          .worst = {{4, 1, 0, 0.875, "QUJD"}, {9, 0, 1, 0.5, ""}}};
  record.confusion.add(0, 1, 3);
  std::vector<Bytes> out{test::bytes_of(to_json(record))};
  record.worst.clear();
  record.loss = std::numeric_limits<double>::quiet_NaN();
  out.push_back(test::bytes_of(to_json(record)));
  return out;
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  if (dice.chance(25)) return blindly(input);
  std::string json = test::text_of(input);
  test::mutate_json(json, dice);
  input = test::bytes_of(json);
}

}  // namespace

const Target evaluation{"evaluation", run, seeds, mutate};

}  // namespace ebb::fuzz
