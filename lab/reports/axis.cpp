#include "lab/reports/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "lab/format/numbers.h"

namespace ebb {
namespace {

using Numbers = std::vector<double>;

struct Range {
  double low = 0, high = 0;
};

Range range_of(const Numbers& numbers) {
  const auto [low, high] = std::ranges::minmax(numbers);
  return {low, high};
}

// Numbers beyond 10^300, and exponents beyond 280, count as these: ranges and margins of theirs are finite.
constexpr double largest_number = 1e300, largest_exponent = 280;

double bounded(double value, bool log) {
  if (log) return std::clamp(std::log10(value), -largest_exponent, largest_exponent);
  return std::abs(value) < 1 / largest_number ? 0 : std::clamp(value, -largest_number, largest_number);
}

// The numbers that have a place; those of a log axis as exponents of ten.
Numbers placed(const Numbers& numbers, bool log) {
  Numbers out;
  for (const double value : numbers)
    if (std::isfinite(value) && (!log || value > 0)) out.push_back(bounded(value, log));
  return out;
}

bool wants_log(const std::vector<Numbers>& curves, AxisOptions::Scale scale) {
  if (scale != AxisOptions::Scale::automatic) return scale == AxisOptions::Scale::log;
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const Numbers& curve : curves)
    for (const double value : curve) {
      if (!std::isfinite(value)) continue;
      if (value <= 0) return false;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  return high > 30 * low;
}

// What is left of the curves without their first tenths, nor the outermost hundredth at either end.
Range settled_range(const std::vector<Numbers>& curves, const Range& all) {
  Numbers rest;
  for (const Numbers& curve : curves) {
    const auto first = static_cast<std::ptrdiff_t>(curve.size() < 4 ? 0 : std::max<std::size_t>(1, curve.size() / 10));
    rest.insert(rest.end(), curve.begin() + first, curve.end());
  }
  if (rest.empty()) return all;
  std::ranges::sort(rest);
  const std::size_t outermost = rest.size() / 100;
  return {rest[outermost], rest[rest.size() - 1 - outermost]};
}

// Ends that are pressed apart by less than this share of their size show noise of the last digits.
void widen(Range& range, double share) {
  const double size = std::max(std::abs(range.low), std::abs(range.high));
  if (range.high - range.low > share * size) return;
  const double more = size > 0 ? share * size : 1;
  range.low -= more / 2;
  range.high += more / 2;
}

// 1, 2 or 5 times a power of ten, so that about `count` steps make `span`.
double step_for(double span, double count) {
  const double rough = span / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * 0.999) return factor * power;
  return 10 * power;
}

std::string label_of(double value, double step, double largest) {
  if (value == 0) return "0";
  if (largest < 1e-3 || largest >= 1e6) return significant(value, 3);
  const int digits = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return digits == 0 ? grouped(std::llround(value)) : decimal(value, digits);
}

void add_linear_tics(Axis& axis, bool whole) {
  double step = step_for(axis.high - axis.low, 5);
  if (whole) step = std::max(1.0, step);
  const double largest = std::max(std::abs(axis.low), std::abs(axis.high));
  for (double k = std::ceil(axis.low / step - 1e-6); k * step <= axis.high + 1e-6 * step; ++k)
    axis.tics.push_back({axis.place(k * step), label_of(k * step, step, largest)});
}

void add_log_tics(Axis& axis) {
  const double low = std::log10(axis.low), high = std::log10(axis.high);
  const double stride = std::max(1.0, std::ceil((high - low) / 6));
  // Few powers of ten: multiples of them, too, until three tics tell how far apart numbers are.
  static const std::vector<Numbers> multiples{{1}, {1, 2, 5}, {1, 2, 3, 5, 7}, {1, 2, 3, 4, 5, 6, 7, 8, 9}};
  for (std::size_t dense = high - low < 2 ? 1 : 0; dense < multiples.size() && axis.tics.size() < 3; ++dense) {
    axis.tics.clear();
    for (double e = std::floor(low); e <= high; e += stride)
      for (const double factor : multiples[dense]) {
        const double value = factor * std::pow(10, e);
        if (value >= axis.low * 0.999 && value <= axis.high * 1.001)
          axis.tics.push_back({axis.place(value), significant(value, 1)});
      }
  }
}

}  // namespace

double Axis::place(double value) const {
  if (log) return value > 0 ? (std::log10(value) - std::log10(low)) / (std::log10(high) - std::log10(low)) : NAN;
  return (value - low) / (high - low);
}

Axis axis_of(const std::vector<std::string>& names) {
  Axis axis;
  axis.low = -0.5;
  axis.high = static_cast<double>(names.size()) - 0.5;
  const std::size_t stride = (names.size() + 6) / 7;  // about seven have room
  for (std::size_t i = 0; i < names.size(); i += stride)
    axis.tics.push_back({axis.place(static_cast<double>(i)), names[i]});
  return axis;
}

Axis axis_of(const std::vector<Numbers>& curves, const AxisOptions& options) {
  Axis axis;
  axis.log = wants_log(curves, options.scale);
  std::vector<Numbers> known;
  Numbers together;
  for (const Numbers& curve : curves) {
    known.push_back(placed(curve, axis.log));
    together.insert(together.end(), known.back().begin(), known.back().end());
  }
  if (together.empty()) return axis;
  const Range all = range_of(together);
  Range shown = all;
  if (options.settled) {
    const Range settled = settled_range(known, all);
    const double span = settled.high - (options.from_zero && !axis.log ? std::min(0.0, settled.low) : settled.low);
    if (all.high - settled.high > 1.5 * span) shown.high = settled.high;
    if (settled.low - all.low > 1.5 * span) shown.low = settled.low;
    axis.cut = shown.low > all.low || shown.high < all.high;
  }
  if (options.from_zero && !axis.log && shown.low > 0 && shown.low < 0.4 * shown.high) shown.low = 0;
  // What does not change at all needs no more digits than its number has.
  widen(shown, axis.log ? 1e-3 : shown.low == shown.high ? 0.2 : 1e-4);
  if (options.whole && shown.high - shown.low < 1) shown = {shown.low - 0.5, shown.high + 0.5};
  // At the side that is cut, too: where curves leave, they do not hide the frame.
  const double margin = 0.04 * (shown.high - shown.low);
  const bool at_zero = options.from_zero && shown.low >= 0 && shown.low <= margin;
  if (!options.whole) {
    if (!at_zero || axis.log) shown.low -= margin;
    shown.high += margin;
  }
  if (!axis.log) shown.high = std::min(shown.high, std::max(options.most, all.high));
  axis.low = axis.log ? std::pow(10, shown.low) : shown.low;
  axis.high = axis.log ? std::pow(10, shown.high) : shown.high;
  axis.least = axis.log ? std::pow(10, all.low) : all.low;
  axis.largest = axis.log ? std::pow(10, all.high) : all.high;
  for (const double value : options.marked)
    if (value >= axis.low && value <= axis.high) axis.tics.push_back({axis.place(value), significant(value, 3)});
  if (!axis.tics.empty()) return axis;
  if (axis.log && axis.high / axis.low > 3) add_log_tics(axis);
  else add_linear_tics(axis, options.whole);
  return axis;
}

}  // namespace ebb
