// `ebb train --diagnose`: files, the same weights, and the same bytes after a resume and for any number of threads.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <sstream>

#include "lab/audit/audit_record.h"
#include "lab/diagnose/diagnosis.h"
#include "lab/setup/diagnosis.h"
#include "tests/lab/program.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::ebb;
using test::has;
using test::read;

// Counts the passes of whole batches through a network.
struct Passes : detail::CallObserver {
  explicit Passes(const Layer& network) : model(&network) { detail::call_observer = this; }
  ~Passes() override { detail::call_observer = nullptr; }
  void enter(Layer& layer, const Var& x) override { count += &layer == model && x.value().dim(0) > 1 ? 1 : 0; }
  void leave(Layer& /*layer*/, const Var& /*x*/, const Var& /*y*/) override {}
  const Layer* model;
  int count = 0;
};

BOOST_AUTO_TEST_SUITE(diagnose_command)

BOOST_AUTO_TEST_CASE(a_run_that_is_diagnosed_records_one_pass_for_its_audit_too) {
  const test::SmallData data(80);
  Recipe recipe = find_recipe("mnist");
  apply_settings(recipe, {"data_dir=" + (data.root / "data").string(), "batch=20", "diagnose=true"});
  Session session(recipe);
  BOOST_TEST_REQUIRE(diagnose(session) != nullptr);
  const Passes passes(*session.model);
  const AuditFile file = audit_file([&] { return session.beginning(); });
  BOOST_TEST(has(file.json, "gradient_at_unit_norm"));
  BOOST_TEST(passes.count == 0);
  session.audited(20, false);
  BOOST_TEST(passes.count == 1);
}

BOOST_AUTO_TEST_CASE(leaves_the_weights_and_writes_what_it_saw) {
  const test::SmallData data(160);
  const std::string more = "--model resnet-8 --epochs 2 --set lambda=0.01 --threads 2 ";
  BOOST_TEST_REQUIRE(ebb(data.train("plain", more)).status == 0);
  BOOST_TEST_REQUIRE(ebb(data.train("seen", more + "--diagnose")).status == 0);
  const auto plain = data.summary("plain"), seen = data.summary("seen");
  BOOST_TEST(plain["weights_sha256"] == seen["weights_sha256"]);
  BOOST_TEST(plain["state_sha256"] == seen["state_sha256"]);
  BOOST_TEST(!fs::exists(data.root / "plain" / "diagnostics.csv"));
  const auto rows = diagnosis_from_csv(read(data.root / "seen" / "diagnostics.csv"), "diagnostics.csv");
  const auto last_of = [&](const std::string& path) {
    const auto at = std::find_if(rows.rbegin(), rows.rend(), [&](const auto& r) { return r.parameter == path; });
    return at == rows.rend() ? DiagnosisRow{} : *at;
  };
  const DiagnosisRow conv = last_of("conv1.weight"), scale = last_of("bn1.scale"), head = last_of("fc.weight");
  BOOST_TEST(conv.step == 16);
  BOOST_TEST(conv.epoch == 2);
  BOOST_TEST(conv.position == "feeds_norm");
  BOOST_TEST(conv.predicted_norm > 0);
  BOOST_TEST(conv.effective_lr.median > 0);
  BOOST_TEST(scale.channels == scale.values);
  BOOST_TEST(scale.dead == 0);
  BOOST_TEST(head.position == "head");
  BOOST_TEST(head.class_mean >= 0);
  BOOST_TEST(head.left < 1);
  // The first section of the page answers where decay acts, whether filters are at rest, and what more would do.
  const std::string page = read(data.root / "seen" / "report.html");
  const std::size_t first = page.find("<h2");
  BOOST_TEST(page.substr(first, 60).find("What decay did") != std::string::npos);
  for (const char* const part : {" the predicted norm", "off the head", "Decay acts on 9 parameters",
                                 "filters at rest would with every lambda doubled"})
    BOOST_TEST(has(page, part), part);
  BOOST_TEST(!has(read(data.root / "plain" / "report.html"), "What decay did"));
  BOOST_TEST(has(read(data.root / "plain" / "report.html"), "with every lambda doubled"));
  BOOST_TEST(has(page, "<i>What decay did</i> has those of the training"));
  std::istringstream log(read(data.root / "seen" / "log.jsonl"));
  std::string line;
  std::size_t windows = 0;
  while (std::getline(log, line)) {
    const auto json = nlohmann::json::parse(line);
    if (json["event"] != "diagnosis") continue;
    ++windows;
    BOOST_TEST(json["parameters"].size() > 20u);
    BOOST_TEST(json["parameters"][0].contains("norm_predicted"));
  }
  BOOST_TEST(windows == std::size_t(std::count_if(rows.begin(), rows.end(),
                                                  [](const auto& r) { return r.parameter == "conv1.weight"; })));
}

BOOST_AUTO_TEST_CASE(has_the_same_bytes_for_threads_and_after_a_resume) {
  const test::SmallData data;
  const std::string more = "--epochs 2 --diagnose --set diagnose_every=3 --set save_steps=5 ";
  BOOST_TEST_REQUIRE(ebb(data.train("one", more + "--threads 1")).status == 0);
  BOOST_TEST_REQUIRE(ebb(data.train("two", more + "--threads 2")).status == 0);
  const std::string want = read(data.root / "one" / "diagnostics.csv");
  BOOST_TEST(want.size() > 10000u);
  BOOST_TEST((read(data.root / "two" / "diagnostics.csv") == want));
  // As a kill leaves it: an older checkpoint, and whatever stands in the file.
  std::vector<fs::path> checkpoints;
  for (const auto& entry : fs::directory_iterator(data.root / "two" / "checkpoints")) checkpoints.push_back(entry);
  std::ranges::sort(checkpoints);
  BOOST_TEST_REQUIRE(checkpoints.size() >= 3u);
  for (std::size_t i = 1; i < checkpoints.size(); ++i) fs::remove(checkpoints[i]);
  std::ofstream(data.root / "two" / "diagnostics.csv") << "half a li";
  BOOST_TEST_REQUIRE(ebb(data.resume("two")).status == 0);
  BOOST_TEST((read(data.root / "two" / "diagnostics.csv") == want));
  BOOST_TEST(data.summary("one")["weights_sha256"] == data.summary("two")["weights_sha256"]);
}

BOOST_AUTO_TEST_CASE(is_a_key_of_recipes_that_a_resume_keeps) {
  const test::SmallData data(100);
  BOOST_TEST(has(ebb("train mnist --diagnose --print-recipe").output, "diagnose = true"));
  BOOST_TEST_REQUIRE(ebb(data.train("run", "--epochs 1")).status == 0);
  const test::Finished changed = ebb(data.resume("run", "--set diagnose=true"));
  BOOST_TEST(changed.status == 1);
  BOOST_TEST(has(changed.output, "--allow-change"));
  BOOST_TEST(ebb(data.resume("run", "--set diagnose=true --set epochs=2 --allow-change")).status == 0);
  BOOST_TEST(fs::exists(data.root / "run" / "diagnostics.csv"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
