// Declarations of studies, their arms, their data, and choices of hyper-parameters.
#include "lab/study/study.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "data/loader.h"
#include "framework/io/checksum.h"
#include "framework/nn/linear.h"
#include "framework/ops/shape.h"
#include "lab/study/runner.h"
#include "tests/lab/program.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

using test::fails_with;
using test::TemporaryDirectory;

// Test data cannot be chosen by: there is no way from a TestSet, or a number, to a score or a choice.
template <class Set>
concept can_be_scored = requires(Layer& model, const Set& set) {
  score(model, set);
};
static_assert(can_be_scored<ValidationSet>);
static_assert(!can_be_scored<TestSet> && !can_be_scored<ImageDataset>);
static_assert(!std::is_constructible_v<ValidationScore, double> && !std::is_constructible_v<ValidationScore, TestSet>);
static_assert(!std::is_default_constructible_v<Chosen> && !std::is_constructible_v<Chosen, std::string, double>);
static_assert(!std::is_constructible_v<ValidationSet, TestSet> &&
              !std::is_constructible_v<ValidationSet, std::shared_ptr<const ImageDataset>>);
static_assert(!std::is_invocable_v<decltype(&Record::put_validation), Record&, std::string, double>);

// Nor by test data that a study makes up.
double sum_on(const double& model, const double& samples) { return model + samples; }
template <Part part>
concept drawn_can_be_scored = requires(const double& model, const HeldOut<double, part>& samples) {
  score(model, samples, sum_on);
};
static_assert(drawn_can_be_scored<Part::validation> && !drawn_can_be_scored<Part::test>);
static_assert(!std::is_constructible_v<HeldOut<double, Part::validation>, HeldOut<double, Part::test>> &&
              !std::is_constructible_v<HeldOut<double, Part::validation>, std::shared_ptr<const double>> &&
              !std::is_constructible_v<HeldOut<double, Part::validation>, double>);

// A model that always says the same class.
struct Stubborn : Layer {
  explicit Stubborn(std::int64_t answer) : answer_(answer) {}
  Var forward(const Var& x) override {
    Tensor logits = Tensor::zeros({x.dim(0), 10});
    for (std::int64_t i = 0; i < x.dim(0); ++i) logits.mutable_data<float>()[i * 10 + answer_] = 1;
    return Var(logits);
  }
  std::int64_t answer_;
};

Study sound() {
  return {.name = "sound",
          .factors = {{"a", {"1", "2"}}, {"b", {"x", "y", "z"}}},
          .pairs = 2,
          .run = [](const Trial& trial, Record& record) { record.put("a", trial.number("a")); },
          .claims = {estimate({"1", "a"}, "a")}};
}

BOOST_AUTO_TEST_SUITE(study_declaration)

BOOST_AUTO_TEST_CASE(arms_are_a_product_a_list_or_a_fraction) {
  const Study study = sound();
  const std::vector<Arm> arms = arms_of(study);
  BOOST_REQUIRE(arms.size() == 6u);
  BOOST_TEST(arm_text(arms[0]) == "a=1; b=x");
  BOOST_TEST(arm_text(arms[1]) == "a=1; b=y");
  BOOST_TEST(arm_text(arms[5]) == "a=2; b=z");
  Study listed = sound();
  listed.arms = {{{"a", "2"}, {"b", "x"}}};
  require_sound(listed);
  BOOST_TEST(arms_of(listed).size() == 1u);

  // 2^(5-1) with I = ABCDE: in each half of a factor every other factor is as often on as off, for pairs of them too.
  std::vector<Factor> five;
  std::vector<std::string> word;
  for (const char* const name : {"A", "B", "C", "D", "E"})
    five.push_back({name, {"off", "on"}}), word.emplace_back(name);
  const std::vector<Arm> half = half_of(product(five), five, word);
  BOOST_TEST(half.size() == 16u);
  for (const std::string& one : word)
    for (const std::string& other : word) {
      if (one == other) continue;
      for (const std::string& third : word) {
        if (third == one || third == other) continue;
        const auto on = [&](const Arm& arm) {
          return arm.at(one) == "on" && arm.at(other) == "on" && arm.at(third) == "on";
        };
        BOOST_TEST(std::ranges::count_if(half, on) == 2);
      }
    }
  BOOST_TEST(half_of(half, five, {"A", "B", "C"}).size() == 8u);
  BOOST_TEST(fails_with({"F"}, [&] { half_of(half, five, {"F"}); }));
  const Study three = sound();
  BOOST_TEST(fails_with({"b with 3 levels"}, [&] { half_of(arms_of(three), three.factors, {"b"}); }));
}

