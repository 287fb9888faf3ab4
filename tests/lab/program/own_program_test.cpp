// A program of one's own has all of `ebb`; here examples/own_program.cpp.
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "lab/diagnose/diagnosis.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;

struct OwnProgram {
  Finished own(const std::string& arguments) const {
    return test::shell(std::string("PATH=/nowhere ").append(EBB_OWN_PROGRAM).append(" ").append(arguments));
  }
  Finished train(const std::string& run, const std::string& more = {}) const {
    return own(
        text("train ", EBB_SOURCE_DIR, "/examples/own_program.toml --out ", (root.path() / run).string(), ' ', more));
  }
  std::string path(const std::string& run) const { return (root.path() / run).string(); }
  std::string weights(const std::string& run) const {
    return nlohmann::json::parse(test::read(root.path() / run / "summary.json")).at("weights_sha256");
  }

  test::TemporaryDirectory root;
};

BOOST_FIXTURE_TEST_SUITE(own_program, OwnProgram)

BOOST_AUTO_TEST_CASE(complaints_and_pages_name_the_program) {
  const std::string name = fs::path(EBB_OWN_PROGRAM).filename().string();
  const Finished refused = own("train no_such_recipe");
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(refused.output.starts_with(name + ": ["), refused.output);
  BOOST_REQUIRE(train("run", "--epochs 1").status == 0);
  fs::remove(root.path() / "run" / "evaluation.json");
  BOOST_REQUIRE(own("report " + path("run")).status == 0);
  BOOST_TEST(has(test::read(root.path() / "run" / "report.html"), "go on with " + name + " resume"));
}

// Its norm is a composite of ops, which needs no line about ONNX.
BOOST_AUTO_TEST_CASE(a_network_of_ones_own_exports) {
  BOOST_REQUIRE(train("run", "--epochs 1 --set tiny_width=4").status == 0);
  const Finished done = own("export " + path("run") + " --onnx " + path("tiny.onnx"));
  BOOST_TEST(done.status == 0, done.output);
  const std::string graph = test::read(root.path() / "tiny.onnx");
  for (const char* const said : {"norm1.scale", "conv2.weight", "ReduceMean", "standing", "tiny_width"})
    BOOST_TEST(has(graph, said), said);
}

BOOST_AUTO_TEST_CASE(a_run_is_trained_evaluated_reported_and_audited) {
  const Finished done = train("run");
  BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
  BOOST_TEST(has(done.output, "decayed   half_life 500"), done.output);
  BOOST_TEST(has(done.output, "norm1.scale"), done.output);
  const nlohmann::json summary = nlohmann::json::parse(test::read(root.path() / "run" / "summary.json"));
  BOOST_TEST(summary.at("test_accuracy").get<double>() > 0.8);
  BOOST_TEST(summary.at("model") == "tiny");
  BOOST_TEST(summary.at("data") == "bars");
  const Finished judged = own("eval " + path("run"));
  BOOST_TEST(judged.status == 0, judged.output);
  BOOST_TEST(has(judged.output, "on 200 test images"), judged.output);
  BOOST_TEST(has(judged.output, "standing"), judged.output);
  BOOST_TEST(own("report " + path("run")).status == 0);
  const std::string page = test::read(root.path() / "run" / "report.html");
  for (const char* const said : {"tiny_width = 8", "half_life", "bars", "tiny", "conv1.weight"})
    BOOST_TEST(has(page, said), said);
  BOOST_TEST(!has(page, "rms&quot;"), "a norm that the recipe does not name");
  const Finished audited = own("audit " + path("run"));
  BOOST_TEST(audited.status == 0, audited.output);
  BOOST_TEST(has(audited.output, "norm1.scale"), audited.output);
  BOOST_TEST(has(audited.output, "feeds_norm"), audited.output);
}

