#include <boost/test/unit_test.hpp>
#include <set>

#include "lab/recipe/recipe.h"
#include "tests/lab/program.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;
using test::Finished;
using test::has;
using test::SmallData;

BOOST_FIXTURE_TEST_SUITE(program, SmallData)

BOOST_AUTO_TEST_CASE(a_training_reports_and_leaves_its_results) {
  const Finished done = test::ebb(train("run", "--epochs 3 --lr 0.05 --seed 4 --threads 2"));
  BOOST_TEST_INFO(done.output);
  BOOST_REQUIRE(done.status == 0);
  for (const char* const which : {"training", "test"})
    BOOST_TEST(has(done.output, text("warning: the ", which, " data are not as mnist was published")), done.output);
  for (const char* const part :
       {" kernels, 2 threads", "mnist: 400 training and 100 test images of [28, 28, 1]", "61,706", "no decay",
        "decoupled_lr 0.002", "images/s", "most often taken for", "test accuracy"})
    BOOST_TEST(has(done.output, part), "no \"" << part << "\" in\n" << done.output);
  BOOST_TEST(!has(done.output, "\r"), "a progress line where there is no terminal");
  const nlohmann::json json = summary("run");
  BOOST_TEST(json.at("test_accuracy").get<double>() > 0.9);
  BOOST_TEST(json.at("test_loss").get<double>() > 0);
  BOOST_TEST(json.at("images_per_s").get<double>() > 0);
  BOOST_TEST(json.at("seconds").get<double>() > 0);
  BOOST_TEST(json.at("epochs").get<int>() == 3);
  BOOST_TEST(json.at("steps").get<int>() == 60);
  BOOST_TEST(json.at("seed").get<int>() == 4);
  BOOST_TEST(json.at("threads").get<int>() == 2);
  BOOST_TEST(!json.at("instruction_set").get<std::string>().empty());
  BOOST_TEST(json.at("weights_sha256").get<std::string>().size() == 64u);
  BOOST_TEST(json.at("curve").size() == 3u);
  BOOST_TEST(fs::file_size(root / "run" / "model.safetensors") > 61706u * 4);
  BOOST_TEST(fs::file_size(root / "run" / "recipe.toml") > 100u);
}

BOOST_AUTO_TEST_CASE(equal_seeds_give_equal_weights_on_any_number_of_threads) {
  std::set<std::string> hashes;
  for (const int threads : {1, 2, 3}) {
    const std::string out = text("threads-", threads);
    BOOST_REQUIRE(test::ebb(train(out, text("--epochs 1 --threads ", threads))).status == 0);
    hashes.insert(summary(out).at("weights_sha256").get<std::string>());
  }
  BOOST_TEST(hashes.size() == 1u);
  BOOST_REQUIRE(test::ebb(train("other", "--epochs 1 --seed 2")).status == 0);
  BOOST_TEST(hashes.count(summary("other").at("weights_sha256").get<std::string>()) == 0u);
}

BOOST_AUTO_TEST_CASE(the_recipe_that_a_run_leaves_gives_the_run_again) {
  BOOST_REQUIRE(test::ebb(train("first", "--epochs 1 --set decay=coupled_l2 --set lambda=0.01")).status == 0);
  const Finished again =
      test::ebb("train " + (root / "first" / "recipe.toml").string() + " --out " + (root / "second").string());
  BOOST_TEST_INFO(again.output);
  BOOST_REQUIRE(again.status == 0);
  BOOST_TEST(summary("first").at("weights_sha256") == summary("second").at("weights_sha256"));
}

BOOST_AUTO_TEST_CASE(the_header_says_the_same_of_decay_after_a_resume) {
  const auto decayed = [](const std::string& output) {
    const std::size_t begin = output.find("\ndecayed: ");
    return begin == std::string::npos ? output : output.substr(begin + 1, output.find('\n', begin + 1) - begin - 1);
  };
  const Finished first = test::ebb(train("run", "--epochs 3 --lr 0.05 --set warmup_epochs=1 --set warmup_start=0"));
  BOOST_REQUIRE(first.status == 0);
  BOOST_TEST(
      has(decayed(first.output),
          "w -= lr lambda w; at the peak lr 0.05, shrink 0.0001, timescale 1e+04 steps = 500 epochs; all but 0.2996"),
      decayed(first.output));
  BOOST_TEST(has(decayed(first.output), " % of a weight without gradient is left after 60 steps"));
  const Finished again = test::ebb(resume("run"));
  BOOST_TEST(has(again.output, "resumed after batch 60"), again.output);
  BOOST_TEST(decayed(again.output) == decayed(first.output));
}