BOOST_AUTO_TEST_CASE(declarations_that_are_not_sound_are_refused_by_name) {
  require_sound(sound());
  const auto refused = [](std::initializer_list<std::string_view> parts, const auto& change) {
    Study study = sound();
    change(study);
    return fails_with(parts, [&] { require_sound(study); });
  };
  for (const char* const name : {"", "../x", "a/b", "A", "a b", "a\n", "."})
    BOOST_TEST(refused({"name"}, [&](Study& s) { s.name = name; }), name);
  BOOST_TEST(refused({"name"}, [](Study& s) { s.name = std::string(61, 'a'); }));
  BOOST_TEST(refused({"no run"}, [](Study& s) { s.run = {}; }));
  for (const std::int64_t pairs : {0, -1, 10001})
    BOOST_TEST(refused({text(pairs, " pairs")}, [&](Study& s) { s.pairs = pairs; }));
  for (const char* const level : {"", "a,b", "a;b", "a=b", "a\"b", "a\nb", " a", "a "}) {
    BOOST_TEST(refused({"levels of a"}, [&](Study& s) { s.factors[0].levels[0] = level; }), level);
    BOOST_TEST(refused({"the factor"}, [&](Study& s) { s.factors[0].name = level; }), level);
  }
  BOOST_TEST(refused({"levels of a"}, [](Study& s) { s.factors[0].levels = {"1", "1"}; }));
  BOOST_TEST(refused({"the factor \"a\""}, [](Study& s) { s.factors[1].name = "a"; }));
  BOOST_TEST(refused({"the arm"}, [](Study& s) { s.arms = {{{"a", "1"}}}; }));
  BOOST_TEST(refused({"the arm"}, [](Study& s) { s.arms = {{{"a", "1"}, {"b", "q"}}}; }));
  BOOST_TEST(refused({"the claim"}, [](Study& s) { s.claims.push_back(s.claims[0]); }));
  BOOST_TEST(refused({"the figure"}, [](Study& s) {
    s.figures = {{"../x", "", [](const Results&) { return Plot(); }}};
  }));
  BOOST_TEST(refused({"T2", "T1"}, [](Study& s) { s.tier = Tier::T1, s.least_tier = Tier::T2; }));
  BOOST_TEST(refused({"did you mean"}, [](Study& s) { s.data = {"mnost"}; }));
}

BOOST_AUTO_TEST_CASE(trials_name_what_they_do_not_have) {
  const Trial trial{.arm = {{"lambda", "1e-3"}, {"kind", "K3"}}};
  BOOST_TEST(trial.number("lambda") == 1e-3);
  BOOST_TEST(trial.word("kind") == "K3");
  BOOST_TEST(fails_with({"kind", "K3"}, [&] { trial.number("kind"); }));
  BOOST_TEST(fails_with({"lambd", "did you mean"}, [&] { trial.number("lambd"); }));
  Record record;
  record.put("a", 1);
  BOOST_TEST(fails_with({"second time"}, [&] { record.put("a", 1); }));
  for (const char* const name : {"", "a,b", "a\nb", "a\"b", "validation/a"})
    BOOST_TEST(fails_with({"record"}, [&] { record.put(name, 1); }), name);
  BOOST_TEST(fails_with({"step -1"}, [&] { record.put("b", -1, 1); }));
}

BOOST_AUTO_TEST_CASE(arms_of_a_pair_share_initialisation_and_batches) {
  std::map<std::uint64_t, std::set<std::string>> seen;
  const TemporaryDirectory folder;
  const test::SmallData data(200);
  Study study = sound();
  study.data = {"mnist"};
  study.run = [&](const Trial& trial, Record& record) {
    const Linear layer({.in = 4, .out = 2}, trial.rng().at("model"));
    const Loader loader(trial.data->train("mnist"),
                        {.batch = 8, .seed = trial.pair, .augment = {.label_noise = 0.2}, .prefetch = 0});
    for (const Batch& batch : loader.epoch(0)) {
      seen[trial.pair].insert(sha256({{"weight", layer.weight.value()}, {"x", batch.images}, {"y", batch.labels}}));
      break;
    }
    record.put("a", 1);
  };
  const StudyOutcome outcome = run_study(study, {.out = folder.path(), .data = data.root / "data"});
  BOOST_TEST(outcome.made == 12);
  BOOST_TEST(seen.size() == 2u);
  for (const auto& [pair, sums] : seen) BOOST_TEST(sums.size() == 1u);
  BOOST_TEST((seen[1] != seen[2]));
}

