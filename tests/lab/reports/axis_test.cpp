// Axes: tics that people read, and ranges in which curves can be told apart.
#include "lab/reports/axis.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

namespace ebb {
namespace {

using Scale = AxisOptions::Scale;
using Numbers = std::vector<double>;

std::vector<std::string> labels(const Axis& axis) {
  std::vector<std::string> out;
  for (const Tic& tic : axis.tics) out.push_back(tic.label);
  return out;
}

void require_labels(const Axis& axis, const std::vector<std::string>& wanted) {
  const std::vector<std::string> seen = labels(axis);
  BOOST_TEST(seen == wanted, boost::test_tools::per_element());
}

// A loss that begins at `first` and then falls from 0.3 to 0.1.
Numbers falling(double first) {
  Numbers out{first};
  for (int i = 0; i < 19; ++i) out.push_back(0.3 - 0.2 * i / 18.0);
  return out;
}

BOOST_AUTO_TEST_SUITE(axes)

BOOST_AUTO_TEST_CASE(tics_are_round_numbers_in_their_places) {
  const Axis axis = axis_of({{0, 10}}, {.whole = true});
  require_labels(axis, {"0", "2", "4", "6", "8", "10"});
  BOOST_TEST(axis.tics.front().place == 0.0);
  BOOST_TEST(axis.tics.back().place == 1.0);
  BOOST_TEST(axis.place(5) == 0.5);
  require_labels(axis_of({{1, 4}}, {.whole = true}), {"1", "2", "3", "4"});
  require_labels(axis_of({{3}}, {.whole = true}), {"3"});  // a single epoch
  require_labels(axis_of({{50, 23450}}, {.whole = true}), {"5,000", "10,000", "15,000", "20,000"});
  require_labels(axis_of({{0.1, 0.9}}, {.from_zero = true}), {"0", "0.2", "0.4", "0.6", "0.8"});
  require_labels(axis_of({{1e-5, 4e-5}}, {.from_zero = true}), {"0", "1e-5", "2e-5", "3e-5", "4e-5"});
}

BOOST_AUTO_TEST_CASE(what_does_not_change_has_short_numbers) {
  require_labels(axis_of({{0.05, 0.05, 0.05}}, {}), {"0.045", "0.050", "0.055"});
  require_labels(axis_of({{-300}}, {}), {"-320", "-300", "-280"});
  require_labels(axis_of({{0, 0}}, {}), {"-0.5", "0", "0.5"});
}

BOOST_AUTO_TEST_CASE(logarithmic_axes_have_powers_of_ten) {
  const Axis axis = axis_of({{1e-4, 1}}, {.scale = Scale::log});
  BOOST_TEST(axis.log);
  require_labels(axis, {"0.0001", "0.001", "0.01", "0.1", "1"});
  BOOST_TEST(axis.place(1e-2) == 0.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(std::isnan(axis.place(0)));
  BOOST_TEST(std::isnan(axis.place(-1)));
  require_labels(axis_of({{0.02, 0.5}}, {.scale = Scale::log}), {"0.02", "0.05", "0.1", "0.2", "0.5"});
  // Two tics would not tell how far apart numbers are.
  require_labels(axis_of({{19, 90}}, {.scale = Scale::log}), {"20", "30", "50", "70"});
  require_labels(axis_of({{32, 64, 256}}, {.scale = Scale::log, .marked = {32, 64, 256, 512}}), {"32", "64", "256"});
  BOOST_TEST(!axis_of({{1, 20}}, {.scale = Scale::automatic}).log);
  BOOST_TEST(axis_of({{1, 40}}, {.scale = Scale::automatic}).log);
  BOOST_TEST(!axis_of({{0, 40}}, {.scale = Scale::automatic}).log);  // 0 has no place on it
}

BOOST_AUTO_TEST_CASE(first_values_that_press_the_rest_flat_are_cut_off) {
  const AxisOptions options{.from_zero = true, .settled = true};
  const Axis cut = axis_of({falling(25)}, options);
  BOOST_TEST(cut.cut);
  BOOST_TEST(cut.high < 0.35);
  BOOST_TEST(cut.largest == 25.0);
  BOOST_TEST(cut.least == 0.1, boost::test_tools::tolerance(1e-12));
  const Axis whole = axis_of({falling(0.5)}, options);
  BOOST_TEST(!whole.cut);
  BOOST_TEST(whole.high > 0.5);
  BOOST_TEST(!axis_of({falling(25)}, {.from_zero = true}).cut);
  // From below, as accuracies begin; the end at 100 % stays.
  Numbers accuracy{10};
  for (int i = 0; i < 19; ++i) accuracy.push_back(97 + 0.15 * i);
  const Axis share = axis_of({accuracy}, {.most = 100, .settled = true});
  BOOST_TEST(share.cut);
  BOOST_TEST(share.low > 96);
  BOOST_TEST(share.high <= 100);
  // Many curves: each one's first value counts as such.
  BOOST_TEST(axis_of({falling(25), falling(20), falling(30)}, options).high < 0.35);
  // A rise that lasts is no matter of the first values.
  Numbers rising;
  for (int i = 0; i < 20; ++i) rising.push_back(0.1 * std::pow(1.3, i));
  BOOST_TEST(!axis_of({rising}, options).cut);
}

BOOST_AUTO_TEST_CASE(values_that_are_all_equal_get_a_range) {
  for (const double value : {0.0, 5.0, -3.0, 1e300, -1e-300}) {
    const Axis axis = axis_of({{value, value}}, {});
    BOOST_TEST(axis.low < axis.high);
    BOOST_TEST(axis.place(value) > 0);
    BOOST_TEST(axis.place(value) < 1);
    BOOST_TEST(!axis.tics.empty());
  }
}

BOOST_AUTO_TEST_CASE(extremes_and_gaps_have_an_axis_or_none) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  BOOST_TEST(axis_of({{}}, {}).tics.empty());
  BOOST_TEST(axis_of({{nan, infinity, -infinity}}, {}).tics.empty());
  BOOST_TEST(axis_of({{-1, 0}}, {.scale = Scale::log}).tics.empty());
  constexpr double largest = std::numeric_limits<double>::max(), least = std::numeric_limits<double>::denorm_min();
  for (const Scale scale : {Scale::linear, Scale::log, Scale::automatic})
    for (const Numbers& numbers :
         {Numbers{-largest, largest}, {least, largest}, {least, 2 * least}, {nan, 1, infinity, 2}})
      for (const bool settled : {false, true}) {
        const Axis axis = axis_of({numbers}, {.scale = scale, .from_zero = settled, .settled = settled});
        BOOST_TEST(std::isfinite(axis.low));
        BOOST_TEST(std::isfinite(axis.high));
        BOOST_TEST(axis.low < axis.high);
        BOOST_TEST(!axis.tics.empty());
        BOOST_TEST(axis.tics.size() < 20u);
        for (const Tic& tic : axis.tics) BOOST_TEST((tic.place > -0.01 && tic.place < 1.01), tic.label);
      }
}

BOOST_AUTO_TEST_CASE(named_places_are_evenly_spaced_and_of_many_some_are_named) {
  const Axis few = axis_of(std::vector<std::string>{"0", "0.1", "0.5"});
  require_labels(few, {"0", "0.1", "0.5"});
  BOOST_TEST(few.place(1) == 0.5);
  BOOST_TEST(axis_of(std::vector<std::string>(60, "x")).tics.size() <= 7u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
