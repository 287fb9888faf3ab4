// NaN and infinity in a training: found in the step, or before an evaluation; left out, undone, or the end.
#include "lab/training/guard.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "framework/compute/basic.h"
#include "framework/io/checksum.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/sequential.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/loss.h"
#include "framework/ops/reduction.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::Notes;
using test::SmallTraining;

BOOST_AUTO_TEST_SUITE(guards)

// Poison in one element of the result, or of the gradient, of the second call.
class Poison : public Layer {
 public:
  double forward_poison = 0, backward_poison = 0;
  Var forward(const Var& x) override {
    Tensor y = x.value().clone();
    if (forward_poison != 0) y.mutable_data<float>()[3] = static_cast<float>(forward_poison);
    const double bad = backward_poison;
    return record("poison", {x}, y, [bad](const Tensor& dy, InputGrads& dx) {
      Tensor out = dy.clone();
      if (bad != 0) out.mutable_data<float>()[3] = static_cast<float>(bad);
      dx.add(0, out);
    });
  }
};

struct Poisoned {
  explicit Poisoned(OnNonFinite policy, std::int64_t patience = 0)
      : train(test::small_pictures(70, 1), {.batch = 10, .seed = 3}),
        judged(test::small_pictures(30, 2), {.batch = 30, .shuffle = false}),
        model(Rng(5)),
        optimizer(built(), {.lr = 0.05, .momentum = 0.9}),
        trainer(model, optimizer, train, judged,
                {.epochs = 3, .patience = patience, .non_finite = policy, .snapshot_every = 4}) {
    trainer.add(notes);
  }
  Sequential& built() {
    SmallTraining::built(model);
    poison = &model.add<Poison>("poison");
    return model;
  }
  void steps(int count) {
    for (int i = 0; i < count; ++i) trainer.step();
  }
  Loader train, judged;
  Sequential model;
  Poison* poison = nullptr;
  Sgd optimizer;
  Trainer trainer;
  Notes notes;
};

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

BOOST_AUTO_TEST_CASE(abort_names_place_op_and_layer_and_changes_nothing) {
  for (const double bad : {nan, inf, -inf}) {
    Poisoned t(OnNonFinite::abort);
    t.steps(9);
    const std::string before = sha256(t.trainer.save_state().tensors);
    t.poison->forward_poison = bad;
    const std::string message = test::message_of([&] { t.trainer.step(); });
    BOOST_TEST(message.find("in epoch 2, batch 3 of 7") != std::string::npos, message);
    BOOST_TEST(message.find("the result of poison in layer \"poison\"") != std::string::npos, message);
    t.poison->forward_poison = 0;
    t.poison->backward_poison = bad;
    const std::string gradient = test::message_of([&] { t.trainer.step(); });
    BOOST_TEST(gradient.find("a gradient of ") != std::string::npos, gradient);
    BOOST_TEST(gradient.find("the gradient that poison in layer \"poison\" hands back") != std::string::npos, gradient);
    BOOST_TEST(sha256(t.trainer.save_state().tensors) == before);
    // Without the poison it goes on as if nothing had been.
    t.poison->backward_poison = 0;
    t.trainer.run();
    Poisoned clean(OnNonFinite::abort);
    clean.trainer.run();
    BOOST_TEST(sha256(t.model.state()) == sha256(clean.model.state()));
  }
}

BOOST_AUTO_TEST_CASE(inputs_parameters_and_buffers_are_named) {
  SmallTraining t;
  const Batch batch = t.train.epoch(0)[0];
  const auto find = [&](const Tensor& images) {
    return find_non_finite(t.model, images, [&] { return softmax_cross_entropy(t.model(images), batch.labels); });
  };
  BOOST_TEST(find(batch.images).empty());
  Tensor bad = batch.images.clone();
  bad.mutable_data<float>()[7] = static_cast<float>(nan);
  BOOST_TEST(find(bad) == "the input images");
  const State good = t.model.state();
  t.model.named_buffers()[0].buffer->value().mutable_data<float>()[1] = static_cast<float>(inf);
  BOOST_TEST(find(batch.images) == "the buffer bn.running_mean");
  t.model.load_state(good);
  t.model.named_parameters()[0].parameter->value().mutable_data<float>()[1] = static_cast<float>(inf);
  BOOST_TEST(find(batch.images) == "the parameter conv.weight");
}

