#include "framework/ops/pooling.h"

#include <algorithm>
#include <array>

#include "framework/autograd/repeat.h"
#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/ops/pooling_shape.h"
#include "framework/ops/shape.h"
#include "framework/parallel/parallel.h"

namespace ebb {
namespace {

using kernels::PoolShape;

// Slots of parallel::scratch().
enum : int { windows_slot = 0 };

// What the graph shows, always the first: "padding" is the most on any side. Windows may also be cut off behind it.
std::array<OpSetting, 12> settings(const PoolShape& s) {
  const std::int64_t below = s.end_height - s.height, right = s.end_width - s.width;
  const auto setting = [](const char* name, std::int64_t value) { return OpSetting{name, static_cast<double>(value)}; };
  return {setting("padding", std::max({s.pad_height, s.pad_width, below, right})),
          setting("kernel", s.kernel_height),
          setting("kernel", s.kernel_width),
          setting("stride", s.stride_height),
          setting("stride", s.stride_width),
          setting("before", s.pad_height),
          setting("before", s.pad_width),
          setting("behind", below),
          setting("behind", right),
          setting("dilation", s.dilation_height),
          setting("dilation", s.dilation_width),
          setting(s.adaptive ? "adaptive" : "count_padding", s.adaptive || s.count_padding ? 1 : 0)};
}

// body(first, last) over blocks of output rows; over whole images where windows of different rows overlap and
// `disjoint` asks for blocks that share no input row.
template <class Body>
void for_rows(const PoolShape& s, bool disjoint, Body body) {
  const std::int64_t cost = std::max(s.stride_height, std::int64_t{1}) * s.width * s.channels;
  const std::int64_t unit = disjoint && !kernels::pool_rows_apart(s) ? s.out_height : 1;
  const std::int64_t block = ceil_div(row_block(cost), unit) * unit;
  parallel::for_blocks(s.images * s.out_height, block, body);
}

Tensor output_of(const PoolShape& s, const Tensor& x) {
  return Tensor({s.images, s.out_height, s.out_width, s.channels}, x.dtype());
}

Var largest(const char* op, const Var& x, const PoolShape& s) {
  Tensor y = output_of(s, x.value());
  dispatch(op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.value().data<T>();
    T* const to = y.mutable_data<T>();
    for_rows(s, false, [&](std::int64_t first, std::int64_t last) {
      T* const work = parallel::scratch<T>(windows_slot, kernels::pool_work(s));
      kernels_of<T>().pooling.max_forward(s, from, to, first, last, work);
    });
  });
  const auto all = settings(s);
  return record({op, detail::shown(all, 1)}, {x}, y,
                [op, s, x = Saved(x.value()), y = Saved(y)](const Tensor& dy, InputGrads& dx) {
                  Tensor out(x->shape(), x->dtype());
                  dispatch(op, dy.dtype(), [&](auto zero) {
                    using T = decltype(zero);
                    const T* const from = x->data<T>();
                    const T* const best = y->data<T>();
                    const T* const up = dy.data<T>();
                    T* const to = out.mutable_data<T>();
                    for_rows(s, true, [&](std::int64_t first, std::int64_t last) {
                      T* const work = parallel::scratch<T>(windows_slot, kernels::pool_work(s));
                      kernels_of<T>().pooling.max_backward(s, from, best, up, to, first, last, work);
                    });
                  });
                  dx.add(0, std::move(out));
                });
}

Var average(const char* op, const Var& x, const PoolShape& s) {
  Tensor y = output_of(s, x.value());
  dispatch(op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.value().data<T>();
    T* const to = y.mutable_data<T>();
    for_rows(s, false, [&](std::int64_t first, std::int64_t last) {
      T* const work = parallel::scratch<T>(windows_slot, kernels::pool_work(s));
      kernels_of<T>().pooling.average_forward(s, from, to, first, last, work);
    });
  });
  const auto all = settings(s);
  return record({op, detail::shown(all, 1)}, {x}, std::move(y), [op, s](const Tensor& dy, InputGrads& dx) {
    Tensor out(dx.shape(0), dy.dtype());
    dispatch(op, dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* const up = dy.data<T>();
      T* const to = out.mutable_data<T>();
      for_rows(s, true, [&](std::int64_t first, std::int64_t last) {
        T* const work = parallel::scratch<T>(windows_slot, kernels::pool_work(s));
        kernels_of<T>().pooling.average_backward(s, up, to, first, last, work);
      });
    });
    dx.add(0, std::move(out));
  });
}

}  // namespace

Var max_pool2d(const Var& x, const PoolGeometry& geometry) {
  constexpr const char* op = "max_pool2d";
  return repeatable(largest(op, x, detail::pool_shape(op, x.value(), geometry)),
                    [geometry](std::span<const Var> in) { return max_pool2d(in[0], geometry); });
}

Var avg_pool2d(const Var& x, const PoolGeometry& geometry) {
  constexpr const char* op = "avg_pool2d";
  return repeatable(average(op, x, detail::pool_shape(op, x.value(), geometry)),
                    [geometry](std::span<const Var> in) { return avg_pool2d(in[0], geometry); });
}

Var adaptive_max_pool2d(const Var& x, std::array<std::int64_t, 2> output) {
  constexpr const char* op = "adaptive_max_pool2d";
  return repeatable(largest(op, x, detail::adaptive_shape(op, x.value(), output)),
                    [output](std::span<const Var> in) { return adaptive_max_pool2d(in[0], output); });
}

Var adaptive_avg_pool2d(const Var& x, std::array<std::int64_t, 2> output) {
  constexpr const char* op = "adaptive_avg_pool2d";
  const PoolShape s = detail::adaptive_shape(op, x.value(), output);
  if (s.out_height == 1 && s.out_width == 1) return reshape(global_avg_pool2d(x), {s.images, 1, 1, s.channels});
  return repeatable(average(op, x, s),
                    [output](std::span<const Var> in) { return adaptive_avg_pool2d(in[0], output); });
}

Var global_avg_pool2d(const Var& x) {
  constexpr const char* op = "global_avg_pool2d";
  detail::require_images(op, x.value());
  const std::int64_t images = x.dim(0), pixels = x.dim(1) * x.dim(2), channels = x.dim(3);
  const std::int64_t block = row_block(pixels * channels);
  Tensor y({images, channels}, x.dtype());
  dispatch(op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.value().data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(images, block, [&](std::int64_t begin, std::int64_t end) {
      T* const work = parallel::scratch<T>(windows_slot, channels);
      for (std::int64_t i = begin; i < end; ++i)
        kernels_of<T>().pooling.mean_rows(from + i * pixels * channels, pixels, channels, to + i * channels, work);
    });
  });
  return repeatable(record(op, {x}, std::move(y),
                           [=](const Tensor& dy, InputGrads& dx) {
                             Tensor out(dx.shape(0), dy.dtype());
                             dispatch(op, dy.dtype(), [&](auto zero) {
                               using T = decltype(zero);
                               const T* const up = dy.data<T>();
                               T* const to = out.mutable_data<T>();
                               const T factor = T(1) / static_cast<T>(pixels);
                               parallel::for_blocks(images, block, [&](std::int64_t begin, std::int64_t end) {
                                 for (std::int64_t i = begin; i < end; ++i)
                                   kernels_of<T>().pooling.spread_rows(up + i * channels, factor, pixels, channels,
                                                                       to + i * pixels * channels);
                               });
                             });
                             dx.add(0, std::move(out));
                           }),
                    [](std::span<const Var> in) { return global_avg_pool2d(in[0]); });
}

}  // namespace ebb
