// A trainer that can be looked into: gradients while they stand, counters that are saved as they are, and a const that
// changes nothing, not even for a moment.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <stdexcept>
#include <thread>

#include "framework/io/checksum.h"
#include "optim/step_observer.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::same_bits;
using test::SmallTraining;

State gradients(Module& model) {
  State out;
  for (const NamedParameter& p : model.named_parameters())
    if (p.parameter->grad().defined()) out[p.path] = p.parameter->grad().clone();
  return out;
}

// What the trainer shows before an update.
struct Gradients : TrainObserver {
  explicit Gradients(Module& watched) : model(watched) {}
  void on_gradients(const Trainer& trainer, const StepResult& step) override {
    seen = gradients(model);
    results.push_back(step);
    could_save = could_save || trainer.can_save();
    refused = test::message_of([&] { trainer.save_state(); });
  }
  void on_step(const Trainer&, const StepResult& step) override {
    if (step.updated) left = gradients(model).size();
  }
  Module& model;
  State seen;
  std::vector<StepResult> results;
  std::string refused;
  bool could_save = false;
  std::size_t left = 1;
};

// What the optimizer takes.
struct Taken : StepObserver {
  void before(const ParameterState& p, const Step&) override { seen[p.path] = p.parameter->grad().clone(); }
  State seen;
};

// Versions of all values of a model: each edit counts.
std::vector<std::uint64_t> versions(Module& model) {
  std::vector<std::uint64_t> out;
  for (const NamedParameter& p : model.named_parameters()) out.push_back(p.parameter->value().version());
  for (const NamedBuffer& b : model.named_buffers()) out.push_back(b.buffer->value().version());
  return out;
}

template <class T>
concept Evaluates = requires(T& trainer, const Loader& data) {
  trainer.evaluate_final(data);
};
template <class T>
concept Judges = requires(T& trainer) {
  trainer.evaluation();
};
template <class T>
concept Summarises = requires(T& trainer) {
  trainer.summary();
};

// What runs the model is not const.
static_assert(Evaluates<Trainer> && !Evaluates<const Trainer>);
static_assert(Judges<Trainer> && !Judges<const Trainer>);
static_assert(Summarises<Trainer> && !Summarises<const Trainer>);

BOOST_AUTO_TEST_SUITE(trainer_looked_into)

BOOST_AUTO_TEST_CASE(observers_see_the_gradients_that_the_optimizer_takes) {
  for (const int accumulate : {1, 2}) {
    SmallTraining t({.epochs = 2}, {.gradient = {.accumulate = accumulate}}),
        alone({.epochs = 2}, {.gradient = {.accumulate = accumulate}});
    Gradients shown(t.model);
    Taken taken;
    t.trainer.add(shown);
    t.optimizer.add(taken);
    const std::size_t parameters = t.model.named_parameters().size();
    while (!t.trainer.done()) {
      const StepResult step = t.trainer.step();
      BOOST_REQUIRE(shown.seen.size() == parameters);
      for (const auto& [path, gradient] : shown.seen) {
        // Batch norm takes the bias of the convolution off: but for rounding its gradient is zero.
        BOOST_TEST((path == "conv.bias" || max_abs(gradient) > 1e-4), path << " in step " << step.step);
        if (step.updated) BOOST_TEST(same_bits(gradient, taken.seen.at(path)), path << " in step " << step.step);
      }
      const StepResult& before = shown.results.back();
      BOOST_TEST((before.step == step.step && before.position == step.position && before.loss == step.loss));
      BOOST_TEST(before.samples == step.samples - 10);
      BOOST_TEST(!before.updated);
    }
    BOOST_TEST(std::ssize(shown.results) == 14);
    BOOST_TEST(shown.left == 0u);
    BOOST_TEST(!shown.could_save);
    BOOST_TEST(shown.refused.find("a state in the middle of an update") != std::string::npos, shown.refused);
    t.optimizer.remove(taken);
    // Nobody who looks on changes a bit.
    alone.trainer.run();
    BOOST_TEST(alone.trainer.summary().state_sha256 == t.trainer.summary().state_sha256);
  }
}

BOOST_AUTO_TEST_CASE(an_observer_that_throws_before_the_update_leaves_the_batch_out) {
  struct Throws : TrainObserver {
    void on_gradients(const Trainer&, const StepResult& step) override {
      if (step.step == 4 && !std::exchange(thrown, true)) throw std::runtime_error("no more");
    }
    bool thrown = false;
  } observer;
  SmallTraining t({.epochs = 2}), plain({.epochs = 2});
  t.trainer.add(observer);
  for (int i = 0; i < 3; ++i) t.trainer.step();
  const std::string before = sha256(t.trainer.save_state().tensors);
  BOOST_CHECK_THROW(t.trainer.step(), std::runtime_error);
  BOOST_TEST(t.trainer.batches_done() == 3);
  BOOST_TEST(t.trainer.can_save());
  BOOST_TEST(sha256(t.trainer.save_state().tensors) == before);
  BOOST_TEST(gradients(t.model).empty());
  // The next step takes the same batch.
  t.trainer.run();
  plain.trainer.run();
  BOOST_TEST(sha256(t.model.state()) == sha256(plain.model.state()));
}

