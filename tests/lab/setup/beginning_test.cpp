// What a training begins with: weights of a file, and a part of the training data.
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "framework/io/safetensors.h"
#include "lab/setup/build.h"
#include "models/mlp.h"
#include "tests/lab/program.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::Finished;
using test::has;
using test::message_of;
using test::SmallData;

BOOST_FIXTURE_TEST_SUITE(beginnings, SmallData)

BOOST_AUTO_TEST_CASE(a_training_begins_with_the_weights_of_a_file) {
  BOOST_REQUIRE(test::ebb(train("first", "--epochs 1 --model mlp --set hidden=12")).status == 0);
  const std::string init = " --model mlp --set hidden=12 --set init=" + (root / "first" / "model.safetensors").string();
  BOOST_REQUIRE(test::ebb(train("same", "--epochs 0 --seed 5" + init)).status == 0);
  BOOST_TEST(summary("same").at("weights_sha256") == summary("first").at("weights_sha256"));
  // One layer begins at random, of another seed.
  BOOST_REQUIRE(test::ebb(train("head", "--epochs 0 --seed 5 --set init_except=net.2." + init)).status == 0);
  BOOST_REQUIRE(test::ebb(train("random", "--epochs 0 --seed 5 --model mlp --set hidden=12")).status == 0);
  const auto weights = [&](const char* run) { return load_safetensors(root / run / "model.safetensors").tensors; };
  const State first = weights("first"), head = weights("head"), random = weights("random");
  int kept = 0, fresh = 0;
  for (const auto& [path, tensor] : head) {
    const State& like = path.starts_with("net.2.") ? random : first;
    BOOST_TEST(std::ranges::equal(tensor.bytes(), like.at(path).bytes()), path);
    (path.starts_with("net.2.") ? fresh : kept) += 1;
  }
  BOOST_TEST(kept > 0);
  BOOST_TEST(fresh > 0);
  // Decay towards the start leads there: with decay alone, nothing changes.
  BOOST_REQUIRE(
      test::ebb(
          train("stays",
                "--epochs 1 --lr 0 --set toward_start=true --set decay=decoupled_constant --set lambda=0.1" + init))
          .status == 0);
  BOOST_TEST(summary("stays").at("weights_sha256") == summary("first").at("weights_sha256"));
}

BOOST_AUTO_TEST_CASE(a_run_goes_on_without_the_file_that_it_began_with) {
  BOOST_REQUIRE(test::ebb(train("first", "--epochs 0")).status == 0);
  const std::string init = " --set init=" + (root / "first" / "model.safetensors").string();
  BOOST_REQUIRE(test::ebb(train("run", "--epochs 1" + init)).status == 0);
  std::filesystem::remove_all(root / "first");
  const Finished again = test::ebb(resume("run"));
  BOOST_TEST(again.status == 0, again.output);
  const Finished judged = test::ebb("eval " + (root / "run").string() + " --data " + (root / "data").string());
  BOOST_TEST(judged.status == 0, judged.output);
  const Finished audited = test::ebb("audit " + (root / "run").string() + " --no-probe");
  BOOST_TEST(!has(audited.output, "no such file"), audited.output);
}

BOOST_AUTO_TEST_CASE(weights_that_do_not_fit_are_refused) {
  BOOST_REQUIRE(test::ebb(train("first", "--epochs 0")).status == 0);
  const std::string init = (root / "first" / "model.safetensors").string();
  for (const auto& [more, said] :
       {std::pair{"--model mlp --set init=" + init, std::string("weights of mlp")},
        {"--set init=/nowhere.safetensors", "/nowhere.safetensors"},
        {"--set init_except=fc3", "without init"},
        {"--set init_except=nothing. --set init=" + init, "the beginning of a name in lenet"}}) {
    const Finished done = test::ebb(train("x", "--epochs 0 " + more));
    BOOST_TEST(done.status == 1);
    BOOST_TEST(has(done.output, said), done.output);
  }
}

BOOST_AUTO_TEST_CASE(a_part_of_the_training_data_keeps_the_share_of_each_class) {
  Recipe recipe = find_recipe("mnist");
  recipe.data_dir = (root / "data").string();
  const RecipeData all = read_data(recipe);
  const auto counts = [](const ImageDataset& set) {
    std::map<int, double> out;
    for (const std::uint8_t label : set.labels().span<std::uint8_t>()) out[label] += 1;
    return out;
  };
  const auto of_all = counts(*all.train);
  for (const double validation : {0.0, 0.25}) {
    recipe.validation = validation;
    recipe.train_samples = 100;
    const RecipeData some = read_data(recipe);
    BOOST_TEST(some.train->size() == 100);
    BOOST_TEST((some.validation != nullptr) == (validation > 0));
    BOOST_TEST(some.test->size() == all.test->size());
    for (const auto& [label, count] : counts(*some.train)) BOOST_TEST(std::abs(count - of_all.at(label) / 4) <= 2);
    BOOST_TEST((some.train->statistics().mean != all.train->statistics().mean));
    BOOST_TEST((some.test->statistics().mean == some.train->statistics().mean));
    recipe.seed = 2;
    const RecipeData other = read_data(recipe);
    BOOST_TEST(!std::ranges::equal(other.train->pixels().bytes(), some.train->pixels().bytes()));
    recipe.seed = 1;
    BOOST_TEST(std::ranges::equal(read_data(recipe).train->pixels().bytes(), some.train->pixels().bytes()));
  }
  recipe.validation = 0;
  recipe.train_samples = 400;
  BOOST_TEST(read_data(recipe).train->size() == 400);
  recipe.train_samples = 401;
  BOOST_TEST(has(message_of([&] { read_data(recipe); }), "at most the 400 images there are"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
