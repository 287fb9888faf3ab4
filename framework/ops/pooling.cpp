#include "framework/ops/pooling.h"

#include <algorithm>
#include <array>

#include "framework/compute/blocks.h"
#include "framework/compute/instruction_set.h"
#include "framework/ops/convolution_check.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using kernels::PoolShape;

// Slots of parallel::scratch().
enum : int { work_slot = 0 };

void require_images(const char* op, const Tensor& x) {
  require_defined(op, "input", x);
  if (!is_float(x.dtype())) fail(op, text("an input of type ", x.dtype()), "f32 or f64", "convert it with cast()");
  if (x.rank() != 4) fail(op, text("an input of shape ", x.shape()), "[batch, height, width, channels]");
  if (x.dim(1) == 0 || x.dim(2) == 0 || x.dim(3) == 0)
    fail(op, text("an input of shape ", x.shape()), "images of at least one pixel and one channel");
}

PoolShape pool_shape(const char* op, const Tensor& x, const PoolGeometry& g) {
  require_images(op, x);
  std::array<std::int64_t, 2> stride{}, out{};
  for (std::size_t i = 0; i < 2; ++i) {
    const char* const axis = i == 0 ? "height" : "width";
    stride[i] = g.stride[i] == 0 ? g.kernel[i] : g.stride[i];
    if (g.kernel[i] < 1 || g.kernel[i] > detail::largest_step)
      fail(op, text("a window of ", axis, ' ', g.kernel[i]), text("1 to ", detail::largest_step));
    if (stride[i] < 1 || stride[i] > detail::largest_step)
      fail(op, text("a stride of ", stride[i], " along the ", axis),
           text("1 to ", detail::largest_step, ", or 0 for the window's"));
    if (g.padding[i] < 0 || g.padding[i] > g.kernel[i] / 2)
      fail(op, text("padding of ", g.padding[i], " along the ", axis, " for a window of ", g.kernel[i]),
           "0 to half the window", "pad with pad() first for more");
    const std::int64_t room = x.dim(static_cast<int>(i) + 1) + 2 * g.padding[i] - g.kernel[i];
    if (room < 0)
      fail(op,
           text("a window of ", axis, ' ', g.kernel[i], " for an input ", x.shape(), " with padding ", g.padding[i]),
           "a window that fits", "use a smaller window or larger images");
    out[i] = room / stride[i] + 1;
  }
  PoolShape s;
  s.images = x.dim(0);
  s.height = x.dim(1);
  s.width = x.dim(2);
  s.channels = x.dim(3);
  s.out_height = out[0];
  s.out_width = out[1];
  s.kernel_height = g.kernel[0];
  s.kernel_width = g.kernel[1];
  s.stride_height = stride[0];
  s.stride_width = stride[1];
  s.pad_height = g.padding[0];
  s.pad_width = g.padding[1];
  s.count_padding = g.count_padding;
  return s;
}

std::array<OpSetting, 1> settings(const PoolShape& s) {
  return {OpSetting{"padding", static_cast<double>(std::max(s.pad_height, s.pad_width))}};
}

// body(first, last) over blocks of output rows; over whole images where windows of different rows overlap and
// `disjoint` asks for blocks that share no input row.
template <class Body>
void for_rows(const PoolShape& s, bool disjoint, Body body) {
  const std::int64_t cost = std::max(s.stride_height, std::int64_t{1}) * s.width * s.channels;
  const std::int64_t unit = disjoint && !kernels::pool_rows_apart(s) ? s.out_height : 1;
  const std::int64_t block = (row_block(cost) + unit - 1) / unit * unit;
  parallel::for_blocks(s.images * s.out_height, block, body);
}

Tensor output_of(const PoolShape& s, const Tensor& x) {
  return Tensor({s.images, s.out_height, s.out_width, s.channels}, x.dtype());
}

}  // namespace

Var max_pool2d(const Var& x, const PoolGeometry& geometry) {
  constexpr const char* op = "max_pool2d";
  const PoolShape s = pool_shape(op, x.value(), geometry);
  Tensor y = output_of(s, x.value());
  dispatch(op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.value().data<T>();
    T* const to = y.mutable_data<T>();
    for_rows(s, false, [&](std::int64_t first, std::int64_t last) {
      T* const work = parallel::scratch<T>(work_slot, kernels::pool_work(s));
      kernels_of<T>().pooling.max_forward(s, from, to, first, last, work);
    });
  });
  return record({op, settings(s)}, {x}, y, [s, x = Saved(x.value()), y = Saved(y)](const Tensor& dy, InputGrads& dx) {
    Tensor out(x->shape(), x->dtype());
    dispatch(op, dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* const from = x->data<T>();
      const T* const best = y->data<T>();
      const T* const up = dy.data<T>();
      T* const to = out.mutable_data<T>();
      for_rows(s, true, [&](std::int64_t first, std::int64_t last) {
        T* const work = parallel::scratch<T>(work_slot, kernels::pool_work(s));
        kernels_of<T>().pooling.max_backward(s, from, best, up, to, first, last, work);
      });
    });
    dx.add(0, std::move(out));
  });
}

Var avg_pool2d(const Var& x, const PoolGeometry& geometry) {
  constexpr const char* op = "avg_pool2d";
  const PoolShape s = pool_shape(op, x.value(), geometry);
  Tensor y = output_of(s, x.value());
  dispatch(op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.value().data<T>();
    T* const to = y.mutable_data<T>();
    for_rows(s, false, [&](std::int64_t first, std::int64_t last) {
      T* const work = parallel::scratch<T>(work_slot, kernels::pool_work(s));
      kernels_of<T>().pooling.average_forward(s, from, to, first, last, work);
    });
  });
  return record({op, settings(s)}, {x}, std::move(y), [s](const Tensor& dy, InputGrads& dx) {
    Tensor out(dx.shape(0), dy.dtype());
    dispatch(op, dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* const up = dy.data<T>();
      T* const to = out.mutable_data<T>();
      for_rows(s, true, [&](std::int64_t first, std::int64_t last) {
        T* const work = parallel::scratch<T>(work_slot, kernels::pool_work(s));
        kernels_of<T>().pooling.average_backward(s, up, to, first, last, work);
      });
    });
    dx.add(0, std::move(out));
  });
}

Var global_avg_pool2d(const Var& x) {
  constexpr const char* op = "global_avg_pool2d";
  require_images(op, x.value());
  const std::int64_t images = x.dim(0), pixels = x.dim(1) * x.dim(2), channels = x.dim(3);
  const std::int64_t block = row_block(pixels * channels);
  Tensor y({images, channels}, x.dtype());
  dispatch(op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.value().data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(images, block, [&](std::int64_t begin, std::int64_t end) {
      T* const work = parallel::scratch<T>(work_slot, channels);
      for (std::int64_t i = begin; i < end; ++i)
        kernels_of<T>().pooling.mean_rows(from + i * pixels * channels, pixels, channels, to + i * channels, work);
    });
  });
  return record(op, {x}, std::move(y), [=](const Tensor& dy, InputGrads& dx) {
    Tensor out(dx.shape(0), dy.dtype());
    dispatch(op, dy.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* const up = dy.data<T>();
      T* const to = out.mutable_data<T>();
      const T factor = T(1) / static_cast<T>(pixels);
      parallel::for_blocks(images, block, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          kernels_of<T>().pooling.spread_rows(up + i * channels, factor, pixels, channels, to + i * pixels * channels);
      });
    });
    dx.add(0, std::move(out));
  });
}

}  // namespace ebb
