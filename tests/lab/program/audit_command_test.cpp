// `ebb audit`, positions in recipes, and the audit that every run begins with.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "lab/audit/audit_record.h"
#include "lab/runs/run_files.h"
#include "tests/lab/program.h"
#include "tests/support/instrumented.h"

namespace ebb {
namespace {

using test::Finished;
using test::has;

struct Recipes : test::SmallData {
  // The audit looks at up to eight samples of a batch.
  static constexpr std::int64_t batch = test::instrumented ? 2 : 40, samples = 5 * batch;
  Recipes() : SmallData(samples) {}

  // A recipe file whose groups select so.
  std::string recipe(const std::string& select) const {
    std::ofstream(root / "own.toml")
        << "model = \"resnet-8\"\nschedule = \"constant\"\ndata = \"mnist\"\ndata_dir = \"" << (root / "data").string()
        << "\"\nbatch = " << batch << "\noptimizer = \"adamw\"\nlr = 0.01\n"
        << "lambda = 0.1\ndecay_on = \"groups\"\n\n[[groups]]\nname = \"turns\"\nselect = \"" << select
        << "\"\ndecay = \"corrected\"\n\n[[groups]]\nname = \"rest\"\ndecay = \"none\"\n";
    return (root / "own.toml").string();
  }
  AuditRecord audit_of(const std::string& run) const {
    return audit_record_from_json(read_run_file(root / run, run_files::audit), "audit.json");
  }
};

BOOST_FIXTURE_TEST_SUITE(audit_command, Recipes)

BOOST_AUTO_TEST_CASE(prints_writes_json_and_draws) {
  const std::string files = " --json " + (root / "a.json").string() + " --svg " + (root / "a.svg").string();
  const Finished done = test::ebb("audit " + recipe("feeds_norm()") + files);
  BOOST_TEST(done.status == 0, done.output);
  BOOST_TEST(has(done.output, "feeds_norm     channel"), done.output);
  BOOST_TEST(has(done.output, "corrected 0.1"));
  const AuditRecord got = audit_record_from_json(test::read(root / "a.json"), "a.json");
  BOOST_TEST(got.rows.size() == 29u);
  const std::string svg = test::read(root / "a.svg");
  BOOST_TEST(svg.starts_with("<svg"));
  for (const AuditRow& row : got.rows) BOOST_TEST(has(svg, row.path + ": "), row.path);
}

BOOST_AUTO_TEST_CASE(ends_with_1_when_there_is_a_problem_and_names_it) {
  const std::string files = " --json " + (root / "a.json").string();
  const Finished done = test::ebb("audit " + recipe("feeds_norm()") + " --set lr=3e-7 --set lambda=0.0003" + files);
  BOOST_TEST(done.status == 1, done.output);
  BOOST_TEST(has(done.output, "problem: conv1.weight shrinks by 9e-11 a step, which rounds to nothing in f32\n"),
             done.output);
  const AuditRecord got = audit_record_from_json(test::read(root / "a.json"), "a.json");
  BOOST_TEST(got.problems.size() == 9u);
  BOOST_TEST(got.rows[0].shrink == 3e-7 * 0.0003);
}

BOOST_AUTO_TEST_CASE(a_run_that_is_resumed_selects_the_same_parameters_by_position) {
  const std::string own = recipe("feeds_norm() && !path(\\\"conv1*\\\")");
  const auto run = [&](const std::string& out, const std::string& more) {
    const Finished done = test::ebb("train " + own + " --out " + (root / out).string() + more);
    BOOST_TEST(done.status == 0, done.output);
  };
  run("whole", " --epochs 2");
  run("parts", " --epochs 1");
  const Finished more = test::ebb(resume("parts", "--set epochs=2 --allow-change"));
  BOOST_TEST(more.status == 0, more.output);
  BOOST_TEST(summary("parts").at("weights_sha256") == summary("whole").at("weights_sha256"));
  const std::string checkpoint = test::read(root / "whole" / "checkpoints" / "step-00000010.safetensors");
  BOOST_TEST(has(checkpoint, "/0/members\":\"blocks.0.conv1.weight\\nblocks.0.conv2.weight"));
  int selected = 0;
  for (const AuditRow& row : audit_of("whole").rows) {
    const bool wanted = row.position == Position::feeds_norm && !row.path.starts_with("conv1");
    BOOST_TEST((row.group == "turns") == wanted, row.path);
    BOOST_TEST(row.decayed == wanted, row.path);
    selected += wanted ? 1 : 0;
  }
  BOOST_TEST(selected == 8);
}

BOOST_AUTO_TEST_CASE(numbers_are_those_of_the_peak_and_the_run_as_in_the_header_of_the_training) {
  if (test::instrumented) return;  // minutes, of code that the other cases run
  const std::string own =
      recipe("weights()") +
      " --set epochs=4 --set warmup_epochs=2 --set warmup_start=0 --set schedule=cosine --set lambda=1";
  const Finished audited = test::ebb("audit " + own + " --json " + (root / "a.json").string());
  BOOST_TEST(audited.status == 0, audited.output);
  BOOST_TEST(has(audited.output, "at the schedule's peak"), audited.output);
  const AuditRow row = audit_record_from_json(test::read(root / "a.json"), "a.json").rows[0];
  BOOST_TEST(row.lr == 0.01);
  BOOST_TEST(std::abs(row.shrink - 0.01) < 1e-15);
  BOOST_TEST(row.left < 0.99);
  BOOST_TEST(row.left > 0.8);
  char left[128];
  std::snprintf(left, sizeof left, "; %.4g %% of a weight without gradient is left after 20 steps", 100 * row.left);
  const Finished trained = test::ebb("train " + own + " --out " + (root / "run").string());
  BOOST_TEST(has(trained.output, left), trained.output);
  const AuditRow begun = audit_of("run").rows[0];
  BOOST_TEST(begun.left == row.left);
  BOOST_TEST(begun.predicted_norm == row.predicted_norm);
  std::snprintf(left, sizeof left, "<td>%.1f %%</td>", 100 * row.left);
  const std::string page = test::read(root / "run" / "report.html");
  for (const char* const said :
       {static_cast<const char*>(left), "Decay acts on 9 parameters with ", " in front of a norm, where it leaves",
        ", and on 1 parameter with ", "with every lambda doubled at "})
    BOOST_TEST(has(page, said), said);
}

BOOST_AUTO_TEST_CASE(an_empty_position_ends_with_its_name) {
  const Finished done = test::ebb("train " + recipe("cancelled()") + " --out " + (root / "x").string());
  BOOST_TEST(done.status == 1);
  BOOST_TEST(has(done.output, "cancelled(), a position where no parameter of the network stands"), done.output);
  BOOST_TEST(!std::filesystem::exists(root / "x"));
}

BOOST_AUTO_TEST_CASE(every_run_has_one_from_its_start_and_shows_it) {
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 0")).status == 0);
  const std::string whole = test::read(root / "run" / "audit.json");
  const AuditRecord got = audit_of("run");
  BOOST_TEST(got.rows.size() == 10u);
  BOOST_TEST(got.refused.empty());
  BOOST_REQUIRE(test::ebb("report " + (root / "run").string()).status == 0);
  const std::string page = test::read(root / "run" / "report.html");
  for (const char* const part : {"What decay meets", "conv1.weight", "svg xmlns", "decay holds the logits down"})
    BOOST_TEST(has(page, part), part);
  // It stays that of the start.
  BOOST_REQUIRE(test::ebb(resume("run", "--set epochs=1 --allow-change --set lambda=0.25")).status == 0);
  BOOST_TEST(whole == test::read(root / "run" / "audit.json"));
}

// Files that changed since would be standardised otherwise, and the checkpoint would not suit them.
BOOST_AUTO_TEST_CASE(a_run_is_audited_with_the_standardisation_that_it_was_trained_with) {
  if (test::instrumented) return;  // minutes, of code that the other cases run
  BOOST_REQUIRE(test::ebb(train("run", "--model resnet-8 --epochs 1 --set validation=0.2 --set lambda=0.01")).status ==
                0);
  const Finished before = test::ebb("audit " + (root / "run").string());
  BOOST_TEST(before.status == 0, before.output);
  test::write_idx(root / "data", "train", samples, Rng(3));
  const Finished after = test::ebb("audit " + (root / "run").string());
  BOOST_TEST(after.status == 0, after.output);
  BOOST_TEST(has(after.output, "conv1.weight"), after.output);
  BOOST_TEST(after.output != before.output, "other images have other gradients");
}

BOOST_AUTO_TEST_CASE(a_run_without_it_has_a_page_and_a_damaged_one_is_named) {
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 0")).status == 0);
  std::filesystem::remove(root / "run" / "audit.json");
  BOOST_TEST(test::ebb("report " + (root / "run").string()).status == 0);
  BOOST_TEST(!has(test::read(root / "run" / "report.html"), "What decay meets"));
  std::ofstream(root / "run" / "audit.json") << "{\"refused\": \"a <b> reason\"}";
  BOOST_TEST(test::ebb("report " + (root / "run").string()).status == 0);
  BOOST_TEST(has(test::read(root / "run" / "report.html"), "There is no audit of this network: a &lt;b&gt; reason"));
  std::ofstream(root / "run" / "audit.json") << "{\"parameters\": 3}";
  const Finished done = test::ebb("report " + (root / "run").string());
  BOOST_TEST(done.status != 0);
  BOOST_TEST(has(done.output, "audit.json"), done.output);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
