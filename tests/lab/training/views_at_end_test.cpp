// TrainerOptions::views_at_end: test-time augmentation in the last evaluation alone.
#include <boost/test/unit_test.hpp>

#include "lab/recipe/idle_keys.h"
#include "lab/recipe/recipe.h"
#include "tests/lab/small_training.h"
#include "tests/support/errors.h"

namespace ebb::test {
namespace {

const TrainerOptions at_end{.epochs = 3, .evaluation = {.flip = true}, .views_at_end = true};

BOOST_AUTO_TEST_SUITE(views_at_end)

BOOST_AUTO_TEST_CASE(earlier_evaluations_see_the_images_alone) {
  SmallTraining t(at_end), plain({.epochs = 3}), always({.epochs = 3, .evaluation = {.flip = true}});
  for (SmallTraining* const one : {&t, &plain, &always}) one->trainer.run();
  const auto loss = [](const SmallTraining& of, std::size_t epoch) {
    return of.trainer.curve()[epoch].evaluation_loss;
  };
  for (const std::size_t epoch : {0, 1}) {
    BOOST_TEST(loss(t, epoch) == loss(plain, epoch));
    BOOST_TEST(std::abs(loss(t, epoch) - loss(always, epoch)) > 1e-3);
  }
  BOOST_TEST(loss(t, 2) == loss(always, 2));
  BOOST_TEST(std::abs(loss(t, 2) - loss(plain, 2)) > 1e-3);
  BOOST_TEST(t.trainer.evaluation().loss == loss(always, 2));
  BOOST_TEST(t.trainer.evaluate_final(t.judged).loss == loss(always, 2));
}

// A state taken in the last epoch, or behind it, is judged with views as well.
BOOST_AUTO_TEST_CASE(a_training_that_goes_on_ends_with_them) {
  SmallTraining whole(at_end);
  whole.trainer.run();
  for (const int steps : {5, 16, 21}) {
    SmallTraining first(at_end), second(at_end);
    for (int step = 0; step < steps; ++step) first.trainer.step();
    second.trainer.load_state(first.trainer.save_state());
    second.trainer.run();
    BOOST_TEST(second.trainer.evaluation().loss == whole.trainer.evaluation().loss, steps);
  }
}

BOOST_AUTO_TEST_CASE(evaluations_that_do_not_compare_are_refused) {
  const auto refused = [](TrainerOptions options, const char* part) {
    options.views_at_end = true;
    BOOST_TEST(fails_with({part, "do not compare"}, [&] { SmallTraining t(options); }), part);
  };
  refused({.keep_best = true}, "views_at_end and keep_best");
  refused({.patience = 3}, "views_at_end and patience");
}

BOOST_AUTO_TEST_CASE(the_key_asks_for_views) {
  Recipe recipe;
  set(recipe, "tta_at_end", "true");
  BOOST_TEST(fails_with({"[tta_at_end] got", "tta_flip or tta_translate"}, [&] { require_no_idle_keys(recipe); }));
  set(recipe, "tta_flip", "true");
  BOOST_TEST(message_of([&] { require_no_idle_keys(recipe); }) == "no error");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb::test
