// Trainings that go on elsewhere: weights and optimizer to PyTorch and back.
#include "lab/export/torch_training.h"

#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/flatten.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "optim/adadelta.h"
#include "optim/adagrad.h"
#include "optim/adam.h"
#include "optim/lion.h"
#include "optim/nadam.h"
#include "optim/radam.h"
#include "optim/rmsprop.h"
#include "optim/sgd.h"
#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

namespace fs = std::filesystem;

// The network of make_torch_training_golden.py.
struct Small : Sequential {
  explicit Small(std::uint64_t seed = 1) : Sequential(Rng(seed)) {
    add<Conv2d>("conv", {.in = 3, .out = 4, .padding = {1, 1}, .bias = false});
    add<BatchNorm2d>("bn", {.channels = 4});
    add<ReLU>("relu");
    add<Flatten>("flatten", {.image = {5, 6, 4}});
    add<Linear>("fc", {.in = 120, .out = 5});
  }
};

using Make = std::function<std::unique_ptr<Optimizer>(Module&)>;

// The optimizers of make_torch_training_golden.py.
const std::map<std::string, Make> makers{
    {"sgd", [](Module& m) { return std::make_unique<Sgd>(m, SgdOptions{.lr = 0.05, .momentum = 0.9}); }},
    {"sgd nesterov",
     [](Module& m) {
       return std::make_unique<Sgd>(
           m, SgdOptions{.lr = 0.05, .momentum = 0.9, .nesterov = true, .decay = coupled_l2(0.01)});
     }},
    {"adam", [](Module& m) { return std::make_unique<Adam>(m, AdamOptions{.lr = 0.01}); }},
    {"adam amsgrad", [](Module& m) { return std::make_unique<Adam>(m, AdamOptions{.lr = 0.01, .amsgrad = true}); }},
    {"adamw",
     [](Module& m) { return std::make_unique<AdamW>(m, AdamOptions{.lr = 0.01, .decay = decoupled_lr(0.05)}); }},
    {"nadam", [](Module& m) { return std::make_unique<NAdam>(m, NAdamOptions{.lr = 0.01}); }},
    {"radam", [](Module& m) { return std::make_unique<RAdam>(m, RAdamOptions{.lr = 0.01}); }},
    {"rmsprop",
     [](Module& m) {
       return std::make_unique<RmsProp>(m,
                                        RmsPropOptions{.lr = 0.002, .alpha = 0.9, .momentum = 0.5, .centered = true});
     }},
    {"adagrad", [](Module& m) { return std::make_unique<Adagrad>(m, AdagradOptions{.lr = 0.02}); }},
    {"adadelta", [](Module& m) { return std::make_unique<Adadelta>(m, AdadeltaOptions{.lr = 0.5}); }},
};

const TensorFile& golden() {
  static const TensorFile file =
      load_safetensors(fs::path(EBB_SOURCE_DIR) / "tests" / "golden" / "torch_training.safetensors");
  return file;
}

void train(Layer& model, Optimizer& optimizer, int steps, int begin, DType dtype) {
  for (int step = begin; step < begin + steps; ++step) {
    const State& file = golden().tensors;
    Tape tape;
    tape.backward(softmax_cross_entropy(model(cast(file.at(text("images", step % 3)), dtype)),
                                        file.at(text("labels", step % 3))));
    optimizer.step();
    optimizer.zero_grad();
  }
}

State part(const State& all, const std::string& prefix) {
  State out;
  for (const auto& [name, value] : all)
    if (name.starts_with(prefix)) out.emplace(name.substr(prefix.size()), value);
  return out;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::ranges::equal(a.bytes(), b.bytes());
}

bool same(const State& a, const State& b) {
  return a.size() == b.size() && std::ranges::equal(a, b, [](const auto& x, const auto& y) {
           return x.first == y.first && same(x.second, y.second);
         });
}