BOOST_AUTO_TEST_CASE(resuming_a_finished_run_says_that_it_is_finished) {
  const std::string finished = "it is finished: nothing is left to train";
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 1 --model linear")).status == 0);
  const Finished again = test::ebb(resume("run"));
  BOOST_TEST(again.status == 0);
  BOOST_TEST(has(again.output, finished), again.output);
  const Finished more = test::ebb(resume("run", "--set epochs=2 --allow-change"));
  BOOST_TEST(more.status == 0);
  BOOST_TEST(!has(more.output, finished), more.output);
  BOOST_TEST(has(more.output, "after 2 epochs"), more.output);
}

BOOST_AUTO_TEST_CASE(decay_that_makes_weights_grow_is_said_at_the_start_and_where_it_ends) {
  const Finished done = test::ebb(train("run", "--epochs 3 --lr 1 --set lambda=100 --set schedule=constant"));
  BOOST_TEST(done.status == 1);
  const std::string sentence = "group \"decayed\": decoupled_lr 100 takes 100 times each weight off it at step ";
  const std::size_t start = done.output.find("warning: " + sentence), head = done.output.find("epoch        lr");
  BOOST_TEST(start < head, done.output);
  BOOST_TEST(head != std::string::npos);
  BOOST_TEST(has(done.output, std::string("; a likely cause is decay: group \"decayed\": decoupled_lr 100 takes ")),
             done.output);
  BOOST_TEST(has(test::read(root / "run" / "log.jsonl"), "takes 100 times each weight"));
  const Finished fast = test::ebb(train("fast", "--epochs 3 --lr 1e9 --set decay=none"));
  BOOST_TEST(fast.status == 1);
  BOOST_TEST(has(fast.output, "lower the learning rate, lengthen the warm-up, or clip"), fast.output);
}

BOOST_AUTO_TEST_CASE(options_of_the_model_stay_with_the_run) {
  const std::string out = (root / "run").string();
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 1 --model mlp --set hidden=12,7")).status == 0);
  BOOST_TEST(summary("run").at("parameters") == 784 * 12 + 12 + 12 * 7 + 7 + 7 * 10 + 10);
  BOOST_TEST(has(test::read(root / "run" / "recipe.toml"), "hidden = [12, 7]"));
  const Finished judged = test::ebb("eval " + out);
  BOOST_TEST(judged.status == 0, judged.output);
  BOOST_TEST(has(judged.output, "on 100 test images"));
  BOOST_TEST(has(test::ebb(resume("run", "--set hidden=default")).output, "\"default\" in a run with \"12, 7\""));
  const Finished longer = test::ebb(resume("run", "--set epochs=2 --allow-change"));
  BOOST_TEST(longer.status == 0, longer.output);
  BOOST_TEST(has(longer.output, "resumed after batch 20"));
  BOOST_REQUIRE(test::ebb("report " + out).status == 0);
  BOOST_TEST(has(test::read(root / "run" / "report.html"), "hidden = [12, 7]"));
}

BOOST_AUTO_TEST_CASE(bad_input_is_named_and_ends_with_status_one) {
  const auto fails_with = [&](const std::string& arguments, const std::string& part) {
    const Finished done = test::ebb(arguments);
    BOOST_TEST(done.status == 1, arguments << " ended with " << done.status);
    BOOST_TEST(has(done.output, part), "no \"" << part << "\" in\n" << done.output);
  };
  fails_with("train mnits", "did you mean \"mnist\"?");
  fails_with("train mnist --data /nowhere", "/nowhere");
  fails_with(train("x", "--set epoch=3"), "did you mean \"epochs\"?");
  fails_with(train("x", "--set epochs"), "key=value");
  fails_with(train("x", "--model lenett"), "did you mean \"lenet\"?");
  fails_with(train("x", "--lr fast"), "[lr] got \"fast\"");
  fails_with(train("x", "--threads 5000"), "[threads]");
  fails_with(train("x", "--epochs 1 --lr 1e30"), "a loss of");
  std::ofstream(root / "file") << "not a directory";
  fails_with(train("file/run", "--epochs 0"), "run directory");
  fails_with("resume " + (root / "data").string(), "a directory without a run");
  fails_with("resume /nowhere", "a directory without a run");
  fails_with(train("y", "--set use_best=true"), "true without validation data");
  fails_with(train("y", "--set norm=layer"), "got norm for lenet; wanted no option");
  BOOST_TEST(test::ebb("").status != 0);
  BOOST_TEST(has(test::ebb("train --help").output, "Keys of --set"));
}

