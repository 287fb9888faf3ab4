#include "optim/channels.h"

#include <algorithm>
#include <cmath>

#include "framework/compute/basic.h"
#include "framework/compute/blocks.h"
#include "framework/parallel/parallel.h"

namespace ebb {

ChannelView channel_view(const Parameter& parameter) {
  const Shape& shape = parameter.shape();
  if (shape.rank() < 2) return {.rows = 1, .columns = shape.size(), .by_row = true};
  if (parameter.role() == Role::embedding)
    return {.rows = shape[0], .columns = shape[0] == 0 ? 0 : shape.size() / shape[0], .by_row = true};
  return {.rows = shape[-1] == 0 ? 0 : shape.size() / shape[-1], .columns = shape[-1], .by_row = false};
}

namespace {

double dot_in_double(const Tensor& a, const Tensor& b) {
  return dispatch("channel sums", a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const x = a.data<T>();
    const T* const y = b.data<T>();
    return parallel::sum_blocks(a.size(), elementwise_block, [&](std::int64_t begin, std::int64_t end) {
      double sum = 0;
      for (std::int64_t i = begin; i < end; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
      return sum;
    });
  });
}

// Whether a factor is also a number of f32 with a normal inverse.
bool single(double factor) { return std::abs(factor) > 1e-30 && std::abs(factor) < 1e30; }

}  // namespace

void channel_dots(const ChannelView& view, const Tensor& a, const Tensor& b, double* into) {
  if (view.channels() == 1) {
    into[0] = dot(a, b);
    // In f32 products over- and underflow, in double they do not.
    if (!(std::abs(into[0]) > 1e-20 && std::isfinite(into[0]))) into[0] = dot_in_double(a, b);
    return;
  }
  const std::int64_t columns = view.columns, block = row_block(columns);
  const std::int64_t blocks = std::max<std::int64_t>(1, parallel::block_count(view.rows, block));
  // One row of partial sums a block, added by a fixed tree; a channel that is a row has no partial sums.
  double* const partial = view.by_row ? into : parallel::scratch<double>(0, blocks * columns);
  if (!view.by_row) std::fill(partial, partial + blocks * columns, 0.0);
  dispatch("channel sums", a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const x = a.data<T>();
    const T* const y = b.data<T>();
    parallel::for_blocks(view.rows, block, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const T* const xs = x + row * columns;
        const T* const ys = y + row * columns;
        if (view.by_row) {
          double sum = 0;
          for (std::int64_t i = 0; i < columns; ++i) sum += static_cast<double>(xs[i]) * static_cast<double>(ys[i]);
          into[row] = sum;
        } else {
          double* const sums = partial + begin / block * columns;
          for (std::int64_t i = 0; i < columns; ++i) sums[i] += static_cast<double>(xs[i]) * static_cast<double>(ys[i]);
        }
      }
    });
  });
  if (view.by_row) return;
  parallel::tree_sum_rows(partial, blocks, columns);
  std::copy(partial, partial + columns, into);
}

namespace {

// y = f(y, alpha[c], position) on every channel c, in double.
template <class F>
void each(const ChannelView& view, const double* alpha, Tensor& y, F f) {
  const std::int64_t columns = view.columns;
  dispatch("channels", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(view.rows, row_block(columns), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row)
        for (std::int64_t i = 0; i < columns; ++i) {
          const std::int64_t at = row * columns + i;
          to[at] = static_cast<T>(f(static_cast<double>(to[at]), alpha[view.by_row ? row : i], at, zero));
        }
    });
  });
}

}  // namespace

void channel_scale(const ChannelView& view, const double* alpha, Tensor& y) {
  if (view.channels() == 1 && single(alpha[0])) return scale(y, alpha[0]);
  each(view, alpha, y, [](double value, double factor, std::int64_t, auto) { return factor * value; });
}

void channel_axpy(const ChannelView& view, const double* alpha, const Tensor& x, Tensor& y) {
  if (view.channels() == 1 && single(alpha[0])) return axpy(alpha[0], x, y);
  const std::byte* const from = x.bytes().data();
  each(view, alpha, y, [from](double value, double factor, std::int64_t at, auto zero) {
    return value + factor * static_cast<double>(reinterpret_cast<const decltype(zero)*>(from)[at]);
  });
}

}  // namespace ebb