// The largest difference of a tensor, of its largest number.
double distance(const State& got, const State& wanted) {
  double most = 0;
  for (const auto& [name, value] : wanted) {
    const Tensor a = cast(got.at(name), DType::f64), b = cast(value, DType::f64);
    double off = 0, largest = 0;
    for (std::int64_t i = 0; i < a.size(); ++i) {
      off = std::max(off, std::abs(a.data<double>()[i] - b.data<double>()[i]));
      largest = std::max(largest, std::abs(b.data<double>()[i]));
    }
    most = std::max(most, largest > 0 ? off / largest : off);
  }
  return most;
}

BOOST_AUTO_TEST_SUITE(torch_trainings)

BOOST_AUTO_TEST_CASE(a_training_of_pytorch_goes_on_as_it_does_there) {
  const auto names = nlohmann::json::parse(golden().metadata.at("optimizers")).get<std::vector<std::string>>();
  BOOST_REQUIRE(names.size() == makers.size());
  for (const std::string& name : names) {
    BOOST_TEST_CONTEXT(name) {
      const State before = part(golden().tensors, name + "/before/"), after = part(golden().tensors, name + "/after/");
      Small model(2);
      model.to(DType::f64);
      const auto optimizer = makers.at(name)(model);
      import_torch_training(model, *optimizer, before, name);
      const State again = torch_training(model, optimizer->save_state());
      for (const auto& [key, value] : before) BOOST_TEST((again.contains(key) && same(again.at(key), value)), key);
      train(model, *optimizer, 10, 5, DType::f64);
      BOOST_TEST(distance(torch_training(model, optimizer->save_state()), after) < 1e-10);
      // What it would come to with the weights alone.
      Small bare(2);
      bare.to(DType::f64);
      const auto fresh = makers.at(name)(bare);
      import_torch_training(bare, *fresh, without_optimizer(bare, before), name);
      train(bare, *fresh, 10, 5, DType::f64);
      BOOST_TEST(distance(torch_training(bare, fresh->save_state()), after) > 1e-5);
    }
  }
}

BOOST_AUTO_TEST_CASE(ten_further_steps_are_the_same_after_a_detour) {
  const test::TemporaryDirectory directory;
  for (const auto& [name, make] : makers) {
    BOOST_TEST_CONTEXT(name) {
      Small model;
      const auto optimizer = make(model);
      train(model, *optimizer, 5, 0, DType::f32);
      export_torch_training(model, optimizer->save_state(), directory / "file", {{"note", "x"}});
      BOOST_TEST(load_safetensors(directory / "file").metadata.at("format") == "pt");
      Small other(7);
      const auto new_one = make(other);
      train(other, *new_one, 2, 1, DType::f32);  // whatever it was before
      import_torch_training(other, *new_one, directory / "file");
      BOOST_TEST(same(torch_training(other, new_one->save_state()), load_safetensors(directory / "file").tensors));
      BOOST_TEST(new_one->steps() == 5);
      train(model, *optimizer, 10, 5, DType::f32);
      train(other, *new_one, 10, 5, DType::f32);
      BOOST_TEST(same(model.state(), other.state()));
      BOOST_TEST(same(optimizer->save_state().tensors, new_one->save_state().tensors));
    }
  }
}

