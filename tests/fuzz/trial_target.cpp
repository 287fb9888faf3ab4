// Trials of studies: what is read is written and read again the same. Changes keep the checksum right.
#include <array>
#include <span>

#include "framework/io/checksum.h"
#include "framework/tensor/error.h"
#include "lab/study/trial_file.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

const std::vector<Arm>& arms() {
  static const std::vector<Arm> all{{{"lambda", "0.1"}, {"optimizer", "sgd"}},
                                    {{"lambda", "0.2"}, {"optimizer", "adam"}}};
  return all;
}

Verdict run(const Bytes& input) {
  return attempt([&] {
    const TrialResult got = trial_from_text(test::text_of(input), "input", arms());
    if (got.key.empty()) return;  // of another declaration: it is made again
    const std::string written = to_text(got);
    try {
      require(to_text(trial_from_text(written, "what was written", arms())) == written,
              "a trial reads back as it is written");
    } catch (const Error& error) {
      throw Violation(std::string("a trial that is written reads back, but ") + error.what());
    }
  });
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> out;
  for (const Arm& arm : arms()) {
    TrialResult trial{.key = "0123abcd", .arm = arm, .pair = 101, .seconds = 0.5, .record = {}};
    out.push_back(test::bytes_of(to_text(trial)));
    trial.record.put("loss", 0.25);
    trial.record.put("norm", 20, 1e-300);
    trial.record.put("norm", 40, 0.125);
    out.push_back(test::bytes_of(to_text(trial)));
  }
  return out;
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  static constexpr std::array words{"key ", "arm ", "pair ", "seconds ", "values ", "0", "-1", "18446744073709551616",
                                    "nan",  "inf",  "1e400", ",",        ",,",      "\n"};
  mutate_text(input, dice, blindly, words);
  if (dice.chance(10)) return;
  std::string text = test::text_of(input);
  text.resize(std::min(text.size(), text.rfind("sha256 ")));
  input = test::bytes_of(text + "sha256 " + sha256(std::as_bytes(std::span(text))) + "\n");
}

}  // namespace

const Target trial{"trial", run, seeds, mutate};

}  // namespace ebb::fuzz