BOOST_AUTO_TEST_CASE(skip_leaves_the_batch_out) {
  for (const bool forward : {true, false}) {
    Poisoned t(OnNonFinite::skip);
    t.steps(5);
    const State before = t.model.state();
    (forward ? t.poison->forward_poison : t.poison->backward_poison) = nan;
    t.steps(1);
    t.poison->forward_poison = t.poison->backward_poison = 0;
    const State after = t.model.state();
    for (const auto& [path, tensor] : before)
      BOOST_TEST(std::ranges::equal(tensor.bytes(), after.at(path).bytes()), path);
    BOOST_TEST(t.optimizer.steps() == 5);
    BOOST_TEST(t.optimizer.skipped_steps() == 1);
    BOOST_REQUIRE(t.notes.events.size() == 1u);
    BOOST_TEST(t.notes.events[0].kind == "skip");
    BOOST_TEST(!t.notes.steps[5].updated);
    t.trainer.run();
    BOOST_TEST(t.trainer.evaluation().accuracy > 0.8);
  }
}

BOOST_AUTO_TEST_CASE(rollback_goes_back_with_a_lower_rate_and_gives_up_after_three) {
  Poisoned t(OnNonFinite::rollback);
  t.steps(6);
  t.poison->forward_poison = nan;
  t.trainer.step();
  t.poison->forward_poison = 0;
  BOOST_TEST(t.trainer.batches_done() == 4);
  BOOST_TEST(t.optimizer.common().lr == 0.025);
  BOOST_REQUIRE(t.notes.events.size() == 1u);
  BOOST_TEST(t.notes.events[0].kind == "rollback");
  // What was done before the fault is kept, the rest is as a run of that rate from there has it.
  Poisoned other(OnNonFinite::abort);
  other.steps(4);
  other.optimizer.set_base_lr(0.025);
  other.trainer.run();
  // A copy that goes on from a checkpoint in between knows of the rollback too.
  t.steps(1);
  const TrainState state = t.trainer.save_state();
  Poisoned copy(OnNonFinite::rollback);
  copy.trainer.load_state(state);
  for (Poisoned* const each : {&t, &copy}) {
    each->trainer.run();
    BOOST_TEST(sha256(each->model.state()) == sha256(other.model.state()));
  }
  Poisoned lost(OnNonFinite::rollback);
  lost.steps(2);
  lost.poison->forward_poison = inf;
  for (int i = 0; i < 3; ++i) lost.trainer.step();
  BOOST_CHECK_THROW(lost.trainer.step(), Error);
}

// Something that is not finite after the last update of the first of three epochs: no later batch would find it before
// the evaluation does.
enum class Last { update, weight_that_nothing_reads };

// A parameter that no result depends on.
struct Bystander : Layer {
  Parameter value{*this, "value", Role::other, Tensor::zeros({3})};
  Var forward(const Var& x) override { return x; }
};

struct BadLastUpdate : Poisoned {
  explicit BadLastUpdate(OnNonFinite policy) : Poisoned(policy) { bystander = &model.add<Bystander>("bystander"); }
  void go(Last what) {
    steps(6);
    if (what == Last::update) optimizer.set_base_lr(1e38);
    else bystander->value.value().mutable_data<float>()[1] = static_cast<float>(nan);
    steps(1);
  }
  Bystander* bystander = nullptr;
};

BOOST_AUTO_TEST_CASE(the_last_update_before_an_evaluation_is_looked_at_too) {
  for (const Last what : {Last::update, Last::weight_that_nothing_reads}) {
    const bool update = what == Last::update;
    BadLastUpdate abort(OnNonFinite::abort);
    BOOST_TEST(
        test::fails_with({update ? "a loss of nan" : "weights that are not finite", "in the evaluation after epoch 1",
                          update ? "in layer" : "the parameter bystander.value", "lower the learning rate"},
                         [&] { abort.go(what); }));
    BOOST_TEST(abort.trainer.epoch() == 0);
    BOOST_TEST(abort.trainer.curve().empty());

    BadLastUpdate skip(OnNonFinite::skip);
    skip.go(what);
    BOOST_REQUIRE(skip.notes.events.size() == 1u);
    BOOST_TEST(skip.notes.events[0].kind == "warning");
    BOOST_TEST(skip.notes.events[0].text.find("in the evaluation after epoch 1") != std::string::npos);
    BOOST_TEST(std::isfinite(skip.notes.epochs.at(0).evaluation_loss) == !update);
    BOOST_TEST(skip.trainer.best_step() == (update ? 0 : 7));

    BadLastUpdate back(OnNonFinite::rollback);
    back.go(what);
    BOOST_REQUIRE(back.notes.events.size() == 1u);
    BOOST_TEST(back.notes.events[0].kind == "rollback");
    BOOST_TEST(back.trainer.batches_done() == 4);
    BOOST_TEST(back.optimizer.common().lr == 0.025);
    back.trainer.run();
    BOOST_TEST(back.notes.events.size() == 1u);
    BOOST_TEST(back.trainer.evaluation().accuracy > 0.8);
  }
}