BOOST_AUTO_TEST_CASE(states_that_do_not_fit_are_refused_and_nothing_changes) {
  Small model;
  const auto optimizer = makers.at("adam")(model);
  train(model, *optimizer, 3, 0, DType::f32);
  const State good = torch_training(model, optimizer->save_state());
  Small other(3);
  const auto new_one = makers.at("adam")(other);
  train(other, *new_one, 2, 0, DType::f32);
  const State weights = other.state(), state = new_one->save_state().tensors;
  const auto refused = [&](const std::string& name, const Tensor& value, const std::string& part) {
    State bad = good;
    if (value.defined()) bad[name] = value;
    else bad.erase(name);
    try {
      import_torch_training(other, *new_one, bad, "file");
      BOOST_ERROR("taken: " << name);
    } catch (const Error& error) {
      BOOST_TEST(test::has(error.what(), part), error.what());
    }
    BOOST_TEST(same(other.state(), weights), name);
    BOOST_TEST(same(new_one->save_state().tensors, state), name);
  };
  refused("conv.weight.exp_avg", Tensor(), "first_moment missing");
  refused("conv.weight.exp_avg", Tensor::zeros({3, 3, 3, 4}), "[4, 3, 3, 3]");
  refused("conv.weight.exp_avg", Tensor::zeros({4, 3, 3, 3}, DType::i64), "i64");
  refused("conv.weight.step", Tensor::scalar(-1, DType::f64), "conv.weight.step = -1");
  refused("conv.weight.step", Tensor::zeros({2}), "one number");
  refused("conv.weight", Tensor(), "conv.weight");
  refused("fc.weight", Tensor::zeros({120, 5}), "fc.weight");
  refused("conv.weight.surprise", Tensor::zeros({1}), "conv.weight.surprise");
  Lion lion(model, {.lr = 1e-3});
  BOOST_CHECK_THROW(torch_training(model, lion.save_state()), Error);
}

BOOST_AUTO_TEST_CASE(a_run_gives_its_newest_checkpoint) {
  const test::SmallData data;
  const test::Finished run = test::ebb(data.train(
      "run",
      "--epochs 1 --model lenet --set optimizer=adamw --set lr=1e-3 --set momentum=default --set nesterov=default"));
  BOOST_REQUIRE_MESSAGE(run.status == 0, run.output);
  const auto ebb = [&](const std::string& arguments) {
    return test::shell("cd " + data.root.string() + " && " + test::program() + arguments);
  };
  const test::Finished exported = ebb("export run --torch all.safetensors --with-optimizer");
  BOOST_REQUIRE_MESSAGE(exported.status == 0, exported.output);
  const TensorFile all = load_safetensors(data.root / "all.safetensors");
  BOOST_TEST(all.metadata.at("model") == "lenet");
  const State checkpoint = load_safetensors(data.root / "run/checkpoints/step-00000020.safetensors").tensors;
  const Tensor& ours = checkpoint.at("optimizer/fc3.weight/first_moment");
  const Tensor& theirs = all.tensors.at("fc3.weight.exp_avg");
  BOOST_TEST(theirs.shape() == Shape({10, 84}));
  BOOST_TEST(ours.at({3, 4}) != 0);
  BOOST_TEST(theirs.at({4, 3}) == ours.at({3, 4}));
  BOOST_TEST(all.tensors.at("fc3.weight.step").item() == 20);
  // The optimizer's part is no hindrance to who wants the network alone.
  BOOST_TEST(ebb("import --torch all.safetensors --out back.safetensors").status == 0);
  BOOST_TEST(same(load_safetensors(data.root / "back.safetensors").tensors, part(checkpoint, "model/")));
  // A run on its way has no results yet.
  for (const char* const file : {"model.safetensors", "evaluation.json", "summary.json"})
    fs::remove(data.root / "run" / file);
  const test::Finished asks = ebb("export run --torch on_its_way --with-optimizer");
  BOOST_TEST(asks.status == 1);
  BOOST_TEST(test::has(asks.output, "--classes"), asks.output);
  BOOST_TEST(ebb("export run --torch on_its_way --with-optimizer --classes 0,1,2,3,4,5,6,7,8,9").status == 0);
  BOOST_TEST(same(load_safetensors(data.root / "on_its_way").tensors, all.tensors));
  BOOST_TEST(load_safetensors(data.root / "on_its_way").metadata == all.metadata);
  BOOST_TEST(test::has(ebb("export run/model.safetensors --torch x --with-optimizer").output, "no run directory"));
  BOOST_TEST(ebb("export run --npz x --with-optimizer").status != 0);
  BOOST_TEST(test::has(ebb("export run --npz x --torch x --with-optimizer").output, "--torch alone"));
  BOOST_TEST(!fs::exists(data.root / "x"));
}