BOOST_AUTO_TEST_CASE(choices_are_made_by_validation_and_say_how_many_tries_there_were) {
  const test::SmallData files(400);
  const StudyData data(files.root / "data", {"mnist"});
  // Small sets: a fifth of the training set to choose by, the rest to train with, the test set whole.
  BOOST_TEST(data.train("mnist")->size() == 320);
  BOOST_TEST(data.validation("mnist").images().size() == 80);
  BOOST_TEST(data.test("mnist").images().size() == 100);
  BOOST_TEST((data.test("mnist").images().statistics() == data.train("mnist")->statistics()));
  BOOST_TEST(fails_with({"cifar10"}, [&] { data.train("cifar10"); }));
  const ImageDataset few = data.few("mnist", 0.2, 1);
  BOOST_TEST(few.size() == 64);
  BOOST_TEST((few.statistics() == data.train("mnist")->statistics()));
  BOOST_TEST((sha256({{"", few.pixels()}}) == sha256({{"", data.few("mnist", 0.2, 1).pixels()}})));
  BOOST_TEST((sha256({{"", few.pixels()}}) != sha256({{"", data.few("mnist", 0.2, 2).pixels()}})));

  const ValidationSet validation = data.validation("mnist");
  std::map<std::string, double> shares;
  const Chosen chosen = choose({"0", "1", "2", "3"}, [&](const std::string& level) {
    Stubborn model(std::stoll(level));
    const ValidationScore one = score(model, validation);
    shares[level] = one.value();
    return one;
  });
  for (const auto& [level, share] : shares) BOOST_TEST(share <= shares[chosen.level()]);
  BOOST_TEST(chosen.tries() == 4);
  BOOST_TEST(chosen.score() == shares[chosen.level()]);
  BOOST_TEST(fails_with({"0 levels"}, [&] {
    choose({}, [&](const std::string&) {
      Stubborn m(0);
      return score(m, validation);
    });
  }));

  // Of results: what is best on validation is taken, whatever test data say of it.
  Results results({{"level", {"0", "1"}}});
  for (const char* const level : {"0", "1"})
    for (std::uint64_t pair = 1; pair <= 6; ++pair) {
      Record record;
      Stubborn model(level[0] - '0');
      record.put_validation("accuracy", score(model, validation));
      record.put("test", level == chosen.level() ? 0 : 1);
      results.add({{"level", level}}, pair, record);
    }
  const std::string best = shares["0"] >= shares["1"] ? "0" : "1";
  BOOST_TEST(choose(results, "level", "accuracy").level() == best);
  const std::string other = best == "0" ? "1" : "0";
  const Verdict verdict =
      judge({estimate({"1", ""}, "test", ArmChoice({}, "level", "accuracy"), Arm{{"level", other}})}, results)[0]
          .verdict;
  BOOST_TEST(verdict.sentence == text("level=", best, " of 2 by validation"));
}

BOOST_AUTO_TEST_CASE(parts_that_a_study_makes_up_are_three_drawings_and_choices_are_made_by_one) {
  const auto draw = [](double tests) {
    return drawn_parts(Rng(5), [tests](const Rng& rng, Part part) {
      return part == Part::test ? tests : part == Part::validation ? 10 + rng.uniform(0) : rng.uniform(0);
    });
  };
  const DrawnParts<double> parts = draw(20), others = draw(-20);
  BOOST_TEST((parts.train > 0 && parts.train < 1));
  BOOST_TEST((parts.validation.samples() > 10 && parts.validation.samples() < 11));
  BOOST_TEST(parts.validation.samples() - 10 != parts.train);
  BOOST_TEST(parts.test.samples() == 20);
  BOOST_TEST(parts.validation.samples() == others.validation.samples());
  BOOST_TEST(parts.train == others.train);
  const Chosen chosen = choose(
      {"1", "3", "2"}, [&](const std::string& level) { return score(std::stod(level), parts.validation, sum_on); });
  BOOST_TEST(chosen.level() == "3");
  BOOST_TEST(chosen.score() == 3 + parts.validation.samples());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
