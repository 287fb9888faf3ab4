// Changes of a run's recipe: what is read is written and read again the same, in the order of the run.
#include <array>

#include "framework/tensor/error.h"
#include "lab/runs/recipe_changes.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

Verdict run(const Bytes& input) {
  return attempt([&] {
    const std::vector<RecipeChange> got = changes_from_json_lines(test::text_of(input), "input");
    std::int64_t last = 0;
    for (const RecipeChange& change : got) {
      require(change.step >= last && change.epochs >= 0, "changes stand in their order");
      require(!change.settings.empty(), "a change sets something");
      require(!in_words(change).empty(), "a change is told in words");
      last = change.step;
    }
    std::string written;
    try {
      written = to_json_lines(got);
    } catch (const std::exception&) {
      throw Violation("what was read is written");
    }
    require(to_json_lines(changes_from_json_lines(written, "what was written")) == written,
            "changes read back as they are written");
  });
}

std::vector<Bytes> seeds() {
  const RecipeChange lr{.step = 12, .epochs = 1, .settings = {{"lr", "0.1", "0.05"}, {"name", "a\"b", "\xc3\xa4"}}};
  const RecipeChange data{.step = 40, .epochs = 3, .settings = {{std::string(checksums_key), "ab/cd", "ef/gh"}}};
  return {test::bytes_of(to_json_lines({lr})), test::bytes_of(to_json_lines({lr, data})), {}};
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  static constexpr std::array words{"\"step\"", "\"epochs\"", "\"settings\"", "\"key\"", "\"from\"", "\"to\"", "[]",
                                    "{}",       "null",       "-1",           "1e400",   "\\u0000",  "\n"};
  if (dice.chance(50)) return mutate_text(input, dice, blindly, words);
  std::string json = test::text_of(input);
  test::mutate_json(json, dice);
  input = test::bytes_of(json);
}

}  // namespace

const Target changes{"changes", run, seeds, mutate};

}  // namespace ebb::fuzz