// A run that is taken to PyTorch's format after its first epoch, and back from there.
struct Detour : test::SmallData {
  Detour() {
    const test::Finished whole = test::ebb(train("run", "--epochs 2 --model lenet --set schedule=cosine"));
    BOOST_REQUIRE_MESSAGE(whole.status == 0, whole.output);
    fs::copy(root / "run", root / "half", fs::copy_options::recursive);
    fs::remove(root / "half/checkpoints/step-00000040.safetensors");
    const test::Finished out = ebb("export half --torch half.safetensors --with-optimizer");
    BOOST_REQUIRE_MESSAGE(out.status == 0, out.output);
  }
  test::Finished ebb(const std::string& arguments) const {
    return test::shell("cd " + root.string() + " && " + test::program() + arguments);
  }
  void put(const std::string& file, const State& tensors) const { save_safetensors(root / file, tensors); }
  State half() const { return load_safetensors(root / "half.safetensors").tensors; }
  std::string weights(const std::string& run) const { return summary(run)["weights_sha256"].get<std::string>(); }
};

BOOST_FIXTURE_TEST_CASE(a_training_that_comes_back_goes_on_to_the_same_weights, Detour) {
  const test::Finished back = ebb("import --torch half.safetensors --with-optimizer --like half --out back");
  BOOST_REQUIRE_MESSAGE(back.status == 0, back.output);
  BOOST_TEST(test::has(back.output, "after batch 20 of 40"), back.output);
  BOOST_TEST(test::has(back.output, "resume back"), back.output);
  const test::Finished resumed = ebb("resume back");
  BOOST_REQUIRE_MESSAGE(resumed.status == 0, resumed.output);
  BOOST_TEST(weights("back") == weights("run"));
  BOOST_TEST(ebb("report back").status == 0);
  // With the weights alone it is another training.
  State bare = half();
  for (auto& [name, value] : bare)
    if (name.ends_with("momentum_buffer")) value = Tensor::zeros(value.shape());
  put("bare.safetensors", bare);
  BOOST_REQUIRE(ebb("import --torch bare.safetensors --with-optimizer --like half --out bare").status == 0);
  BOOST_REQUIRE(ebb("resume bare").status == 0);
  BOOST_TEST(weights("bare") != weights("run"));
}

BOOST_FIXTURE_TEST_CASE(a_training_that_came_further_goes_on_from_there, Detour) {
  State further = half();
  for (auto& [name, value] : further)
    if (name.ends_with(".step")) value = Tensor::scalar(27, DType::f64);
  put("further.safetensors", further);
  const test::Finished there = ebb("import --torch further.safetensors --with-optimizer --like half --out further");
  BOOST_REQUIRE_MESSAGE(there.status == 0, there.output);
  BOOST_TEST(test::has(there.output, "after batch 27 of 40"), there.output);
  BOOST_TEST(ebb("resume further").status == 0);
  BOOST_TEST(summary("further")["steps"] == 40);
  BOOST_TEST(summary("further")["epochs"] == 2);
  // What the recipe's epochs do not hold, more of them do.
  for (auto& [name, value] : further)
    if (name.ends_with(".step")) value = Tensor::scalar(41, DType::f64);
  put("further.safetensors", further);
  const std::string more = "import --torch further.safetensors --with-optimizer --like half --out more";
  const test::Finished refused = ebb(more);
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(test::has(refused.output, "--set epochs="), refused.output);
  BOOST_TEST(!fs::exists(root / "more"));
  BOOST_TEST(ebb(more + " --set epochs=3").status == 0);
  BOOST_TEST(ebb("resume more").status == 0);
  BOOST_TEST(summary("more")["steps"] == 60);
}

