#include <boost/test/unit_test.hpp>
#include <cmath>

#include "framework/nn/shard_pass.h"
#include "framework/ops/arithmetic.h"
#include "tests/lab/training/sharded_training.h"
#include "tests/support/errors.h"
#include "tests/support/instrumented.h"

namespace ebb::shards_test {
namespace {

using parallel::Communicator;
using test::GradientNotes;
using test::Norm;
using test::on_ranks;
using test::ShardedTraining;
using test::small_net;

constexpr int rank_counts[] = {1, 2, 3, 4, 5, 8};
constexpr std::int64_t epochs = test::instrumented ? 2 : 6;

ShardedTraining::MakeNet net_of(Norm norm, DType dtype = DType::f32) {
  return [=] { return small_net(norm, dtype); };
}

TrainerOptions in_shards(int shards, BatchNormOver over, TrainerOptions options = {}) {
  options.shards = shards;
  options.batch_norm_over = over;
  return options;
}

// What a training says of itself and its gradients in all steps.
struct Course {
  std::vector<Tensor> gradients;
  std::vector<double> losses;
  double train_loss = 0, train_accuracy = 0;
};

Course course_of(Norm norm, const TrainerOptions& options, const SgdOptions& sgd = {}) {
  ShardedTraining t(net_of(norm, DType::f64), options, parallel::alone(), sgd);
  GradientNotes notes(*t.model);
  t.trainer.add(notes);
  t.trainer.run();
  Course out{
      std::move(notes.gradients), {}, t.trainer.curve().front().train_loss, t.trainer.curve().front().train_accuracy};
  for (const StepResult& step : t.notes.steps) out.losses.push_back(step.loss);
  return out;
}

State weights_of(Norm norm, const TrainerOptions& options, const SgdOptions& sgd = {}) {
  ShardedTraining t(net_of(norm, DType::f64), options, parallel::alone(), sgd);
  t.trainer.run();
  return t.model->state();
}

double largest_difference(const State& a, const State& b) {
  double worst = 0;
  for (const auto& [path, tensor] : a) {
    const std::vector<double> x = test::values(tensor), y = test::values(b.at(path));
    for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, std::abs(x[i] - y[i]));
  }
  return worst;
}

// Everything that could tell the ranks apart: a last batch that leaves shards empty, augmentation of samples and
// labels, clipping, accumulation, averages.
TrainerOptions full_options(BatchNormOver over) {
  return {.epochs = epochs,
          .label_smoothing = 0.1,
          .ema = EmaOptions{.keep = 0.9},
          .lookahead = LookaheadOptions{.every = 3},
          .keep_best = true,
          .shards = 8,
          .batch_norm_over = over};
}

std::string full_training(Norm norm, BatchNormOver over, Communicator& ranks) {
  const SgdOptions sgd{.gradient = {.clip = clip_norm(0.5), .accumulate = 3},
                       .plateau = PlateauOptions{.factor = 0.5, .patience = 0}};
  const LoaderOptions loading{.augment = {.flip = Flip::random, .crop = 1, .mixup = 0.3}};
  ShardedTraining t(net_of(norm), full_options(over), ranks, sgd, loading);
  t.trainer.run();
  test::require(t.trainer.batches_done() == 5 * epochs, "five steps an epoch");
  return t.fingerprint();
}

BOOST_AUTO_TEST_SUITE(sharded_training)

BOOST_AUTO_TEST_CASE(the_bits_are_those_of_the_shards_on_any_number_of_ranks) {
  for (const auto& [norm, over] :
       {std::pair{Norm::none, BatchNormOver::shard}, std::pair{Norm::group, BatchNormOver::shard},
        std::pair{Norm::batch, BatchNormOver::shard}, std::pair{Norm::batch, BatchNormOver::batch}}) {
    const std::string wanted = full_training(norm, over, parallel::alone());
    for (const int ranks : rank_counts) {
      const auto got = on_ranks(ranks, [&](Communicator& one) { return full_training(norm, over, one); });
      for (std::size_t r = 0; r < got.size(); ++r)
        BOOST_TEST(got[r] == wanted, "rank " << r << " of " << ranks << ", norm " << static_cast<int>(norm) << ", over "
                                             << static_cast<int>(over));
    }
  }
}

BOOST_AUTO_TEST_CASE(threads_change_no_bit) {
  std::vector<std::string> got;
  for (const int threads : {1, 2, 3}) {
    const test::Threads use(threads);
    got.push_back(full_training(Norm::batch, BatchNormOver::batch, parallel::alone()));
    got.push_back(
        on_ranks(3, [](Communicator& one) { return full_training(Norm::batch, BatchNormOver::batch, one); })[2]);
  }
  for (const std::string& one : got) BOOST_TEST(one == got.front());
}

// Losses over shards of unequal size, masks of dropout and the counting of calls are those of the batch. The last batch
// of six in four shards: one or two samples in each; in sixteen: ten have none.
BOOST_AUTO_TEST_CASE(losses_and_gradients_are_those_of_the_whole_batch) {
  for (const auto& [norm, over] :
       {std::pair{Norm::none, BatchNormOver::shard}, std::pair{Norm::group, BatchNormOver::shard},
        std::pair{Norm::batch, BatchNormOver::batch}})
    for (const int shards : {2, 4, 16}) {
      const TrainerOptions options{.epochs = 1, .label_smoothing = 0.1};
      const Course whole = course_of(norm, options), cut = course_of(norm, in_shards(shards, over, options));
      BOOST_REQUIRE(whole.gradients.size() == cut.gradients.size());
      double size = 0;
      for (std::size_t i = 0; i < whole.gradients.size(); ++i) {
        BOOST_TEST(test::close(cut.gradients[i], whole.gradients[i], 1e-12, 1e-15),
                   "gradient " << i << ", " << shards << " shards");
        size = std::max(size, ebb::norm(whole.gradients[i]));
      }
      BOOST_TEST(size > 0.1);
      for (std::size_t i = 0; i < whole.losses.size(); ++i)
        BOOST_TEST(std::abs(cut.losses[i] - whole.losses[i]) < 1e-12);
      BOOST_TEST(std::abs(cut.train_loss - whole.train_loss) < 1e-12);
      BOOST_TEST(cut.train_accuracy == whole.train_accuracy);
      BOOST_TEST(whole.train_accuracy > 0.2);
    }
}

BOOST_AUTO_TEST_CASE(fifty_steps_end_at_the_weights_of_whole_batches) {
  const TrainerOptions options{.epochs = 10, .label_smoothing = 0.1};
  const SgdOptions sgd{.gradient = {.clip = clip_norm(0.3), .accumulate = 2}};
  for (const auto& [norm, over] :
       {std::pair{Norm::group, BatchNormOver::shard}, std::pair{Norm::batch, BatchNormOver::batch}}) {
    const State whole = weights_of(norm, options, sgd);
    BOOST_TEST(largest_difference(whole, weights_of(norm, in_shards(4, over, options), sgd)) < 1e-9);
    // Clipping matters here: without it the weights are others.
    BOOST_TEST(largest_difference(whole, weights_of(norm, options, {.gradient = {.accumulate = 2}})) > 1e-3);
  }
}

BOOST_AUTO_TEST_CASE(norms_of_shards_are_other_norms_than_those_of_the_batch) {
  const TrainerOptions options{.epochs = 1};
  const State whole = weights_of(Norm::batch, options);
  const State cut = weights_of(Norm::batch, in_shards(4, BatchNormOver::shard, options));
  BOOST_TEST(largest_difference(whole, cut) > 1e-3);
  BOOST_TEST(test::same_bits(cut.at("net.bn1.batches"), whole.at("net.bn1.batches")));
}

// One batch of 14 in four shards: three or four pictures each. The mean and the variance that are mixed in are those of
// all 14, over the shards as over the batch; the mean of the shards' variances would be less.
BOOST_AUTO_TEST_CASE(running_statistics_learn_of_the_whole_batch_once_a_step) {
  const auto statistics = [](int shards, BatchNormOver over) {
    ShardedTraining t(net_of(Norm::batch, DType::f64), in_shards(shards, over, {.epochs = 1}), parallel::alone(), {},
                      {.batch = 14});
    t.trainer.step();
    State out;
    for (const NamedBuffer& b : t.model->named_buffers())
      if (b.path.starts_with("net.bn1")) out[b.path] = b.buffer->value().clone();
    return out;
  };
  const State whole = statistics(1, BatchNormOver::shard);
  BOOST_TEST(whole.at("net.bn1.batches").item() == 1);
  for (const BatchNormOver over : {BatchNormOver::shard, BatchNormOver::batch})
    for (const int shards : {2, 4, 8}) BOOST_TEST(largest_difference(whole, statistics(shards, over)) < 1e-14);
}

// Of counters and of a layer that keeps something of its own.
class Keeps : public Layer {
 public:
  Keeps() = default;
  Var forward(const Var& x) override {
    if (!training()) return x;
    ++*calls.value().mutable_data<std::int64_t>();
    const ShardPass* const shard = ShardPass::current();
    // Of the last sample that it has seen.
    seen.value().mutable_data<float>()[0] = 10 * seen.value().data<float>()[0] + x.value().data<float>()[x.size() - 1] +
                                            static_cast<float>(shard == nullptr ? 0 : shard->first());
    return x;
  }
  Buffer calls{*this, "calls", Tensor::zeros({}, DType::i64)};
  Buffer seen{*this, "seen", Tensor::zeros({1})};
};

BOOST_AUTO_TEST_CASE(what_layers_count_advances_once_a_step_on_every_rank) {
  const auto net = [] {
    auto out = std::make_unique<Sequential>(Rng(5));
    out->add<Keeps>("keeps");
    out->add<Flatten>("flatten");
    out->add<BatchNorm1d>("bn", {.channels = 36});
    out->add<Dropout>("dropout", {.p = 0.5});
    out->add<Linear>("head", {.in = 36, .out = 3});
    return out;
  };
  const auto run = [&](Communicator& one) {
    ShardedTraining t(net, in_shards(8, BatchNormOver::batch, {.epochs = 2}), one);
    t.trainer.run();
    const State state = t.model->state();
    test::require(state.at("keeps.calls").item() == 10 && state.at("dropout.calls").item() == 10 &&
                      state.at("bn.batches").item() == 10,
                  "ten calls in ten steps");
    test::require(std::abs(state.at("keeps.seen").item()) > 1, "something kept");
    return t.fingerprint();
  };
  const std::string wanted = run(parallel::alone());
  for (const int ranks : rank_counts)
    for (const std::string& got : on_ranks(ranks, run)) BOOST_TEST(got == wanted, ranks << " ranks");
}

// Subtracts the mean of the batch.
class Centred : public Layer {
 public:
  Var forward(const Var& x) override {
    const std::int64_t rows = x.dim(0), columns = x.size() / rows;
    const auto centred = [rows, columns](const Tensor& t) {
      std::vector<double> sums(static_cast<std::size_t>(columns + 1));
      for (std::int64_t i = 0; i < t.size(); ++i) sums[static_cast<std::size_t>(i % columns)] += t.data<double>()[i];
      sums.back() = static_cast<double>(rows);
      sum_over_batch(sums);
      Tensor out = t.clone();
      for (std::int64_t i = 0; i < t.size(); ++i)
        out.mutable_data<double>()[i] -= sums[static_cast<std::size_t>(i % columns)] / sums.back();
      return out;
    };
    return record("centred", {x}, centred(x.value()),
                  [=](const Tensor& dy, InputGrads& dx) { dx.add(0, centred(dy)); });
  }
};

std::unique_ptr<Layer> centred_net() {
  auto net = std::make_unique<Sequential>(Rng(5));
  net->add<Conv2d>("conv", {.in = 1, .out = 4, .padding = {1, 1}});
  net->add<Centred>("centred");
  net->add<Flatten>("flatten");
  net->add<Linear>("head", {.in = 144, .out = 3});
  return std::make_unique<test::InF64>(std::move(net));
}

BOOST_AUTO_TEST_CASE(a_layer_of_ones_own_sums_over_the_batch) {
  const auto run = [](int shards, Communicator& one) {
    ShardedTraining t(centred_net, in_shards(shards, BatchNormOver::batch, {.epochs = 2}), one);
    t.trainer.run();
    return t.model->state();
  };
  const State whole = run(1, parallel::alone()), cut = run(8, parallel::alone());
  BOOST_TEST(largest_difference(whole, cut) < 1e-11);
  for (const int ranks : {2, 3, 8})
    for (const std::string& got : on_ranks(ranks, [&](Communicator& one) { return sha256(run(8, one)); }))
      BOOST_TEST(got == sha256(cut));
  BOOST_TEST(test::fails_with({"[sum_over_batch in net.centred]", "batch_norm_over"},
                              [] { ShardedTraining(centred_net, in_shards(8, BatchNormOver::shard)).trainer.step(); }));
}

// One picture is so large that its square overflows, in one shard of one batch. All ranks leave out that batch, and say
// the same.
BOOST_AUTO_TEST_CASE(what_is_not_finite_in_one_shard_counts_on_all_ranks) {
  TensorDataset pictures = test::small_pictures(70, 1);
  Tensor images({70, 6, 6, 1}), labels({70}, DType::i64);
  std::vector<std::int64_t> all(70);
  for (std::int64_t i = 0; i < 70; ++i) all[static_cast<std::size_t>(i)] = i;
  pictures.read(all, images.mutable_span<float>(), labels.mutable_span<std::int64_t>());
  images.mutable_data<float>()[36 * 40 + 7] = 1e30f;
  const TensorDataset odd(images, labels, 3);
  class Squares : public Layer {
   public:
    Var forward(const Var& x) override { return square(x); }
  };
  const auto net = [](bool norm) {
    return [norm] {
      auto out = std::make_unique<Sequential>(Rng(5));
      out->add<Conv2d>("conv", {.in = 1, .out = 2});
      out->add<Squares>("squares");
      if (norm) out->add<BatchNorm2d>("bn", {.channels = 2});
      out->add<Flatten>("flatten");
      out->add<Dropout>("dropout", {.p = 0.1});
      out->add<Linear>("head", {.in = 32, .out = 3});
      return out;
    };
  };
  for (const OnNonFinite policy : {OnNonFinite::skip, OnNonFinite::rollback})
    for (const auto& [norm, over] : {std::pair{false, BatchNormOver::shard}, std::pair{true, BatchNormOver::shard},
                                     std::pair{true, BatchNormOver::batch}}) {
      const auto run = [&, with_norm = norm, where = over](Communicator& one) {
        TrainerOptions options = in_shards(8, where, {.epochs = 2, .non_finite = policy, .snapshot_every = 2});
        options.rollbacks = 1;
        ShardedTraining t(net(with_norm), options, one, {}, {}, odd);
        std::string out;
        try {
          t.trainer.run();
          out = t.fingerprint();
        } catch (const Error& error) {  // of the second epoch: one rollback is allowed
          for (const TrainEvent& e : t.notes.events) out += e.text;
          out += error.what();
        }
        return out;
      };
      const std::string wanted = run(parallel::alone());
      BOOST_TEST(wanted.find("the result of square in layer \"squares\" (of shard ") != std::string::npos, wanted);
      BOOST_TEST(wanted.find(policy == OnNonFinite::skip ? "left out a batch" : "went back to batch") !=
                 std::string::npos);
      for (const int ranks : {2, 5, 8})
        for (std::string got : on_ranks(ranks, run)) {
          for (std::size_t at; (at = got.find(", rank ")) != std::string::npos;) got.erase(at, got.find(')', at) - at);
          BOOST_TEST(got == wanted, ranks << " ranks");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_state_goes_on_on_another_number_of_ranks) {
  const auto make = [](Communicator& one) {
    return std::make_unique<ShardedTraining>(net_of(Norm::batch), in_shards(8, BatchNormOver::batch, {.epochs = 4}),
                                             one);
  };
  const auto whole = make(parallel::alone());
  std::vector<TrainState> states;
  while (!whole->trainer.done()) {
    states.push_back(whole->trainer.save_state());
    whole->trainer.step();
  }
  const std::string wanted = sha256(whole->trainer.save_state().tensors);
  for (const int ranks : {2, 3, 8}) {
    const auto got = on_ranks(ranks, [&](Communicator& one) {
      const auto rest = make(one);
      rest->trainer.load_state(states[static_cast<std::size_t>(4 + ranks)]);
      rest->trainer.run();
      return sha256(rest->trainer.save_state().tensors);
    });
    for (const std::string& one : got) BOOST_TEST(one == wanted);
  }
}

BOOST_AUTO_TEST_CASE(shards_and_ranks_that_make_no_sense_are_refused) {
  BOOST_TEST(
      test::fails_with({"shards = 6", "power of two"}, [] { ShardedTraining(net_of(Norm::none), {.shards = 6}); }));
  BOOST_TEST(test::fails_with({"4 ranks with shards = 2", "more shards"}, [] {
    test::run_ranks(4, [](Communicator& one) { ShardedTraining(net_of(Norm::none), {.shards = 2}, one); });
  }));
  const auto other = [](Communicator& one) {
    ShardedTraining t(net_of(Norm::none), {.epochs = 1, .shards = 4}, one);
    if (one.rank() == 1) t.model->named_parameters().front().parameter->value().mutable_data<float>()[0] += 1;
    t.trainer.step();
  };
  BOOST_TEST(test::fails_with({"[weights]", "on rank 0", "on rank 1", "the same on all ranks"},
                              [&] { test::run_ranks(3, other); }));
  BOOST_TEST(test::fails_with({"[shards] got 4 on rank 0, 8 on rank 2"}, [&] {
    test::run_ranks(3, [](Communicator& one) {
      ShardedTraining(net_of(Norm::none), {.shards = one.rank() == 2 ? 8 : 4}, one).trainer.step();
    });
  }));
}

BOOST_AUTO_TEST_CASE(ranks_that_loaded_other_states_are_refused) {
  const auto make = [](Communicator& one) {
    return std::make_unique<ShardedTraining>(net_of(Norm::none), in_shards(4, BatchNormOver::shard), one);
  };
  const auto first = make(parallel::alone());
  first->trainer.step();
  const TrainState early = first->trainer.save_state();
  first->trainer.step();
  const TrainState late = first->trainer.save_state();
  BOOST_TEST(test::fails_with({"[batches] got 2 done", "on rank 0, 1 done", "on rank 1"}, [&] {
    test::run_ranks(2, [&](Communicator& one) {
      const auto t = make(one);
      t->trainer.step();
      t->trainer.load_state(one.rank() == 0 ? late : early);
      t->trainer.step();
    });
  }));
}

// Two values for each channel make statistics, wherever they are: a shard of one sample is refused by itself only.
BOOST_AUTO_TEST_CASE(shards_of_one_sample_are_refused_where_they_are_alone) {
  const auto net = [] {
    auto out = std::make_unique<Sequential>(Rng(5));
    out->add<Flatten>("flatten");
    out->add<BatchNorm1d>("bn", {.channels = 36});
    out->add<Linear>("head", {.in = 36, .out = 3});
    return out;
  };
  const auto step = [&](int shards, BatchNormOver over, std::int64_t batch) {
    ShardedTraining(net, in_shards(shards, over, {.epochs = 1}), parallel::alone(), {}, {.batch = batch}).trainer.run();
  };
  BOOST_TEST(test::fails_with({"[shards] got a shard of one sample, of 16 in 16 shards", "2 values", "fewer shards"},
                              [&] { step(16, BatchNormOver::shard, 16); }));
  BOOST_TEST(test::fails_with({"of 6 in 4 shards", "drop_last"}, [&] { step(4, BatchNormOver::shard, 16); }));
  BOOST_TEST(test::message_of([&] { step(2, BatchNormOver::shard, 16); }) == "no error");
  BOOST_TEST(test::message_of([&] { step(16, BatchNormOver::batch, 16); }) == "no error");
  BOOST_TEST(test::message_of([&] { step(2, BatchNormOver::batch, 2); }) == "no error");  // 1 + 1
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::shards_test
