// diagnostics.csv: what is read is written and read again the same.
#include <array>

#include "framework/tensor/error.h"
#include "lab/diagnose/diagnosis.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

Verdict run(const Bytes& input) {
  return attempt([&] {
    const std::vector<DiagnosisRow> got = diagnosis_from_csv(test::text_of(input), "input");
    const std::string written = to_csv(got);
    try {
      const std::vector<DiagnosisRow> back = diagnosis_from_csv(written, "what was written");
      require(back.size() == got.size(), "every row is written");
      require(to_csv(back) == written, "rows read back as they are written");
    } catch (const Error& error) {
      throw Violation(std::string("rows that are written read back, but ") + error.what());
    }
  });
}

std::vector<Bytes> seeds() {
  DiagnosisRow row;
  row.step = 20;
  row.epoch = 2;
  row.parameter = "conv1.weight";
  row.position = "feeds_norm";
  row.role = "weight";
  row.group = "de, \"cayed\"";
  row.values = 72;
  row.channels = 8;
  row.measured = 3;
  row.lr = 0.1;
  row.norm = ChannelSpread{.median = 1.5, .low = 1, .high = 2};
  row.predicted_norm = 1.75;
  DiagnosisRow next = row;
  next.step = 40;
  return {test::bytes_of(to_csv({})), test::bytes_of(to_csv({row})), test::bytes_of(to_csv({row, next}))};
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  static constexpr std::array words{"step", "parameter", "group", "\"",  "\"\"", ",",
                                    "\n",   "-1",        "1e400", "nan", "inf",  ""};
  mutate_text(input, dice, blindly, words);
}

}  // namespace

const Target diagnosis{"diagnosis", run, seeds, mutate};

}  // namespace ebb::fuzz