// From PyTorch alone: a recipe and the data say all that the file does not.
BOOST_FIXTURE_TEST_CASE(a_training_goes_on_with_a_recipe_and_no_run, Detour) {
  const std::string import =
      "import --torch half.safetensors --with-optimizer --like mnist --set model=lenet --set epochs=2 --set batch=20 "
      "--out new";
  const test::Finished refused =
      test::shell("cd " + root.string() + " && unset EBB_DATA && " + test::program() + import);
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(test::has(refused.output, "--data DIR"), refused.output);
  const test::Finished taken = ebb(import + " --data data");
  BOOST_REQUIRE_MESSAGE(taken.status == 0, taken.output);
  BOOST_TEST(test::has(taken.output, "after batch 20 of 40"), taken.output);
  BOOST_TEST(ebb("resume new").status == 0);
  BOOST_TEST(summary("new")["steps"] == 40);
  const test::Finished alone = ebb("import --torch half.safetensors --out alone.safetensors --data data");
  BOOST_TEST(alone.status != 0);
  BOOST_TEST(test::has(alone.output, "--with-optimizer"), alone.output);
}

BOOST_FIXTURE_TEST_CASE(averages_and_diagnosis_of_a_training_that_comes_back_begin_anew, Detour) {
  const test::Finished back =
      ebb("import --torch half.safetensors --with-optimizer --like half --out averaged --set ema=0.9 --set lookahead=5 "
          "--set diagnose=true");
  BOOST_REQUIRE_MESSAGE(back.status == 0, back.output);
  const State checkpoint = load_safetensors(root / "averaged/checkpoints/step-00000020.safetensors").tensors;
  const State ours = part(checkpoint, "model/"), averages = part(checkpoint, "ema/");
  BOOST_REQUIRE(averages.contains("conv1.weight"));
  BOOST_TEST(same(averages.at("conv1.weight"), ours.at("conv1.weight")));
  BOOST_TEST(ebb("resume averaged").status == 0);
}

BOOST_FIXTURE_TEST_CASE(a_training_that_cannot_come_back_leaves_nothing_behind, Detour) {
  const std::string all = "import --torch half.safetensors --with-optimizer ";
  const auto refused = [&](const std::string& arguments, const std::string& part) {
    const test::Finished done = ebb(arguments);
    BOOST_TEST(done.status != 0, arguments);
    BOOST_TEST(test::has(done.output, part), done.output);
    BOOST_TEST(!fs::exists(root / "new"), arguments);
  };
  refused(all + "--out new", "--like");
  refused(all + "--out new --like half --image 28x28x1", "--image");
  refused(all + "--out new --like half --mean 0.1 --deviation 1", "--mean");
  refused(all + "--out new --like nowhere", "nowhere");
  refused(all + "--out new --like half --set optimizer=lion --set momentum=default --set nesterov=default", "lion");
  refused(all + "--out new --like half --set model=mlp", "half.safetensors");
  refused("import --npz half.safetensors --with-optimizer --out new --like half", "--torch");
  refused("export run --torch alone.safetensors && " + test::program() +
              "import --torch alone.safetensors --with-optimizer --out new --like half",
          "no state of an optimizer");
  fs::copy(root / "half.safetensors", root / "run/mine.safetensors");
  refused("import --torch run/mine.safetensors --with-optimizer --out run --like half --overwrite", "which is read");
  refused(all + "--out half --like half --overwrite", "which is read");
  BOOST_TEST(test::has(ebb(all + "--out run --like half").output, "a finished run"));
  BOOST_TEST(fs::exists(root / "run/model.safetensors"));
  BOOST_TEST(fs::exists(root / "half/checkpoints/step-00000020.safetensors"));
  // A place that is not the directory above is no such place.
  BOOST_TEST(ebb(all + "--out half2 --like half").status == 0);
  BOOST_TEST(ebb(all + "--out half2 --like half --overwrite").status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
