// TrainerOptions::swa_from: a training that ends with the mean of its last epochs.
#include <boost/test/unit_test.hpp>

#include "framework/io/checksum.h"
#include "framework/nn/update_batch_norm.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace ebb {
namespace {

using test::SmallTraining;

BOOST_AUTO_TEST_SUITE(mean_of_epochs)

// The library's own average, taken by hand at the ends of epochs 3 and 4.
BOOST_AUTO_TEST_CASE(with_statistics_of_its_own_it_is_what_remains) {
  SmallTraining t({.epochs = 4, .swa_from = 3}), plain({.epochs = 4});
  t.trainer.run();
  Swa mean(plain.model);
  while (!plain.trainer.done()) {
    const std::int64_t before = plain.trainer.epoch();
    plain.trainer.step();
    if (plain.trainer.epoch() > before && plain.trainer.epoch() >= 3) mean.update();
  }
  BOOST_TEST(sha256(plain.model.state()) == sha256(t.model.state()));
  for (std::size_t epoch = 0; epoch < 3; ++epoch)  // judged as if there were no mean
    BOOST_TEST(t.trainer.curve()[epoch].evaluation_loss == plain.trainer.curve()[epoch].evaluation_loss);
  mean.swap();
  const State without = plain.model.state();
  update_batch_norm(plain.model, [&] {
    for (const Batch& batch : plain.train.epoch(3)) plain.model(batch.images);
  });
  const State ends = t.trainer.final_weights();
  int others = 0;
  for (const auto& [name, value] : plain.model.state()) {
    if (!is_float(value.dtype())) continue;
    BOOST_TEST(test::same_bits(ends.at(name), value), name);
    others += test::same_bits(value, t.model.state().at(name)) ? 0 : 1;
  }
  BOOST_TEST(others == 8);  // all of them
  for (const char* const name : {"bn.running_mean", "bn.running_variance"})
    BOOST_TEST(!test::same_bits(ends.at(name), without.at(name)), name);
  BOOST_TEST(evaluate(plain.model, plain.judged).loss == t.trainer.evaluation().loss);
  BOOST_TEST(t.trainer.evaluate_final(t.judged).loss == t.trainer.evaluation().loss);
}

// Wherever it is stopped, also among the statistics or in the evaluation that they are for.
BOOST_AUTO_TEST_CASE(goes_on_from_a_state) {
  const TrainerOptions options{.epochs = 3, .swa_from = 2};
  SmallTraining whole(options);
  int asked = 0;
  whole.trainer.run([&] { return ++asked < 0; });
  BOOST_TEST(asked == 21 + 9 + 7);  // steps, batches of evaluations, batches of the statistics
  for (int stop = 12; stop <= asked; ++stop) {
    SmallTraining first(options), second(options);
    int now = 0;
    BOOST_TEST(!first.trainer.run([&] { return ++now >= stop; }));
    second.trainer.load_state(first.trainer.save_state());
    second.trainer.run();
    BOOST_TEST(sha256(second.trainer.save_state().tensors) == sha256(whole.trainer.save_state().tensors), stop);
    BOOST_TEST(sha256(second.trainer.final_weights()) == sha256(whole.trainer.final_weights()), stop);
    // Asked once, and then no more: it makes again what was broken off.
    SmallTraining third(options);
    now = 0;
    while (!third.trainer.run([&] { return ++now == stop; })) continue;
    BOOST_TEST(sha256(third.trainer.final_weights()) == sha256(whole.trainer.final_weights()), stop);
  }
}

BOOST_AUTO_TEST_CASE(is_refused_beside_other_ends) {
  const auto refused = [](const TrainerOptions& options, const char* part) {
    BOOST_TEST(test::fails_with({part}, [&] { SmallTraining t(options); }), part);
  };
  refused({.swa_from = -1}, "swa_from = -1");
  refused({.ema = EmaOptions{.keep = 0.9}, .swa_from = 2}, "swa_from = 2 and ema");
  refused({.swa_from = 2, .keep_best = true}, "swa_from = 2 and keep_best");
  refused({.swa_from = 2, .patience = 3}, "swa_from = 2 and patience");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
