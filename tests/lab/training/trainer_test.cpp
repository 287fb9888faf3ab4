#include "lab/training/trainer.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

#include "framework/io/checksum.h"
#include "framework/ops/loss.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "lab/training/last_batch.h"
#include "lab/training/memory_estimate.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::Notes;
using test::SmallTraining;

// Everything that a state holds, as one name; the times in it differ from run to run.
std::string fingerprint(const Trainer& trainer) {
  const TrainState state = trainer.save_state();
  std::string losses;
  for (const EpochResult& e : trainer.curve())
    losses +=
        text(e.train_loss, ' ', e.train_accuracy, ' ', e.evaluation_loss, ' ', e.evaluation_accuracy, ' ', e.lr, '\n');
  return sha256(state.tensors) + '\n' + losses;
}

// Options with everything that has a state.
TrainerOptions full_options() {
  return {.epochs = 4,
          .label_smoothing = 0.1,
          .ema = EmaOptions{.keep = 0.9},
          .lookahead = LookaheadOptions{.every = 3},
          .keep_best = true,
          .measure_every = 5};
}

LoaderOptions full_loading() {
  return {.augment = {.label_noise = 0.1, .flip = Flip::random, .crop = 1, .cutout = 2, .mixup = 0.3}, .prefetch = 2};
}

BOOST_AUTO_TEST_SUITE(trainer)

BOOST_AUTO_TEST_CASE(equals_the_plain_loop_bit_for_bit) {
  SmallTraining a({.epochs = 2, .label_smoothing = 0.1}), b;
  BOOST_TEST(a.trainer.run());
  b.model.train();
  for (std::int64_t epoch = 0; epoch < 2; ++epoch)
    for (const auto& [images, labels] : b.train.epoch(epoch)) {
      Tape tape;
      tape.backward(softmax_cross_entropy(b.model(images), labels, {.label_smoothing = 0.1}));
      b.optimizer.step();
      b.optimizer.zero_grad();
    }
  BOOST_TEST(sha256(a.model.state()) == sha256(b.model.state()));
  const Evaluation judged = evaluate(b.model, b.judged);
  BOOST_TEST(a.trainer.summary().test_accuracy == judged.accuracy);
  BOOST_TEST(a.trainer.summary().test_loss == judged.loss);
  BOOST_TEST(a.trainer.summary().weights_sha256 == sha256(b.model.state()));
  BOOST_TEST(judged.accuracy > 0.8);
}

BOOST_AUTO_TEST_CASE(measured_groups_have_the_shrink_of_coupled_decay) {
  SmallTraining t({.epochs = 1, .measure_every = 4}, {.decay = coupled_l2(1e-2)});
  Notes notes;
  t.trainer.add(notes);
  while (!t.trainer.done()) t.trainer.step();
  // 1 / (1 - mu) of lr lambda, in the long run.
  BOOST_TEST(std::abs(notes.steps[3].groups[0].shrink - notes.steps[3].lr * 1e-2 * 10) < 1e-15);
}

BOOST_AUTO_TEST_CASE(goes_step_by_step_and_tells_its_observers) {
  SmallTraining t({.epochs = 3, .evaluate_every = 2, .measure_every = 4});
  Notes notes;
  t.trainer.add(notes);
  std::int64_t steps = 0;
  while (!t.trainer.done()) {
    const StepResult step = t.trainer.step();
    BOOST_TEST(step.step == ++steps);
    BOOST_TEST(step.updated);
    BOOST_TEST(step.position == (steps - 1) % 7 + 1);
    BOOST_TEST(step.groups.size() == (steps % 4 == 0 ? 1u : 0u));
  }
  BOOST_TEST(steps == 21);
  BOOST_TEST(notes.steps.size() == 21u);
  BOOST_TEST(notes.steps[3].groups[0].weight_norm > 0.1);
  BOOST_TEST(notes.steps[3].groups[0].gradient_norm > 1e-3);
  BOOST_TEST(notes.steps[3].groups[0].shrink == notes.steps[3].lr * 1e-2);
  BOOST_REQUIRE(notes.epochs.size() == 3u);
  // The second and the last epoch are judged.
  BOOST_TEST(std::isnan(notes.epochs[0].evaluation_loss));
  BOOST_TEST(notes.epochs[1].evaluation_accuracy > 0.5);
  BOOST_TEST(notes.epochs[2].evaluation_accuracy > 0.5);
  BOOST_TEST(notes.epochs[2].train_loss < notes.epochs[0].train_loss);
  BOOST_CHECK_THROW(t.trainer.step(), Error);
  SmallTraining none({.epochs = 0});
  BOOST_TEST(none.trainer.done());
  BOOST_TEST(none.trainer.summary().test_loss > 0.5);
}

