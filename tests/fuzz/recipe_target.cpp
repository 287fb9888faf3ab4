// Recipe files: what is read is printed and read again the same, and makes an optimizer with a schedule or an error.
#include <array>

#include "framework/tensor/error.h"
#include "lab/recipe/names.h"
#include "lab/recipe/recipe.h"
#include "lab/setup/build.h"
#include "tests/fuzz/small_model.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

constexpr std::int64_t batches = 10;

void require_sound(const Recipe& recipe) {
  const StepCounts steps = step_counts(recipe, batches);
  require(steps.total >= 1 && steps.per_epoch > 0, "a run has steps");
  const Schedule schedule = make_schedule(recipe, steps);
  for (const std::int64_t step : {std::int64_t{0}, std::int64_t{1}, steps.total / 2, steps.total - 1, steps.total}) {
    const double multiplier = schedule(step);
    require(multiplier >= 0 && multiplier <= 1.000001, "a schedule is a multiplier from 0 to 1");
  }
  const auto optimizer = make_optimizer(recipe, small_model(), batches);
  for (std::size_t g = 0; g < optimizer->groups().size(); ++g)
    require(optimizer->lr(g) >= 0, "learning rates are numbers from 0 on");
}

Verdict run(const Bytes& input) {
  const std::string text = test::text_of(input);
  return attempt([&] {
    const Recipe recipe = recipe_from_toml(text, "input");
    const std::string printed = to_toml(recipe);
    try {
      require(to_toml(recipe_from_toml(printed, "what was printed")) == printed,
              "a recipe reads back as it is printed");
    } catch (const Error& error) {
      throw Violation(std::string("a recipe that is printed reads back, but ") + error.what());
    }
    try {
      require_sound(recipe);
    } catch (const Error&) {  // keys that contradict each other
    }
  });
}

// What another program may have written.
Verdict run_of_any(const Bytes& input) {
  const Verdict known = run(input);
  const Verdict any = attempt([&] {
    const std::string printed = to_toml(recipe_from_toml(test::text_of(input), "input", any_names()));
    try {
      require(to_toml(recipe_from_toml(printed, "what was printed", any_names())) == printed,
              "a recipe of another program reads back as it is printed");
    } catch (const Error& error) {
      throw Violation(std::string("a recipe of another program that is printed reads back, but ") + error.what());
    }
  });
  require(known == Verdict::refused || any == Verdict::read, "what this program reads it also reads of others");
  return known;
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> out;
  for (const std::string& name : recipe_names()) {
    // What differs from the defaults: short inputs are fuzzed faster.
    const std::string whole = to_toml(find_recipe(name)), usual = to_toml(Recipe{});
    std::string lines;
    for (std::size_t at = 0, end = 0; at < whole.size(); at = end + 1) {
      end = whole.find('\n', at);
      const std::string line = whole.substr(at, end + 1 - at);
      if (usual.find(line) == std::string::npos) lines += line;
    }
    out.push_back(test::bytes_of(lines));
  }
  for (const char* const schedule : {"constant", "cosine", "linear", "polynomial", "step", "exponential",
                                     "cosine_restarts", "one_cycle", "triangular", "trapezoid"})
    out.push_back(test::bytes_of(std::string("schedule = \"") + schedule + "\"\nwarmup_epochs = 0\nepochs = 3\n"));
  out.push_back(
      test::bytes_of("schedule = \"multi_step\"\nmilestones = [1, 2.5]\nwarmup_epochs = 1\n"
                     "lambda_schedule = \"same\"\nhidden = [3, 4]\n"));
  out.push_back(
      test::bytes_of("decay_on = \"groups\"\noptimizer = \"muon\"\n[[groups]]\nname = \"a\"\n"
                     "select = \"norms() || biases()\"\nlambda = 0\n[[groups]]\nname = \"rest\"\nadam = true\n"));
  return out;
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  static const std::vector<std::string> lines = [] {
    std::vector<std::string> all;
    for (const RecipeKey& key : recipe_keys()) all.push_back(std::string("\n") + key.key + " = ");
    return all;
  }();
  static constexpr std::array words{"0",
                                    "1",
                                    "-1",
                                    "0.5",
                                    "1e300",
                                    "1e-300",
                                    "nan",
                                    "inf",
                                    "-inf",
                                    "0x7f",
                                    "1_000",
                                    "9223372036854775807",
                                    "true",
                                    "false",
                                    "\"\"",
                                    "\"default\"",
                                    "'a'",
                                    "[]",
                                    "[1, 2]",
                                    "[[groups]]\n",
                                    "{}",
                                    "\\u0000",
                                    "=",
                                    "\n",
                                    "#",
                                    "\"\"\"",
                                    "1979-05-27",
                                    "name = \"b\"\n",
                                    "select = \"weights()\"\n",
                                    "a.b"};
  if (!dice.chance(25)) return mutate_text(input, dice, blindly, words);
  const Bytes line = test::bytes_of(lines[dice.below(lines.size())] + words[dice.below(16)] + "\n");
  input.insert(dice.chance(80) ? input.begin() : input.end(), line.begin(), line.end());
}

}  // namespace

const Target recipe{"recipe", run_of_any, seeds, mutate};

}  // namespace ebb::fuzz
