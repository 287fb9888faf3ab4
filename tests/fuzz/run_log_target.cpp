// Logs of runs: read as far as they go, and nothing that a later resume took back stays.
#include <algorithm>
#include <array>
#include <span>

#include "framework/tensor/error.h"
#include "lab/runs/run_log.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

LogContents read(const std::string& lines) {
  MemorySource source(std::as_bytes(std::span(lines)), "input");
  return read_log(source);
}

Verdict run(const Bytes& input) {
  const std::string text = test::text_of(input);
  return attempt([&] {
    const LogContents got = read(text);
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    require(got.steps.size() + got.epochs.size() + got.events.size() <= lines, "a line is one thing that happened");
    require(got.evaluated_on == "test" || got.evaluated_on == "validation", "evaluations are made on one of two");
    const LogContents back =
        read(text + "\n{\"event\": \"step\", \"st\n{\"event\":\"resume\",\"step\":-1,\"epochs\":-1,\"text\":\"\"}\n");
    for (const StepResult& step : back.steps) require(step.step <= -1, "a resume takes back the steps behind it");
    for (const EpochResult& epoch : back.epochs) require(epoch.epoch <= -1, "a resume takes back the epochs behind it");
    require(back.events.size() == got.events.size() + 1, "a resume is an event");
  });
}

std::vector<Bytes> seeds() {
  return {test::bytes_of(R"({"event":"step","step":1,"epoch":1,"lr":0.1,"loss":2.5,"groups":[{"name":"decayed",)"
                         R"("lr":0.1,"lambda":0.0005,"shrink":5e-05,"weight_norm":3.5,"gradient_norm":null}]})"
                         "\n"
                         R"({"event":"epoch","epoch":1,"lr":0.1,"train_loss":2.0,"train_accuracy":0.5,"test_loss":1.5,)"
                         R"("test_accuracy":0.625,"seconds":1.0,"images_per_s":100.0})"
                         "\n"),
          test::bytes_of(R"({"event":"step","step":4,"epoch":2,"lr":0.1,"loss":null,"groups":[]})"
                         "\n"
                         R"({"event":"epoch","epoch":2,"validation_loss":1.5,"validation_accuracy":0.625})"
                         "\n"
                         R"({"event":"resume","step":3,"epochs":1,"text":"from step 3"})"
                         "\n"
                         R"({"event":"stop","step":5,"epochs":2,"text":"signal 2"})"
                         "\n")};
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  static constexpr std::array words{
      "\"event\"", "\"step\"", "\"epoch\"", "\"resume\"", "\"rollback\"",        "\"groups\"",          "{}",
      "[]",        "null",     "1e400",     "-1",         "9223372036854775807", "9223372036854775808", "\n"};
  if (dice.chance(50)) return mutate_text(input, dice, blindly, words);
  std::string json = test::text_of(input);
  test::mutate_json(json, dice);
  input = test::bytes_of(json);
}

}  // namespace

const Target run_log{"run_log", run, seeds, mutate};

}  // namespace ebb::fuzz