BOOST_AUTO_TEST_CASE(goes_on_bit_for_bit_from_every_step) {
  SmallTraining whole(full_options(), {}, full_loading());
  std::vector<TrainState> states;
  while (!whole.trainer.done()) {
    states.push_back(whole.trainer.save_state());
    whole.trainer.step();
  }
  const std::string wanted = fingerprint(whole.trainer);
  BOOST_TEST(states.size() == 28u);
  for (std::size_t k = 0; k < states.size(); k += 3) {
    LoaderOptions loading = full_loading();
    loading.prefetch = static_cast<std::int64_t>(k % 3);
    parallel::set_thread_count(static_cast<int>(k % 3) + 1);
    SmallTraining rest(full_options(), {}, loading);
    if (k % 2 == 1) rest.trainer.step();  // whatever it did before
    rest.trainer.load_state(states[k]);
    BOOST_TEST(rest.trainer.batches_done() == static_cast<std::int64_t>(k));
    rest.trainer.run();
    BOOST_TEST(fingerprint(rest.trainer) == wanted, "after step " << k);
  }
  parallel::set_thread_count(2);
}

// An epoch asks before each of its seven steps and of the three batches of its evaluation.
BOOST_AUTO_TEST_CASE(an_evaluation_can_be_stopped_and_is_made_again) {
  const SgdOptions sgd{.plateau = PlateauOptions{.factor = 0.5, .patience = 0}};
  SmallTraining whole(full_options(), sgd, full_loading());
  whole.trainer.run();
  const std::string wanted = fingerprint(whole.trainer);
  for (const int last : {8, 10, 19}) {
    SmallTraining first(full_options(), sgd, full_loading()), rest(full_options(), sgd, full_loading());
    Notes notes;
    first.trainer.add(notes);
    int asked = 0;
    BOOST_TEST(!first.trainer.run([&] { return ++asked >= last; }));
    BOOST_TEST(asked == last + 1);  // once more before the next step
    BOOST_TEST(first.trainer.epoch() == last / 11);
    BOOST_TEST(notes.epochs.size() == static_cast<std::size_t>(last / 11));
    rest.trainer.step();
    rest.trainer.load_state(first.trainer.save_state());
    BOOST_TEST(!rest.trainer.step().updated);
    BOOST_TEST(rest.trainer.batches_done() == 7 * (last / 11 + 1));
    BOOST_TEST(rest.trainer.epoch() == last / 11 + 1);
    rest.trainer.run();
    first.trainer.run();
    BOOST_TEST(fingerprint(rest.trainer) == wanted, "stopped when asked for time " << last);
    BOOST_TEST(fingerprint(first.trainer) == wanted, "went on after time " << last);
  }
}

BOOST_AUTO_TEST_CASE(accumulated_updates_are_saved_between_them) {
  const SgdOptions sgd{.gradient = {.accumulate = 3}};
  SmallTraining whole({.epochs = 4}, sgd);
  std::vector<TrainState> states;
  while (!whole.trainer.done()) {
    if (whole.trainer.can_save()) states.push_back(whole.trainer.save_state());
    else BOOST_CHECK_THROW(whole.trainer.save_state(), Error);
    whole.trainer.step();
  }
  BOOST_TEST(states.size() == 10u);
  BOOST_TEST(whole.optimizer.steps() == 10);
  BOOST_TEST(whole.trainer.can_save());
  for (const TrainState& state : states) {
    SmallTraining rest({.epochs = 4}, sgd);
    rest.trainer.step();
    rest.trainer.load_state(state);
    rest.trainer.run();
    BOOST_TEST(fingerprint(rest.trainer) == fingerprint(whole.trainer));
  }
}

