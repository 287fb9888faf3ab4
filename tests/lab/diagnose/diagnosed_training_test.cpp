// A training that is diagnosed: same weights, and the same rows however often it was stopped.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <memory>

#include "framework/io/checksum.h"
#include "lab/diagnose/diagnostics.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::SmallTraining;

struct Diagnosed : SmallTraining {
  explicit Diagnosed(DiagnoseOptions options = {.every = 3, .window = 5, .steps_per_epoch = 7},
                     TrainerOptions training = {.epochs = 3})
      : SmallTraining(training), diagnostics(optimizer, looked_at(*this), options) {
    trainer.add(diagnostics);
  }
  static Audit looked_at(SmallTraining& t) {
    for (const Batch& batch : t.train.epoch(0))
      return audit(t.model, batch.images, batch.labels, &t.optimizer, {.probe = false});
    return {};
  }
  Diagnostics diagnostics;
};

BOOST_AUTO_TEST_SUITE(diagnosed_training)

BOOST_AUTO_TEST_CASE(has_the_weights_of_one_that_is_not) {
  SmallTraining plain({.epochs = 3});
  plain.trainer.run();
  Diagnosed diagnosed;
  diagnosed.trainer.run();
  BOOST_TEST(sha256(plain.trainer.final_weights()) == sha256(diagnosed.trainer.final_weights()));
  BOOST_TEST(plain.trainer.summary().state_sha256 == diagnosed.trainer.summary().state_sha256);
  // 21 steps: windows of five and one of the last step, which is measured as 18 and 19 are, and 20 is not.
  const auto& rows = diagnosed.diagnostics.rows();
  BOOST_TEST(rows.size() == 6u * 4u);
  const auto conv = std::ranges::find(rows, "conv.weight", &DiagnosisRow::parameter);
  BOOST_TEST(conv->position == "feeds_norm");
  BOOST_TEST(conv->channels == 4);
  BOOST_TEST(conv->norm.median > 0);
  BOOST_TEST(conv->predicted_norm > 0);
  BOOST_TEST(conv->epoch == 1);
  BOOST_TEST(rows.back().epoch == 3);
  BOOST_TEST(rows.back().position == "head");
}

BOOST_AUTO_TEST_CASE(that_is_stopped_anywhere_has_the_same_rows) {
  Diagnosed straight;
  straight.trainer.run();
  const std::string want = to_csv(straight.diagnostics.rows());
  auto current = std::make_unique<Diagnosed>();
  while (!current->trainer.done()) {
    current->trainer.step();
    const TrainState saved = current->trainer.save_state();
    current = std::make_unique<Diagnosed>();
    current->trainer.load_state(saved);
  }
  BOOST_TEST((to_csv(current->diagnostics.rows()) == want));
  BOOST_TEST(sha256(current->trainer.final_weights()) == sha256(straight.trainer.final_weights()));
}

BOOST_AUTO_TEST_CASE(may_begin_in_the_middle) {
  SmallTraining plain({.epochs = 3});
  for (int i = 0; i < 8; ++i) plain.trainer.step();
  Diagnosed later;
  later.trainer.load_state(plain.trainer.save_state());
  later.trainer.run();
  BOOST_TEST(later.diagnostics.rows().front().step == 10);
  // And may end there.
  Diagnosed begun;
  for (int i = 0; i < 8; ++i) begun.trainer.step();
  SmallTraining rest({.epochs = 3});
  rest.trainer.load_state(begun.trainer.save_state());
  rest.trainer.run();
  BOOST_TEST(sha256(rest.trainer.final_weights()) == sha256(later.trainer.final_weights()));
}

BOOST_AUTO_TEST_CASE(refuses_a_state_that_is_damaged) {
  Diagnosed begun;
  for (int i = 0; i < 7; ++i) begun.trainer.step();
  const TrainState good = begun.trainer.save_state();
  const auto refused = [&](const std::function<void(TrainState&)>& damage) {
    TrainState bad = good;
    damage(bad);
    Diagnosed other;
    const std::string before = sha256(other.trainer.final_weights());
    const bool told =
        test::message_of([&] { other.trainer.load_state(bad); }).find("state of the diagnosis") != std::string::npos;
    return told && sha256(other.trainer.final_weights()) == before && other.diagnostics.rows().empty();
  };
  std::size_t tried = 0;
  for (const auto& [name, tensor] : good.tensors) {
    if (!name.starts_with("observer/diagnostics/")) continue;
    if (name.find("/previous/") == std::string::npos && name.find("/start") == std::string::npos &&
        name.find("/rows") == std::string::npos)
      BOOST_TEST(refused([&, n = name](TrainState& s) { s.tensors.erase(n); }), name);
    BOOST_TEST(refused([&, n = name](TrainState& s) { s.tensors[n] = Tensor::zeros({3}, DType::i64); }), name);
    ++tried;
  }
  BOOST_TEST(tried > 8u);
  BOOST_TEST(refused([](TrainState& s) { s.metadata["observer/diagnostics"] = "2"; }));
  BOOST_TEST(refused([](TrainState& s) {
    Tensor t = s.tensors["observer/diagnostics/rows"].clone();
    t.mutable_data<double>()[0] = 1e9;  // no parameter has this number
    s.tensors["observer/diagnostics/rows"] = t;
  }));
}

BOOST_AUTO_TEST_CASE(goes_back_with_a_rollback) {
  Diagnosed run({.every = 1, .window = 2}, {.epochs = 3, .non_finite = OnNonFinite::rollback, .snapshot_every = 5});
  for (int i = 0; i < 8; ++i) run.trainer.step();
  BOOST_TEST(run.diagnostics.rows().back().step == 8);
  Tensor w = run.model.parameters()[0]->value();
  w.mutable_data<float>()[0] = NAN;
  run.trainer.step();  // to the snapshot after five batches
  BOOST_TEST(run.trainer.batches_done() == 5);
  BOOST_TEST(run.diagnostics.rows().back().step == 4);
  run.trainer.step();
  BOOST_TEST(run.diagnostics.rows().back().step == 6);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