BOOST_AUTO_TEST_CASE(a_recipe_can_be_printed_without_training) {
  const Finished idle = test::ebb("train fashion-mnist --print-recipe --set optimizer=adam --set momentum=0.5");
  BOOST_TEST(idle.status == 1);
  BOOST_TEST(has(idle.output, "momentum = 0.5, nesterov = true beside optimizer = \"adam\""), idle.output);
  const Finished done = test::ebb("train fashion-mnist --print-recipe --set momentum=0.5");
  BOOST_TEST(done.status == 0);
  BOOST_TEST(has(done.output, "momentum = 0.5"));
  BOOST_TEST(has(done.output, "epochs = 10"));
}

BOOST_AUTO_TEST_CASE(commands_and_options_find_what_they_mean) {
  for (const auto& [arguments, said] :
       {std::pair{"trian mnist", "no command is called \"trian\"; did you mean \"train\"?"},
        {"Train mnist", "did you mean \"train\"?"},
        {"data fecth mnist", "did you mean \"fetch\"?"},
        {"train mnist --wd 5e-4", "`ebb train` has no option \"--wd\"; did you mean --set lambda=...?"},
        {"train mnist --learning-rate=0.1", "did you mean --lr?"},
        {"train mnist --epoch 3", "did you mean --epochs?"},
        {"train mnist --dataset x", "did you mean --set data=...?"},
        {"predict run x.png --data d", "`ebb predict` has no option \"--data\"; did you mean --set data=...?"},
        {"resume x --thread 3", "did you mean --threads?"},
        {"eval x --zzz 3", "see `ebb eval --help`"}}) {
    const Finished done = test::ebb(arguments);
    BOOST_TEST(done.status != 0);
    BOOST_TEST(has(done.output, said), arguments << ": " << done.output);
  }
}

BOOST_AUTO_TEST_CASE(data_of_another_directory_are_taken_by_every_command_that_reads_them) {
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 1")).status == 0);
  fs::rename(root / "data", root / "moved");
  const std::string run = (root / "run").string(), data = " --data " + (root / "moved").string();
  for (const std::string command : {"eval ", "audit ", "resume "}) {
    BOOST_TEST(has(test::ebb(command + run).output, "ebb: ["), command << "found no data and did not say so");
    const Finished done = test::ebb(command + run + data + (command == "audit " ? " --no-probe" : ""));
    BOOST_TEST(!has(done.output, "ebb: ["), done.output);
  }
  BOOST_TEST(has(test::ebb("data verify mnist" + data).output, "train images"));
  BOOST_TEST(has(test::ebb("data fetch --help").output, "--to,--data"));
}

BOOST_AUTO_TEST_CASE(help_shows_every_key_with_its_default) {
  const std::string help = test::ebb("train --help").output;
  for (const RecipeKey& key : recipe_keys()) {
    const std::size_t at = help.find(std::string("\n  ") + key.key + ' ');
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, key.key);
    const std::string line = help.substr(at + 1, help.find('\n', at + 1) - at - 1);
    BOOST_TEST(line.ends_with(" [" + (key.initial.empty() ? "none" : key.initial) + "]"), line);
  }
  for (const char* const part : {"lr                learning rate at the peak of the schedule [0.02]",
                                 "share of the run that it rises; of one_cycle, triangular, trapezoid [0.3]",
                                 "until_epoch", "a group, in [[groups]] of a recipe file"})
    BOOST_TEST(has(help, part), part);
  const std::size_t model = help.find("mobilenetv2");
  BOOST_TEST(help.find("speednet", help.find("speednet") + 1) == std::string::npos, "models stand twice");
  BOOST_TEST(model != std::string::npos);
}

BOOST_AUTO_TEST_CASE(fewer_batches_than_an_update_gathers_still_train) {
  BOOST_REQUIRE(test::ebb(train("all", "--set batch=150 --set accumulate=100 --epochs 2 --lr 0.05")).status == 0);
  BOOST_REQUIRE(test::ebb(train("none", "--epochs 0")).status == 0);
  BOOST_TEST(summary("all").at("steps").get<int>() == 1);
  BOOST_TEST(summary("all").at("weights_sha256") != summary("none").at("weights_sha256"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