// 14 batches, accumulated by four: the last two make an update of their own, before the evaluation.
BOOST_AUTO_TEST_CASE(the_tail_of_an_accumulated_update_is_made) {
  const SgdOptions sgd{.gradient = {.accumulate = 4}};
  SmallTraining whole({.epochs = 2}, sgd), by_hand({.epochs = 2}, sgd);
  Notes notes;
  whole.trainer.add(notes);
  whole.trainer.run();
  BOOST_TEST(whole.optimizer.steps() == 4);
  BOOST_TEST(whole.optimizer.skipped_steps() == 0);
  BOOST_TEST(notes.steps.back().updated);
  for (std::int64_t epoch = 0; epoch < 2; ++epoch)
    for (const auto& [images, labels] : by_hand.train.epoch(epoch)) {
      Tape tape;
      tape.backward(softmax_cross_entropy(by_hand.model(images), labels));
      by_hand.optimizer.step();
      by_hand.optimizer.zero_grad();
    }
  BOOST_TEST(by_hand.optimizer.accumulating());
  const std::string before = sha256(by_hand.model.state());
  by_hand.optimizer.flush();
  BOOST_TEST(sha256(whole.model.state()) == sha256(by_hand.model.state()));
  BOOST_TEST(sha256(whole.model.state()) != before);
  BOOST_TEST(whole.trainer.summary().test_loss == evaluate(by_hand.model, by_hand.judged).loss);
}

BOOST_AUTO_TEST_CASE(more_accumulated_than_there_is_still_trains) {
  SmallTraining t({.epochs = 1}, {.gradient = {.accumulate = 100}});
  const std::string before = sha256(t.model.state());
  t.trainer.run();
  BOOST_TEST(t.optimizer.steps() == 1);
  BOOST_TEST(sha256(t.model.state()) != before);
}

BOOST_AUTO_TEST_CASE(states_that_do_not_fit_change_nothing) {
  SmallTraining t(full_options(), {}, full_loading());
  t.trainer.step();
  const TrainState good = t.trainer.save_state();
  const std::string before = fingerprint(t.trainer);
  const auto refuses = [&](TrainState bad, const std::string& part) {
    BOOST_TEST(test::message_of([&] { t.trainer.load_state(bad); }).find(part) != std::string::npos,
               test::message_of([&] { t.trainer.load_state(bad); }));
    BOOST_TEST(fingerprint(t.trainer) == before);
  };
  TrainState bad = good;
  bad.metadata.erase("trainer");
  refuses(bad, "no entry \"trainer\"");
  bad = good;
  bad.metadata["trainer"] = "{";
  refuses(bad, "counters that are no JSON object");
  bad = good;
  bad.metadata["trainer"] = "{\"format\": \"1\", \"curve\": [], \"epoch\": -1}";
  refuses(bad, "");
  bad = good;
  bad.metadata["optimizer/optimizer"] = "adam";
  refuses(bad, "adam");
  bad = good;
  bad.tensors.erase("model/head.weight");
  refuses(bad, "head.weight");
  bad = good;
  bad.tensors.erase("ema/head.weight");
  refuses(bad, "head.weight");
  bad = good;
  bad.tensors["optimizer/head.weight/momentum"] = Tensor::zeros({2});
  refuses(bad, "head.weight/momentum");
  SmallTraining plain({.epochs = 4});
  BOOST_CHECK_THROW(plain.trainer.load_state(good), Error);
}

