#include "lab/diagnose/moments.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/compute/blocks.h"
#include "framework/parallel/parallel.h"

namespace ebb {
namespace {

constexpr std::int64_t kinds = 6;  // of sums

// The arrays of an update, as T.
template <class T>
struct Arrays {
  const T* before;
  const T* after;
  const T* gradient;  // null: zeros
  T* previous;        // null: none
  double scale, limit;
};

// Adds the products of `count` numbers from place `at` on to sums: number i to place i of each array, or all of them
// to one place.
template <class T, bool gradient, bool previous, std::int64_t step>
void add_products(const Arrays<T>& a, std::int64_t at, std::int64_t count, double* sums, std::int64_t stride) {
  double* __restrict const ww = sums;
  double* __restrict const gg = ww + stride;
  double* __restrict const wg = gg + stride;
  double* __restrict const dd = wg + stride;
  double* __restrict const wd = dd + stride;
  double* __restrict const gp = wd + stride;
  const T* const before = a.before + at;
  const T* const after = a.after + at;
  const T* const from = gradient ? a.gradient + at : nullptr;
  T* const last = previous ? a.previous + at : nullptr;
  const double limit = a.limit > 0 ? a.limit : std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < count; ++i) {
    const double w = static_cast<double>(before[i]), d = static_cast<double>(after[i]) - w;
    ww[i * step] += w * w;
    dd[i * step] += d * d;
    wd[i * step] += w * d;
    double g = 0;
    if constexpr (gradient) {
      g = a.scale * static_cast<double>(from[i]);
      g = g > limit ? limit : g < -limit ? -limit : g;
      gg[i * step] += g * g;
      wg[i * step] += w * g;
    }
    if constexpr (previous) {
      gp[i * step] += g * static_cast<double>(last[i]);
      last[i] = static_cast<T>(g);
    }
  }
}

template <class T, std::int64_t step>
void add_numbers(const Arrays<T>& a, std::int64_t at, std::int64_t count, double* sums, std::int64_t stride) {
  const bool gradient = a.gradient != nullptr, previous = a.previous != nullptr;
  if (gradient && previous) add_products<T, true, true, step>(a, at, count, sums, stride);
  else if (gradient) add_products<T, true, false, step>(a, at, count, sums, stride);
  else if (previous) add_products<T, false, true, step>(a, at, count, sums, stride);
  else add_products<T, false, false, step>(a, at, count, sums, stride);
}

void put(const double* sums, std::int64_t stride, Moments& into) {
  into = {.ww = sums[0],
          .gg = sums[stride],
          .wg = sums[2 * stride],
          .dd = sums[3 * stride],
          .wd = sums[4 * stride],
          .gp = sums[5 * stride]};
}

// Channels that are rows: each is a sum of its own. A single one is cut into blocks.
template <class T>
void by_row(const ChannelView& view, const Arrays<T>& a, Moments* into) {
  const std::int64_t pieces = view.rows == 1 ? parallel::block_count(view.columns, elementwise_block) : 1;
  const std::int64_t length = view.rows == 1 ? elementwise_block : view.columns;
  double* const sums = parallel::scratch<double>(0, kinds * std::max<std::int64_t>(1, view.rows * pieces));
  parallel::for_blocks(view.rows * pieces, row_block(length), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      double* const own = sums + piece * kinds;
      std::fill(own, own + kinds, 0.0);
      const std::int64_t count = view.rows == 1 ? std::min(length, view.columns - piece * length) : length;
      add_numbers<T, 0>(a, piece * length, count, own, 1);
    }
  });
  if (view.rows == 1) parallel::tree_sum_rows(sums, pieces, kinds);
  for (std::int64_t row = 0; row < view.rows; ++row) put(sums + row * kinds, 1, into[row]);
}

// Channels that are columns: a row of partial sums for each block, added by a fixed tree.
template <class T>
void by_column(const ChannelView& view, const Arrays<T>& a, Moments* into) {
  const std::int64_t columns = view.columns, block = row_block(columns), width = kinds * columns;
  const std::int64_t blocks = std::max<std::int64_t>(1, parallel::block_count(view.rows, block));
  double* const sums = parallel::scratch<double>(0, blocks * width);
  std::fill(sums, sums + blocks * width, 0.0);
  parallel::for_blocks(view.rows, block, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      add_numbers<T, 1>(a, row * columns, columns, sums + begin / block * width, columns);
  });
  parallel::tree_sum_rows(sums, blocks, width);
  for (std::int64_t c = 0; c < columns; ++c) put(sums + c, columns, into[c]);
}

}  // namespace

double Moments::angle() const {
  // |w x d| by Lagrange's identity; w (w + d) is what the cosine has above.
  return std::atan2(std::sqrt(std::max(0.0, ww * dd - wd * wd)), ww + wd);
}

void Moments::add(const Moments& other) {
  ww += other.ww;
  gg += other.gg;
  wg += other.wg;
  dd += other.dd;
  wd += other.wd;
  gp += other.gp;
}

void measure_moments(const ChannelView& view, const UpdateTensors& t, Moments* into) {
  dispatch("diagnosis", t.before.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Arrays<T> arrays{.before = t.before.data<T>(),
                           .after = t.after.data<T>(),
                           .gradient = t.gradient.defined() ? t.gradient.data<T>() : nullptr,
                           .previous = t.previous == nullptr ? nullptr : t.previous->mutable_data<T>(),
                           .scale = t.gradient_scale,
                           .limit = t.gradient_limit};
    if (view.by_row) by_row(view, arrays, into);
    else by_column(view, arrays, into);
  });
}

}  // namespace ebb
