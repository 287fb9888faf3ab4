// A program of studies for the tests of the runner. Environment variables spoil it on purpose.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <limits>

#include "framework/compute/basic.h"
#include "framework/ops/matmul.h"
#include "framework/tensor/error.h"
#include "lab/program/study_main.h"

namespace {

using namespace ebb;

bool asked(const char* variable, const std::string& value) {
  const char* const set = std::getenv(variable);
  return set != nullptr && value == set;
}

Tensor normals(const Rng& rng, std::int64_t rows, std::int64_t columns) {
  Tensor out({rows, columns});
  for (std::int64_t i = 0; i < out.size(); ++i)
    out.mutable_data<float>()[i] = static_cast<float>(rng.normal(static_cast<std::uint64_t>(i)));
  return out;
}

// Some milliseconds of parallel work, a series, and numbers that are none.
void small(const Trial& trial, Record& record) {
  const std::string place = text(arm_text(trial.arm), ", pair ", trial.pair);
  std::cout << "a study may print\nwhat it likes\n" << std::flush;
  std::string line;
  std::getline(std::cin, line);
  record.put("input", static_cast<double>(line.size()));
  static const bool said = std::atexit([] {
                             if (asked("STUDY_LEAVES", "with a word")) std::cout << "a worker leaves\n" << std::flush;
                             if (asked("STUDY_LEAVES", "never")) ::raise(SIGSTOP);
                           }) == 0;
  if (!said) fail("study program", "no call at its end", "one");
  if (asked("STUDY_ABORTS", place)) std::abort();
  if (asked("STUDY_EXITS", place)) std::_Exit(7);
  if (asked("STUDY_THROWS", place)) fail("layer \n\x1b[31m", "a fault", "none");
  ::usleep(3000);
  const Tensor a = normals(trial.rng().at("a"), 60, 300), b = normals(trial.rng().at("b"), 300, 50);
  const double product = sum(matmul(a, b).value());
  record.put("product", product * trial.number("factor"));
  for (std::int64_t step = 0; step < 30; ++step)
    record.put("course", step, trial.rng().normal(static_cast<std::uint64_t>(step)) * trial.number("factor") / 3);
  record.put("higher", trial.number("factor") + 0.01 * trial.rng().normal(99));
  record.put("diverged",
             trial.pair % 2 == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN());
  record.put("one", asked("STUDY_DRIFTS", "yes") ? 1 + 1e-15 : 1);
}

Plot picture(const Results& results) {
  Plot plot{.title = "<Course> & more", .unit = "of \"nothing\"", .x = "step", .curves = {}};
  for (const Arm& arm : results.arms())
    plot.curves.push_back({.title = arm_text(arm), .points = results.series("course", arm, results.pairs().front())});
  return plot;
}

Study small_study() {
  const char* const version = std::getenv("STUDY_VERSION");
  const Arm low{{"factor", "1"}}, high{{"factor", "2"}};
  return {.name = "small",
          .title = "A small study",
          .statement = "Nothing | in particular, <b>really</b>.",
          .answer = "Twice is <more>.",
          .reference = "none",
          .limits = "It shows nothing.",
          .factors = {{"kind", {"x", "y"}}, {"factor", {"1", "2", "3"}}},
          .pairs = 8,
          .tier = Tier::T1,
          .least_tier = Tier::T0,
          .minutes = 0.01,
          .version = version == nullptr ? 1 : std::atoi(version),
          .run = small,
          .claims = {within({"1", "one is one", {"A1"}}, "one", 1, 0.01),
                     greater({"2", "twice is more"}, "higher", high, low),
                     greater({"3", "once is more, which is wrong"}, "higher", low, high),
                     estimate({"4", "a product"}, "product")},
          .figures = {{"course", "Courses go up and down.", picture}}};
}

Study wrong_study() {
  return {.name = "wrong",
          .title = "A study of a false claim",
          .statement = "One is zero.",
          .pairs = 1,
          .tier = Tier::T0,
          .run = [](const Trial&, Record& record) { record.put("one", 1); },
          .claims = {identity({"1", "one is zero"}, "one", 1e-3, 1)}};
}

// A sentence of others that is wrong, and known to be.
Study doubted_study() {
  return {.name = "doubted",
          .title = "A study of a sentence that is known to be wrong",
          .statement = "One is not zero.",
          .pairs = 1,
          .tier = Tier::T0,
          .run = [](const Trial&, Record& record) { record.put("one", asked("STUDY_ONE", "0") ? 0 : 1); },
          .claims = {identity({"1", "one is zero", {"A1"}, Verdict::Is::refuted}, "one", 1e-3, 1)},
          .pilot = "On other pairs one was <1>.",
          .explanation = "One is <1> by convention."};
}

Study needy_study() {
  return {.name = "needy",
          .title = "A study that needs data",
          .statement = "There are images.",
          .data = {"mnist"},
          .pairs = 1,
          .tier = Tier::T2,
          .run =
              [](const Trial& trial, Record& record) {
                record.put("images", static_cast<double>(trial.data->test("mnist").images().size()));
              },
          .claims = {estimate({"1", "how many there are"}, "images")}};
}

}  // namespace

int main(int argc, char** argv) {
  return study_main(argc, argv, {small_study(), wrong_study(), doubted_study(), needy_study()});
}