BOOST_AUTO_TEST_CASE(the_average_is_judged_and_is_what_remains) {
  SmallTraining t({.epochs = 2, .ema = EmaOptions{.keep = 0.9}});
  t.trainer.run();
  const State ends = t.trainer.final_weights();
  BOOST_TEST(sha256(ends) != sha256(t.model.state()));
  SmallTraining copy;
  copy.model.load_state(ends);
  BOOST_TEST(evaluate(copy.model, copy.judged).loss == t.trainer.evaluation().loss);
  // The training itself goes on with the weights, not with their average.
  SmallTraining plain({.epochs = 2});
  plain.trainer.run();
  BOOST_TEST(sha256(plain.model.state()) == sha256(t.model.state()));
}

BOOST_AUTO_TEST_CASE(the_best_weights_are_kept_and_patience_ends_the_run) {
  // A rate this high gets worse again.
  SmallTraining t({.epochs = 40, .keep_best = true, .patience = 3}, {.lr = 2.0});
  Notes notes;
  t.trainer.add(notes);
  t.trainer.run();
  BOOST_TEST(t.trainer.epoch() < 40);
  BOOST_REQUIRE(!notes.events.empty());
  BOOST_TEST(notes.events.back().kind == "early stop");
  double best = 0;
  for (const EpochResult& e : notes.epochs) best = std::max(best, e.evaluation_accuracy);
  SmallTraining copy;
  copy.model.load_state(t.trainer.final_weights());
  BOOST_TEST(evaluate(copy.model, copy.judged).accuracy == best);
  BOOST_TEST(t.trainer.best_step() == (t.trainer.epoch() - 3) * 7);
}

BOOST_AUTO_TEST_CASE(modes_that_were_set_by_hand_stay) {
  SmallTraining t({.epochs = 2}), free({.epochs = 2});
  Module& norm = t.model.at(1);
  norm.eval();
  const State before = t.model.state();
  evaluate(t.model, t.judged);
  estimate_memory(t.model, t.optimizer, t.trainer.options(), t.train, 10);
  t.trainer.run();
  t.trainer.evaluate_final(t.judged);
  for (const NamedModule& m : t.model.named_modules()) BOOST_TEST(m.module->training() == (m.module != &norm), m.path);
  const State after = t.model.state();
  free.trainer.run();
  const State moved = free.model.state();
  for (const char* const path : {"bn.running_mean", "bn.batches"}) {
    BOOST_TEST(std::ranges::equal(before.at(path).bytes(), after.at(path).bytes()), path);
    BOOST_TEST(!std::ranges::equal(before.at(path).bytes(), moved.at(path).bytes()), path);
  }
  BOOST_TEST(!std::ranges::equal(before.at("conv.weight").bytes(), after.at("conv.weight").bytes()));
}

BOOST_AUTO_TEST_CASE(a_model_in_eval_mode_is_trained_so_and_said_once) {
  SmallTraining t({.epochs = 2});
  Notes notes;
  t.trainer.add(notes);
  t.model.eval();
  t.trainer.run();
  BOOST_TEST(!t.model.training());
  BOOST_REQUIRE(notes.events.size() == 1u);
  BOOST_TEST(notes.events[0].text.find("the model is in eval mode") == 0u);
}

// 70 samples in batches of 23 leave one over.
struct OneOver {
  explicit OneOver(bool drop_last = false, std::int64_t evaluation_batch = 10,
                   BatchNormLayerOptions norm = {.channels = 4})
      : train(test::small_pictures(70, 1), {.batch = 23, .seed = 3, .drop_last = drop_last}),
        judged(test::small_pictures(31, 2), {.batch = evaluation_batch, .shuffle = false}),
        model(Rng(5)),
        optimizer(built(norm), {.lr = 0.05}),
        trainer(model, optimizer, train, judged, {.epochs = 1}) {}
  Sequential& built(const BatchNormLayerOptions& norm) {
    model.add<Flatten>("flatten");
    model.add<Linear>("hidden", {.in = 36, .out = 4});
    model.add<BatchNorm1d>("bn", norm);
    model.add<Linear>("head", {.in = 4, .out = 3});
    return model;
  }
  Loader train, judged;
  Sequential model;
  Sgd optimizer;
  Trainer trainer;
};

