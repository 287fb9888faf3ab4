#include "lab/recipe.h"

#include <charconv>
#include <cmath>
#include <functional>
#include <limits>

#include "framework/tensor/error.h"
#include "framework/tensor/suggest.h"

namespace ebb {
namespace {

// A key with its way from and to text.
struct Field {
  const char* key;
  const char* help;
  bool quoted;  // whether TOML writes the value as a string
  std::function<void(Recipe&, std::string_view)> set;
  std::function<std::string(const Recipe&)> get;
};

template <class Number>
Number parse(const char* key, std::string_view value, Number low, Number high) {
  Number number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || !(number >= low && number <= high))
    fail(key, text("\"", value, "\""), text("a number from ", low, " to ", high));
  return number;
}

Field words(const char* key, const char* help, std::string Recipe::*member, std::vector<std::string> choices = {}) {
  return {key, help, true,
          [=](Recipe& recipe, std::string_view value) {
            if (!choices.empty()) require_choice(key, value, choices);
            recipe.*member = value;
          },
          [=](const Recipe& recipe) { return recipe.*member; }};
}

template <class Number>
Field number(const char* key, const char* help, Number Recipe::*member, Number low,
             Number high = std::numeric_limits<Number>::max()) {
  return {key, help, false,
          [=](Recipe& recipe, std::string_view value) { recipe.*member = parse(key, value, low, high); },
          [=](const Recipe& recipe) { return text(recipe.*member); }};
}

Field flag(const char* key, const char* help, bool Recipe::*member) {
  return {key, help, false,
          [=](Recipe& recipe, std::string_view value) {
            require_choice(key, value, {"true", "false"});
            recipe.*member = value == "true";
          },
          [=](const Recipe& recipe) { return text(recipe.*member); }};
}

const std::vector<Field>& fields() {
  static const std::vector<Field> all = {
      words("name", "name of the recipe", &Recipe::name),
      words("data", "data set", &Recipe::data, {"mnist", "fashion-mnist"}),
      words("data_dir", "directory of its files", &Recipe::data_dir),
      words("model", "model by name", &Recipe::model),
      number<std::int64_t>("epochs", "passes over the training data", &Recipe::epochs, 0, 1'000'000),
      number<std::int64_t>("batch", "images in a step", &Recipe::batch, 1, 1'000'000),
      words("optimizer", "optimizer by name", &Recipe::optimizer, {"sgd"}),
      number("lr", "learning rate at the peak of the schedule", &Recipe::lr, 0.0),
      number("momentum", "momentum of SGD", &Recipe::momentum, 0.0, 1.0),
      flag("nesterov", "Nesterov's form of momentum", &Recipe::nesterov),
      words("schedule", "learning rate over the run", &Recipe::schedule, {"constant", "cosine"}),
      number("warmup_epochs", "linear warm-up from zero, in epochs", &Recipe::warmup_epochs, 0.0),
      words("decay", "kind of weight decay", &Recipe::decay,
            {"none", "coupled_l2", "decoupled_lr", "decoupled_schedule", "decoupled_constant", "corrected", "stable",
             "cautious", "coupled_l1", "proximal_l1"}),
      number("lambda", "strength of the decay", &Recipe::lambda, 0.0),
      words("decay_on", "what decays: weights (no norms, no biases) or everything", &Recipe::decay_on,
            {"weights", "everything"}),
      number("label_smoothing", "share of the target spread over all classes", &Recipe::label_smoothing, 0.0, 0.999),
      number<std::uint64_t>("seed", "seed of everything random", &Recipe::seed, 0),
      number<std::int64_t>("threads", "threads; 0 for as many as the process may use", &Recipe::threads, 0, 1024),
      words("out", "run directory", &Recipe::out),
  };
  return all;
}

const Field& field(std::string_view key) {
  std::vector<std::string> known;
  for (const Field& f : fields()) {
    if (f.key == key) return f;
    known.emplace_back(f.key);
  }
  fail("recipe", text("the key \"", key, "\""), "a known key", suggestion(key, known));
}

std::string quote(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::vector<RecipeKey> recipe_keys() {
  std::vector<RecipeKey> keys;
  for (const Field& f : fields()) keys.push_back({f.key, f.help});
  return keys;
}

void set(Recipe& recipe, std::string_view key, std::string_view value) { field(key).set(recipe, value); }

std::string get(const Recipe& recipe, std::string_view key) { return field(key).get(recipe); }

std::string to_toml(const Recipe& recipe) {
  std::string out;
  for (const Field& f : fields()) {
    const std::string value = f.get(recipe);
    out += text(f.key, " = ", f.quoted ? quote(value) : value, "\n");
  }
  return out;
}

}  // namespace ebb