BOOST_AUTO_TEST_CASE(an_epoch_whose_batches_were_all_left_out_has_no_training_loss) {
  Poisoned t(OnNonFinite::skip);
  struct Antidote : TrainObserver {  // in time for the evaluation
    explicit Antidote(Poison* p) : poison(p) {}
    void on_step(const Trainer&, const StepResult& step) override {
      if (step.position == step.batches) poison->forward_poison = 0;
    }
    Poison* poison;
  } antidote(t.poison);
  t.trainer.add(antidote);
  t.steps(7);
  t.poison->forward_poison = nan;
  t.steps(7);
  t.trainer.run();
  BOOST_TEST(t.optimizer.steps() == 14);
  BOOST_TEST(std::isnan(t.notes.steps.at(13).mean_loss));
  BOOST_REQUIRE(t.notes.epochs.size() == 3u);
  BOOST_TEST(std::isnan(t.notes.epochs[1].train_loss));
  BOOST_TEST(std::isnan(t.notes.epochs[1].train_accuracy));
  BOOST_TEST(t.notes.epochs[1].images_per_second == 0);
  BOOST_TEST(t.notes.epochs[1].evaluation_accuracy > 0.3);
  BOOST_TEST(t.notes.epochs[2].train_loss > 0);
}

BOOST_AUTO_TEST_CASE(a_training_without_an_update_is_an_error) {
  for (const std::int64_t patience : {0, 1}) {
    Poisoned t(OnNonFinite::skip, patience);
    t.poison->forward_poison = nan;
    BOOST_TEST(test::fails_with({"[trainer] got no update in 21 batches"}, [&] { t.trainer.run(); }));
    BOOST_TEST(!t.trainer.done());
  }
}

// Numbers that sums of products still hold, and the transforms of F(4x4) do not.
BOOST_AUTO_TEST_CASE(what_winograd_makes_infinite_is_told_with_a_way_out) {
  Tensor images({1, 12, 12, 16});
  fill_normal(images, Rng(1), 0, 1);
  const auto find = [&](Winograd method, double in_forward, double in_backward) {
    Tensor x = images.clone();
    x.mutable_data<float>()[(5 * 12 + 5) * 16] += static_cast<float>(in_forward);
    Sequential net{Rng(2)};
    net.add<Conv2d>("conv", {.in = 16, .out = 16, .padding = {1, 1}, .winograd = method});
    scale(static_cast<Conv2d&>(net.at(0)).weight.value(), 1e-3);
    return find_non_finite(net, x, [&] {
      Tensor weights = Tensor::full({1, 12, 12, 16}, 1e-4);
      weights.mutable_data<float>()[(5 * 12 + 5) * 16] += static_cast<float>(in_backward);
      return sum(net(x) * weights);
    });
  };
  for (const Winograd method : {Winograd::off, Winograd::f4}) {
    const std::string forward = find(method, 1.5e38, 0), backward = find(method, 0, 1.5e38);
    BOOST_TEST(find(method, 0, 0).empty());
    if (method == Winograd::off) {
      BOOST_TEST(forward.empty(), forward);
      continue;
    }
    BOOST_TEST(forward.find("the result of conv2d in layer \"conv\" (computed by Winograd's F(4x4)") == 0u, forward);
    BOOST_TEST(backward.find("the gradient that conv2d in layer \"conv\" hands back (computed by") == 0u, backward);
    BOOST_TEST(forward.find("EBB_WINOGRAD or Conv2dOptions::winograd = 2 or 0") != std::string::npos, forward);
  }
}

BOOST_AUTO_TEST_CASE(snapshots_of_buffers_of_another_size_are_refused) {
  BatchNorm2d norm({.channels = 3});
  BufferSnapshot buffers(norm);
  Tensor& mean = norm.named_buffers()[0].buffer->value();
  mean = Tensor::zeros({300});
  BOOST_TEST(test::fails_with({"[300]", "[3]"}, [&] { buffers.take(); }));
  BOOST_TEST(test::fails_with({"[300]", "[3]"}, [&] { buffers.restore(); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