BOOST_AUTO_TEST_CASE(a_last_batch_of_one_sample_before_a_norm_is_refused_before_the_first_step) {
  OneOver t;
  const std::string before = sha256(t.model.state());
  for (int again = 0; again < 2; ++again)
    BOOST_TEST(test::fails_with({"a last batch of one sample of the training data",
                                 "at least 2 values for each channel", "drop_last", "than 23 for 70"},
                                [&] { t.trainer.step(); }));
  BOOST_TEST(sha256(t.model.state()) == before);
  BOOST_TEST(t.trainer.batches_done() == 0);
  // A norm that is frozen takes it, and so does one with more than a value for each channel.
  t.model.at(2).eval();
  BOOST_TEST(t.trainer.run());
  OneOver dropped(true);
  BOOST_TEST(dropped.trainer.run());
  BOOST_TEST(dropped.optimizer.steps() == 3);
  SmallTraining pictures({.epochs = 1});
  Trainer with_one_over(pictures.model, pictures.optimizer, t.train, pictures.judged, {.epochs = 1});
  const std::string untouched = sha256(pictures.model.state());
  require_last_batches(pictures.model, t.train, pictures.judged);
  BOOST_TEST(sha256(pictures.model.state()) == untouched);
  BOOST_TEST(with_one_over.run());
  BOOST_TEST(with_one_over.batches_done() == 4);
}

BOOST_AUTO_TEST_CASE(a_last_batch_of_one_sample_in_an_evaluation_is_refused_too) {
  OneOver tracked(true);  // eval mode takes running statistics
  BOOST_TEST(tracked.trainer.run());
  OneOver untracked(true, 10, {.channels = 4, .track = false});
  BOOST_TEST(test::fails_with({"a last batch of one sample of the evaluation's data", "another batch than 10 for 31"},
                              [&] { untracked.trainer.step(); }));
  OneOver even(true, 8, {.channels = 4, .track = false});
  BOOST_TEST(even.trainer.run());
}

// Weights halve in every step, and momentum fades: on their way to zero they pass through denormal numbers, which are
// slow. Not here: what is below the normal numbers is zero.
BOOST_AUTO_TEST_CASE(weights_vanish_without_denormals_on_any_number_of_threads) {
  std::set<std::string> ends;
  for (const int threads : {1, 2, 3}) {
    parallel::set_thread_count(threads);
    SmallTraining t({.epochs = 200, .evaluate_every = 100}, {.lr = 1e-4, .decay = decoupled_constant(0.5)});
    t.trainer.run();
    const TrainState state = t.trainer.save_state();
    std::int64_t zeros = 0, denormals = 0;
    for (const auto& [path, tensor] : state.tensors) {
      if (tensor.dtype() != DType::f32) continue;
      for (const float x : tensor.span<float>()) {
        zeros += x == 0 ? 1 : 0;
        denormals += std::fpclassify(x) == FP_SUBNORMAL ? 1 : 0;
      }
    }
    BOOST_TEST(denormals == 0);
    BOOST_TEST(zeros > 400);
    ends.insert(sha256(state.tensors));
  }
  BOOST_TEST(ends.size() == 1u);
  parallel::set_thread_count(2);
}

BOOST_AUTO_TEST_CASE(plateau_sees_the_judged_loss) {
  SmallTraining t({.epochs = 6},
                  {.lr = 1e-12, .plateau = PlateauOptions{.factor = 0.5, .patience = 1, .threshold = 0.1}});
  t.trainer.run();
  BOOST_TEST(std::stod(t.optimizer.save_state().metadata.at("plateau/multiplier")) == 0.25);
}

BOOST_AUTO_TEST_CASE(the_learning_rate_is_that_of_most_values) {
  SmallTraining t;
  Sgd optimizer(groups(t.model, {{"fast", biases(), {.lr_scale = 64}}, {"rest", everything_else()}}), {.lr = 0.01});
  Trainer trainer(t.model, optimizer, t.train, t.judged, {.epochs = 1});
  BOOST_TEST(trainer.step().lr == 0.01);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
