#include <boost/test/unit_test.hpp>

#include "lab/recipe/names.h"
#include "lab/setup/session.h"
#include "tests/support/errors.h"

namespace ebb {
namespace {

using test::fails_with;
using test::message_of;

BOOST_AUTO_TEST_SUITE(shard_keys)

BOOST_AUTO_TEST_CASE(shards_are_a_power_of_two_and_reach_the_trainer) {
  Recipe recipe;
  BOOST_TEST(trainer_options(recipe).shards == 1);
  BOOST_TEST((trainer_options(recipe).batch_norm_over == BatchNormOver::shard));
  set(recipe, "batch_norm_over", "batch");
  BOOST_TEST(fails_with({"[batch_norm_over] got \"batch\" beside shards = 1, which ignores it"},
                        [&] { require_no_idle_keys(recipe); }));
  set(recipe, "shards", "8");
  BOOST_TEST(message_of([&] { require_no_idle_keys(recipe); }) == "no error");
  BOOST_TEST(trainer_options(recipe).shards == 8);
  BOOST_TEST((trainer_options(recipe).batch_norm_over == BatchNormOver::batch));
  BOOST_TEST(fails_with({"[shards] got 6; wanted a power of two from 1 to 256"}, [&] { set(recipe, "shards", "6"); }));
  BOOST_TEST(
      fails_with({"[shards] got 512; wanted a whole number from 1 to 256"}, [&] { set(recipe, "shards", "512"); }));
  BOOST_TEST(fails_with({"\"shard\", \"batch\""}, [&] { set(recipe, "batch_norm_over", "layer"); }));
  BOOST_TEST(recipe.shards == 8);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
