// Trainings that are audited, diagnosed and observed end in the bits of those that nobody looks at.
#include <array>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "framework/io/checksum.h"
#include "lab/diagnose/diagnostics.h"
#include "models/registry.h"
#include "optim/adam.h"
#include "optim/change_norms.h"
#include "optim/lion.h"
#include "optim/muon.h"
#include "tests/lab/small_training.h"

namespace ebb {
namespace {

using Made = std::unique_ptr<Optimizer>;

struct Training {
  const char* name;
  const char* model;  // of the registry; empty: a small net with norm and dropout
  std::optional<NormOptions> norm;
  std::function<Made(Module&)> optimizer;
};

const std::array<Training, 5> trainings{{
    {"SGD with coupled decay, clipped",
     "",
     {},
     [](Module& m) -> Made {
       return std::make_unique<Sgd>(
           m, SgdOptions{.lr = 0.05, .momentum = 0.9, .decay = coupled_l2(1e-2), .gradient = {.clip = clip_norm(1)}});
     }},
    {"Nesterov on a net with skips",
     "resnet-8",
     {},
     [](Module& m) -> Made {
       return std::make_unique<Sgd>(
           m, SgdOptions{
                  .lr = 0.05, .momentum = 0.9, .nesterov = true, .schedule = cosine(20), .decay = decoupled_lr(0.1)});
     }},
    {"AdamW on layers without a norm",
     "mlp",
     {},
     [](Module& m) -> Made { return std::make_unique<AdamW>(m, AdamOptions{.lr = 1e-2, .decay = decoupled_lr(0.1)}); }},
    {"Lion behind group norms", "resnet-8", NormOptions{.kind = Norm::group, .groups = 4},
     [](Module& m) -> Made { return std::make_unique<Lion>(m, LionOptions{.lr = 1e-3, .decay = decoupled_lr(1)}); }},
    {"Muon",
     "lenet",
     {},
     [](Module& m) -> Made {
       return std::make_unique<Muon>(groups(m, {{"filters", weights()}, {"rest", everything_else()}}),
                                     MuonOptions{.adam_groups = {"rest"}, .decay = decoupled_lr(0.1)});
     }},
}};

// Looks at every second step and counts.
struct Counts : StepObserver, TrainObserver {
  bool wants(std::int64_t step) override { return step % 2 == 0; }
  void before(const ParameterState&, const Step&) override { ++updates; }
  void after(const ParameterState&, const Step&) override { ++updates; }
  void on_step(const Trainer&, const StepResult&) override { ++steps; }
  std::int64_t updates = 0, steps = 0;
};

TensorDataset pictures(std::int64_t side, std::int64_t count, std::uint64_t seed) {
  Tensor images({count, side, side, 1}), labels({count}, DType::i64);
  fill_normal(images, Rng(seed), 0, 1);
  for (std::int64_t i = 0; i < count; ++i) labels.mutable_data<std::int64_t>()[i] = (i * 7 + i / 5) % 4;
  return {images, labels, 4};
}

// SHA-256 of the weights and buffers, and of the state of the optimizer, at the end.
struct Digests {
  std::string weights, state;
  std::int64_t looked = 0;
  bool operator==(const Digests& o) const { return weights == o.weights && state == o.state; }
};

Digests digests_of(const Training& training, bool observed) {
  const std::int64_t side = std::string(training.model) == "lenet" ? 28 : 6;
  std::unique_ptr<Layer> model;
  if (*training.model == '\0') {
    auto net = std::make_unique<Sequential>(Rng(5));
    test::SmallTraining::built(*net);
    model = std::move(net);
  } else {
    ModelOptions options{.image = {side, side, 1}, .classes = 4, .norm = training.norm};
    if (std::string(training.model) == "mlp") options.hidden = std::vector<std::int64_t>{16, 8};
    model = make_model(training.model, options, Rng(5));
  }
  const Made optimizer = training.optimizer(*model);
  const bool three = *training.model == '\0';
  const TensorDataset samples = three ? test::small_pictures(70, 1) : pictures(side, 70, 1);
  const Loader train(samples, {.batch = 10, .seed = 3}), judged(samples, {.batch = 10, .shuffle = false});
  Trainer trainer(*model, *optimizer, train, judged, {.epochs = 2});
  Counts counts;
  Digests out;
  if (observed) {
    const Batch first = train.epoch(0)[0];
    const auto look = [&] { return audit(*model, first.images, first.labels, optimizer.get(), {.probe_batch = 2}); };
    Diagnostics diagnostics(*optimizer, look(), {.every = 1, .window = 4});
    const ChangeNorms changes(*optimizer);
    optimizer->add(counts);
    trainer.add(diagnostics);
    trainer.add(counts);
    while (!trainer.done()) {
      trainer.step();
      if (trainer.batches_done() == 5) look();
    }
    out.looked = counts.updates + counts.steps + static_cast<std::int64_t>(diagnostics.rows().size());
    out.weights = sha256(trainer.final_weights());
    optimizer->remove(counts);
  } else {
    trainer.run();
    out.weights = sha256(trainer.final_weights());
  }
  out.state = sha256(optimizer->save_state().tensors);
  return out;
}

BOOST_AUTO_TEST_SUITE(unchanged_bits)

BOOST_AUTO_TEST_CASE(of_five_trainings_that_are_audited_diagnosed_and_observed) {
  std::set<std::string> different;
  for (const Training& training : trainings) {
    const Digests plain = digests_of(training, false), seen = digests_of(training, true);
    BOOST_TEST(plain.weights == seen.weights, training.name);
    BOOST_TEST(plain.state == seen.state, training.name);
    BOOST_TEST(seen.looked > 100, training.name);
    different.insert(plain.weights);
  }
  BOOST_TEST(different.size() == trainings.size());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