// Positions, predictions and the page are those of a network, a norm and a decay that Ebb does not know.
BOOST_AUTO_TEST_CASE(a_network_of_ones_own_is_diagnosed) {
  BOOST_REQUIRE(train("plain").status == 0);
  const Finished done = train("seen", "--diagnose");
  BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
  BOOST_TEST(weights("seen") == weights("plain"));
  BOOST_TEST(!fs::exists(root.path() / "plain" / "diagnostics.csv"));
  const std::vector<DiagnosisRow> rows =
      diagnosis_from_csv(test::read(root.path() / "seen" / "diagnostics.csv"), "diagnostics.csv");
  BOOST_REQUIRE(!rows.empty());
  int in_front_of_norms = 0, norms = 0;
  for (const DiagnosisRow& row : rows) {
    BOOST_TEST(row.norm.median > 0, row.parameter);
    if (row.parameter == "norm1.scale") ++norms;
    if (row.position != "feeds_norm") continue;
    ++in_front_of_norms;
    BOOST_TEST((row.parameter == "conv1.weight" || row.parameter == "conv2.weight"), row.parameter);
    BOOST_TEST(row.predicted_norm > 0, row.parameter);
    BOOST_TEST(row.angle.median > 0, row.parameter);
  }
  BOOST_TEST(norms > 0);
  BOOST_TEST(in_front_of_norms == 2 * norms);
  BOOST_REQUIRE(own("report " + path("seen")).status == 0);
  const std::string page = test::read(root.path() / "seen" / "report.html");
  for (const char* const said : {"What decay did", "conv2.weight", "with every lambda doubled"})
    BOOST_TEST(has(page, said), said);
  BOOST_TEST(page.substr(page.find("<h2"), 60).find("What decay did") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_stopped_run_goes_on_to_the_same_bits) {
  BOOST_REQUIRE(train("whole").status == 0);
  BOOST_REQUIRE(train("half", "--epochs 2 --set schedule=constant --set save_steps=5").status == 0);
  BOOST_REQUIRE(train("all", "--set schedule=constant").status == 0);
  const Finished longer = own("resume " + path("half") + " --set epochs=4 --allow-change");
  BOOST_TEST(longer.status == 0, longer.output);
  BOOST_TEST(weights("half") == weights("all"));
  BOOST_TEST(weights("half") != weights("whole"));
}

BOOST_AUTO_TEST_CASE(help_and_messages_know_what_is_ones_own) {
  const std::string help = own("train --help").output;
  for (const char* const said : {"tiny", "rms", "bars", "half_life", "tiny_width", "channels; of tiny [8]"})
    BOOST_TEST(has(help, said), said);
  BOOST_TEST(!has(test::ebb("train --help").output, "tiny"));
  BOOST_TEST(has(train("x", "--set model=tinny").output, "did you mean \"tiny\"?"));
  BOOST_TEST(has(train("x", "--set decay=halflife").output, "run directory"), "any case, without underscores");
  BOOST_TEST(has(train("x", "--set tiny_widht=4").output, "did you mean \"tiny_width\"?"));
  BOOST_TEST(has(train("x", "--set tiny_width=0").output, "a number from 1 to 1024"));
  BOOST_TEST(has(train("y", "--set dropout=0.1").output, "[dropout] got dropout = \"0.1\" for tiny"));
  BOOST_TEST(has(train("x", "--model resnet8 --set tiny_width=20").output, "which ignores it"));
  BOOST_TEST(has(own("").output, "a command is missing; there are: train, "));
  BOOST_TEST(has(own("data").output, "there are: fetch, "));
  BOOST_TEST(has(own("eval " + path("nothing")).output, "nothing] got no such directory"));
  BOOST_TEST(has(train("y", "--print-recipe").output, "# of this program\ntiny_width = 8"));
}

BOOST_AUTO_TEST_CASE(own_norms_and_decays_go_with_ebbs_networks_and_optimizers) {
  const Finished done = train("run", "--model resnet8 --set norm=rms --set optimizer=lion --lr 0.001 --epochs 1");
  BOOST_REQUIRE_MESSAGE(done.status == 0, done.output);
  BOOST_TEST(has(done.output, "norm1.scale"), done.output);
  BOOST_TEST(has(train("tiny", "--set norm=rms --epochs 1").output, "norm2.scale"));
}

// Hints are commands that the user can give as they stand.
BOOST_AUTO_TEST_CASE(hints_call_the_program_by_its_own_name) {
  const std::string called = fs::path(EBB_OWN_PROGRAM).filename().string();
  const Finished unknown = train("x", "--set tinny_depth=3");
  BOOST_TEST(has(unknown.output, text('`', called, " train --help`")), unknown.output);
  BOOST_TEST(!has(unknown.output, "`ebb "), unknown.output);
  BOOST_TEST(has(own("train --nothing").output, text('`', called, " train`")));
  BOOST_TEST(has(test::ebb("train --nothing").output, "`ebb train`"));
}

// The same names may mean other things in another program.
BOOST_AUTO_TEST_CASE(a_run_says_which_program_began_it_and_that_another_goes_on) {
  BOOST_REQUIRE(train("run", "--epochs 1").status == 0);
  const nlohmann::json environment = nlohmann::json::parse(test::read(root.path() / "run" / "environment.json"));
  BOOST_TEST(environment.at("program") == fs::path(EBB_OWN_PROGRAM).filename().string());
  BOOST_TEST(environment.at("own_things") == "model tiny, norm rms, data set bars, decay half_life, key tiny_width");
  BOOST_TEST(!has(own("resume " + path("run")).output, "begun by"));
  const fs::path renamed = root.path() / "another";
  fs::create_symlink(EBB_OWN_PROGRAM, renamed);
  const Finished other = test::shell(text("PATH=/nowhere ", renamed.string(), " resume ", path("run")));
  BOOST_TEST(has(other.output, text("begun by `", fs::path(EBB_OWN_PROGRAM).filename().string(), "` with model tiny")),
             other.output);
  BOOST_TEST(has(other.output, "goes on with `another` with model tiny"), other.output);
}

BOOST_AUTO_TEST_CASE(any_program_reports_a_run_and_says_who_can_go_on_with_it) {
  BOOST_REQUIRE(train("run", "--epochs 1").status == 0);
  BOOST_REQUIRE(train("other", "--epochs 1 --set tiny_width=4").status == 0);
  const Finished reported = test::ebb("report " + path("run"));
  BOOST_TEST(reported.status == 0, reported.output);
  const std::string page = test::read(root.path() / "run" / "report.html");
  for (const char* const said : {"tiny_width = 8", "half_life", "bars"}) BOOST_TEST(has(page, said), said);
  const std::string comparison = path("comparison.html");
  BOOST_TEST(test::ebb("report --out " + comparison + ' ' + path("run") + ' ' + path("other")).status == 0);
  BOOST_TEST(has(test::read(comparison), "tiny_width"));
  for (const char* const command : {"resume ", "eval ", "audit "}) {
    const Finished refused = test::ebb(command + path("run"));
    BOOST_TEST(refused.status == 1, refused.output);
    BOOST_TEST(has(refused.output, "[run] got one that another program made, with "), refused.output);
    BOOST_TEST(has(refused.output, "the program that the run was made with"), refused.output);
    BOOST_TEST(refused.output.size() < 300, refused.output);
  }
  BOOST_TEST(has(test::ebb("train " + path("run") + "/recipe.toml").output, "\"bars\""));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
