// Texts that are large, deep or long: each is refused or read at once.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <vector>

#include "framework/nn/module.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"
#include "lab/recipe/recipe.h"
#include "lab/recipe/selector_text.h"
#include "models/lenet.h"
#include "optim/schedule.h"
#include "tests/support/errors.h"
#include "tests/support/mutate.h"

namespace ebb {
namespace {

using test::fails_with;
using test::message_of;

std::string repeated(const std::string& part, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += part;
  return out;
}

// Seconds of the processor: other programs do not count.
template <class Call>
double seconds(const Call& call) {
  const std::clock_t start = std::clock();
  call();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

const auto recipe_of = [](const std::string& text) { return [text] { recipe_from_toml(text, "my.toml"); }; };

BOOST_AUTO_TEST_SUITE(hostile_texts)

BOOST_AUTO_TEST_CASE(names_of_many_parts_are_refused_before_parsing) {
  for (const std::string part : {"a.", "\"a\".", "'a' . ", "\"\\\".\"."})
    for (const std::size_t count : {20u, 50'000u, 100'000u}) {
      const std::string key = repeated(part, count) + "a";
      BOOST_TEST(fails_with({"my.toml:2", "parts"}, recipe_of("\n" + key + " = 1")), part << count);
      BOOST_TEST(fails_with({"my.toml:1", "parts"}, recipe_of("[" + key + "]\nb = 1")), part << count);
      BOOST_TEST(fails_with({"my.toml:1", "parts"}, recipe_of("[[" + key + "]]\nb = 1")), part << count);
      BOOST_TEST(fails_with({"my.toml:1", "parts"}, recipe_of("x = {" + key + " = 1}")), part << count);
    }
}

BOOST_AUTO_TEST_CASE(deep_values_are_refused_before_parsing) {
  for (const std::string part :
       {"[", "{a=", "[{a=", "[\n", "{a.a.a.a.a.a=", "[\"]\",", "[ \"\"\"]\"\"\"\"\",", "['''\n]'''','',"})
    for (const std::size_t count : {20u, 1'000u, 60'000u})
      BOOST_TEST(fails_with({"my.toml:", "levels"}, recipe_of("x = " + repeated(part, count))), part << count);
}

BOOST_AUTO_TEST_CASE(many_parts_are_refused_and_large_files_are_read_at_once) {
  BOOST_TEST(fails_with({"my.toml", "1 MiB"}, recipe_of(repeated("# a comment\n", 100'000))));
  BOOST_TEST(fails_with({"my.toml:", "parts"}, recipe_of("milestones = [" + repeated("1, ", 200'000) + "1]")));
  BOOST_TEST(fails_with({"my.toml:", "parts"}, recipe_of(repeated("[[groups]]\n", 80'000))));
  BOOST_TEST(fails_with({"my.toml:", "parts"}, recipe_of(repeated("[a.b]\n", 100'000))));
  const std::string comment = repeated("# [[[[ a.b.c.d.e.f.g.h.i.j \"\"\" {{{{{{{{{{{{\n", 20'000);
  BOOST_TEST(recipe_from_toml(comment + "lr = 0.5", "my.toml").lr == 0.5);
  BOOST_TEST(recipe_from_toml("name = \"a.b.c.d.e.f.g.h.i.j.k [[[[[[[[[[[[[[\" # x\nlr = 0.5", "t").lr == 0.5);
  BOOST_TEST(seconds(recipe_of(comment)) < 1.0);
}

BOOST_AUTO_TEST_CASE(long_texts_and_lists_are_refused_and_messages_stay_short) {
  const std::string long_text(1'000'000, 'x');
  for (const char* const key : {"name", "out", "data_dir", "decay", "lr", "epochs", "hidden", "nesterov", "norm"}) {
    Recipe recipe;
    BOOST_TEST(message_of([&] { set(recipe, key, long_text); }).size() < 1500u, key);
    BOOST_TEST(message_of([&] { set(recipe, key, long_text); }) != "no error", key);
  }
  Recipe recipe;
  const auto unknown = [&] { set(recipe, long_text, "1"); };
  BOOST_TEST(message_of(unknown).size() < 1500u);
  BOOST_TEST(seconds([&] { message_of(unknown); }) < 0.5);
  BOOST_TEST(fails_with({"hidden", "at most 1000 numbers"}, [&] { set(recipe, "hidden", repeated("1,", 1001)); }));
  BOOST_TEST(
      fails_with({"milestones", "at most 1000 numbers"}, [&] { set(recipe, "milestones", repeated("1,", 100'000)); }));
  set(recipe, "milestones", repeated("1,", 1000));
  BOOST_TEST(recipe.milestones.size() == 1000u);
  for (const char* const model : {"resnet-600000002", "wrn-28-99999999999999999999", "preresnet-12000000"})
    BOOST_TEST(seconds([&] { message_of([&] { set(recipe, "model", model); }); }) < 0.1);
  BOOST_TEST(fails_with({"model", "resnet"}, [&] { set(recipe, "model", "resnet-600000002"); }));
  BOOST_TEST(message_of([] { find_recipe(std::string(100'000, 'm')); }).size() < 1500u);
  BOOST_TEST(message_of([] { selector_from_text(std::string(60'000, 'm') + "()"); }).size() < 1500u);
  BOOST_TEST(message_of([] { selector_from_text("role(" + std::string(60'000, 'm') + ")"); }).size() < 1500u);
  std::string groups;
  for (int i = 0; i < 1001; ++i) groups += "[[groups]]\nname = \"" + text(i) + "\"\n";
  BOOST_TEST(fails_with({"my.toml", "at most 1000"}, recipe_of(groups)));
}

BOOST_AUTO_TEST_CASE(messages_hold_no_control_characters_of_the_text) {
  const std::string evil = "\x1b]0;title\x07\r\x7f\xc2\x9b";
  Recipe recipe;
  for (const std::string& message :
       {message_of([&] { set(recipe, evil, "1"); }), message_of([&] { set(recipe, "lr", evil); }),
        message_of([&] { set(recipe, "decay", evil); }), message_of([&] { set(recipe, "name", evil); }),
        message_of([&] { set(recipe, "flip", evil); }), message_of([&] { set(recipe, "nesterov", evil); }),
        message_of([&] { set(recipe, "milestones", evil); }), message_of([&] { find_recipe(evil); }),
        message_of([&] { apply_settings(recipe, {evil}); }), message_of([&] { selector_from_text(evil); }),
        message_of([&] { selector_from_text("path(" + evil); }), message_of(recipe_of("\"\\u001b[31m\\u0007\" = 1")),
        message_of(recipe_of("groups = \"\\u001b\"")), message_of(recipe_of("\"\\u001b\" = 1979-05-27")),
        message_of(recipe_of("x = " + evil))}) {
    BOOST_TEST(message != "no error");
    for (const char c : message) BOOST_TEST_REQUIRE((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f), message);
    BOOST_TEST(message.find("\xc2\x9b") == std::string::npos);
  }
  BOOST_TEST(in_quotes("a\x1b\nb\xff\xc3\xa9") == "\"a\\x1b b\\xff\xc3\xa9\"");
  BOOST_TEST(in_quotes(std::string(500, 'x')).size() < 120u);
}

// Structure that a scanner of brackets could lose behind quotes of every kind.
BOOST_AUTO_TEST_CASE(no_text_hides_depth_from_the_bounds) {
  const std::vector<std::string> pieces{"\"", "'",    "\"\"\"", "'''", "\\", "\n",   "#",   "[",  "]",   "{",
                                        "}",  "a",    "=",      ".",   ",",  " ",    "1",   "a.", "{a=", "[[",
                                        "]]", "\\\"", "\"\"",   "''",  "a=", "\r\n", "0.5", "\t"};
  int refused = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    test::Dice dice(seed);
    std::string text = dice.chance(50) ? "x = " : "";
    for (std::size_t n = dice.below(30); n > 0; --n) text += pieces[dice.below(pieces.size())];
    const std::string part = pieces[dice.below(pieces.size())] + pieces[dice.below(pieces.size())];
    text += repeated(part, 30'000);
    refused += message_of(recipe_of(text)) == "no error" ? 0 : 1;
  }
  BOOST_TEST(refused > 300);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(hostile_selectors)

BOOST_AUTO_TEST_CASE(long_chains_are_read_and_matched_in_linear_time) {
  LeNet model(Rng(1));
  for (const char* const sign : {" || ", " && ", " && norms() || "}) {
    std::string chain = "!weights()";
    while (chain.size() < 60'000) chain += sign + std::string("!path(\"a\")");
    double took = 0;
    int taken = 0;
    took += seconds([&] {
      const Selector read = selector_from_text(chain);
      const Selector copy = read;
      for (const NamedParameter& p : model.named_parameters())
        taken += copy({p.path, p.parameter, p.module->type(), 0, 5}) ? 1 : 0;
      BOOST_TEST(selector_from_text(copy.text()).text() == copy.text());
    });
    BOOST_TEST(taken > 0);
    BOOST_TEST(took < 1.0, sign);
  }
}

BOOST_AUTO_TEST_CASE(longer_texts_are_refused) {
  BOOST_TEST(
      fails_with({"selector", "65536"}, [] { selector_from_text(repeated("norms() || ", 100'000) + "norms()"); }));
  BOOST_TEST(fails_with({"selector", "65536"}, [] { selector_from_text(std::string(1'000'000, ' ') + "norms()"); }));
  Recipe recipe;
  GroupRecipe group;
  BOOST_TEST(fails_with({"select", "65536"}, [&] { set(group, "select", std::string(70'000, 'x')); }));
}

BOOST_AUTO_TEST_CASE(chains_of_a_program_cost_what_they_are_long) {
  Selector any = path("none"), all = everything_else();
  const double took = seconds([&] {
    for (int i = 0; i < 1000; ++i) {
      any = any || path("none");
      all = all && everything_else();
    }
  });
  LeNet model(Rng(1));
  const NamedParameter p = model.named_parameters().front();
  BOOST_TEST(!any({p.path, p.parameter, p.module->type(), 0, 5}));
  BOOST_TEST(all({p.path, p.parameter, p.module->type(), 0, 5}));
  BOOST_TEST(took < 0.5);
}

BOOST_AUTO_TEST_CASE(patterns_full_of_stars_match_at_once) {
  const Selector stars = path(repeated("*a", 30'000) + "*");
  const NamedParameter p = LeNet(Rng(1)).named_parameters().front();
  BOOST_TEST(seconds([&] { stars({repeated("a", 20'000) + "b", p.parameter, "", 0, 1}); }) < 1.0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(hostile_schedules)

BOOST_AUTO_TEST_CASE(restarts_that_hardly_grow_are_found_at_once) {
  const Schedule slow = cosine_restarts(1, 1 + 1e-9);
  const Schedule even = cosine_restarts(7, 1);
  const Schedule hardly = cosine_restarts(7, 1.01);
  double sum = 0;
  const double took = seconds([&] {
    for (std::int64_t step = 1'000'000'000'000; step < 1'000'000'001'000; ++step)
      sum += slow(step) + std::abs(even(step) - hardly(step));
  });
  BOOST_TEST(sum == 1000);
  BOOST_TEST(took < 0.5);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