BOOST_AUTO_TEST_CASE(const_functions_edit_no_value) {
  struct Asks : TrainObserver {
    explicit Asks(Module& watched) : model(watched) {}
    void on_gradients(const Trainer& trainer, const StepResult&) override { ask(trainer); }
    void on_step(const Trainer& trainer, const StepResult&) override { ask(trainer); }
    void on_epoch(const Trainer& trainer, const EpochResult&) override { ask(trainer); }
    void ask(const Trainer& trainer) {
      const std::vector<std::uint64_t> before = versions(model);
      BOOST_TEST(!trainer.final_weights().empty());
      if (trainer.can_save()) trainer.save_state();
      BOOST_TEST(versions(model) == before);
      ++times;
    }
    Module& model;
    int times = 0;
  };
  for (const bool keep_best : {false, true}) {
    SmallTraining t({.epochs = 2, .ema = EmaOptions{.keep = 0.9}, .keep_best = keep_best});
    Asks asks(t.model);
    t.trainer.add(asks);
    t.trainer.run();
    BOOST_TEST(asks.times == 30);
    // What it asked for is not what the model has.
    BOOST_TEST(sha256(t.trainer.final_weights()) != sha256(t.model.state()));
  }
}

// Another thread may use the model meanwhile, as an evaluation beside the training does.
BOOST_AUTO_TEST_CASE(final_weights_are_taken_while_another_thread_reads_the_model) {
  SmallTraining t({.epochs = 1, .ema = EmaOptions{.keep = 0.9}});
  t.trainer.run();
  const Trainer& trainer = t.trainer;
  const std::string own = sha256(t.model.state()), ends = sha256(trainer.final_weights());
  BOOST_TEST(own != ends);
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0, others = 0;
  std::thread reader([&] {
    while (!stop) {
      if (sha256(t.model.state()) != own) ++others;
      ++reads;
    }
  });
  while (reads < 1) std::this_thread::yield();
  bool equal = true;
  for (int i = 0; i < 300; ++i) equal = equal && sha256(trainer.final_weights()) == ends;
  stop = true;
  reader.join();
  BOOST_TEST(equal);
  BOOST_TEST(others == 0);
}

BOOST_AUTO_TEST_CASE(evaluations_lend_the_model_other_weights_and_give_back_its_own) {
  for (const bool keep_best : {false, true}) {
    // A rate this high gets worse again: the best weights are not the last ones.
    SmallTraining t({.epochs = 6, .ema = EmaOptions{.keep = 0.9}, .keep_best = keep_best}, {.lr = 2.0});
    t.trainer.run();
    const std::string own = sha256(t.model.state()), ends = sha256(t.trainer.final_weights());
    BOOST_TEST(own != ends);
    const double loss = t.trainer.evaluate_final(t.judged).loss;
    BOOST_TEST(sha256(t.model.state()) == own);
    BOOST_TEST(sha256(t.trainer.final_weights()) == ends);
    SmallTraining copy;
    copy.model.load_state(t.trainer.final_weights());
    BOOST_TEST(evaluate(copy.model, copy.judged).loss == loss);
    BOOST_TEST(evaluate(t.model, t.judged).loss != loss);
    // Also when the evaluation fails.
    const Loader wrong(TensorDataset(Tensor::zeros({4, 5, 5, 1}), Tensor::zeros({4}, DType::i64), 3), {.batch = 4});
    BOOST_CHECK_THROW(t.trainer.evaluate_final(wrong), Error);
    BOOST_TEST(sha256(t.model.state()) == own);
    BOOST_TEST(sha256(t.trainer.final_weights()) == ends);
  }
}

BOOST_AUTO_TEST_CASE(counters_are_saved_and_loaded_by_their_table) {
  // Every field has a number of its own.
  TrainerCounters c{.epoch = 2, .position = 3, .batches = 7, .epoch_samples = 70, .samples = 30, .hits = 21};
  c.loss_sum = 5.5, c.lr_sum = 0.125, c.epoch_seconds = 1.25, c.seconds = 9.75;
  c.best = 0.625, c.best_step = 14, c.bad = 1, c.rollbacks = 4;
  c.curve = {{.epoch = 1,
              .lr = 0.5,
              .train_loss = 2,
              .train_accuracy = 0.25,
              .evaluation_loss = 3,
              .evaluation_accuracy = 0.5},
             {.epoch = 2, .lr = 0.75, .train_loss = 1, .train_accuracy = 0.75, .evaluation_loss = 4, .seconds = 6}};
  const TrainerCounters back = counters_from_json(to_json(c), "test");
  BOOST_TEST(to_json(back) == to_json(c));
  BOOST_TEST((back.epoch == 2 && back.position == 3 && back.batches == 7 && back.epoch_samples == 70));
  BOOST_TEST((back.samples == 30 && back.hits == 21 && back.loss_sum == 5.5 && back.lr_sum == 0.125));
  BOOST_TEST((back.epoch_seconds == 1.25 && back.seconds == 9.75 && back.best == 0.625 && back.best_step == 14));
  BOOST_TEST((back.bad == 1 && back.rollbacks == 4 && back.curve.size() == 2u && back.curve[1].seconds == 6));

  // A trainer gives back what it was given, times included.
  SmallTraining from({.epochs = 3}), to({.epochs = 3});
  for (int i = 0; i < 10; ++i) from.trainer.step();
  const TrainState saved = from.trainer.save_state();
  BOOST_TEST(counters_from_json(saved.metadata.at("trainer"), "test").position == 3);
  to.trainer.load_state(saved);
  BOOST_TEST(to.trainer.save_state().metadata.at("trainer") == saved.metadata.at("trainer"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
