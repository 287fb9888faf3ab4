#include "framework/ops/pooling_shape.h"

#include <algorithm>

#include "framework/ops/convolution_check.h"
#include "framework/ops/windows.h"
#include "framework/tensor/error.h"

namespace ebb::detail {
namespace {

using kernels::PoolShape;

// A shape with the images of x.
PoolShape images_of(const Tensor& x) {
  PoolShape s;
  s.images = x.dim(0);
  s.height = x.dim(1);
  s.width = x.dim(2);
  s.channels = x.dim(3);
  s.end_height = s.height;
  s.end_width = s.width;
  return s;
}

// "height" or "width".
const char* name_of(std::size_t axis) { return axis == 0 ? "height" : "width"; }

// The options of one axis, which have been checked.
struct Along {
  const char* op;
  const char* axis;
  std::int64_t size, kernel, stride, padding, dilation, reach;

  Along(const char* name, const Tensor& x, const PoolGeometry& g, std::size_t i)
      : op(name),
        axis(name_of(i)),
        size(x.dim(static_cast<int>(i) + 1)),
        kernel(g.kernel[i]),
        stride(g.stride[i] == 0 ? g.kernel[i] : g.stride[i]),
        padding(g.padding[i]),
        dilation(g.dilation[i]),
        reach(kernels::pool_reach(kernel, dilation)) {}

  WindowsAlong windows(const PoolGeometry& g) const {
    if (g.same_padding) return same_windows(size, reach, stride);
    if (reach > size + 2 * padding)
      fail(op, text("a window that spans ", reach, " for images of ", axis, ' ', size, " with padding ", padding),
           "a window that fits", "use a smaller window or larger images");
    return padded_windows(size, padding, reach, stride, g.ceil_mode);
  }

  // Taps that are apart may step over a small image.
  void require_taps(const WindowsAlong& w) const {
    if (dilation == 1) return;
    for (std::int64_t i = 0; i < w.count && i * stride < w.before; ++i) {
      const std::int64_t begin = i * stride - w.before;
      if (kernels::pool_first(begin, dilation) >= std::min(size, begin + reach))
        fail(op, text("a window with taps ", dilation, " apart from ", begin, " on, for images of ", axis, ' ', size),
             "a tap inside the image", "use less padding or dilation");
    }
  }
};

}  // namespace

void require_images(const char* op, const Tensor& x) {
  require_defined(op, "input", x);
  if (!is_float(x.dtype())) fail(op, text("an input of type ", x.dtype()), "f32 or f64", "convert it with cast()");
  if (x.rank() != 4) fail(op, text("an input of shape ", x.shape()), "[batch, height, width, channels]");
  if (x.dim(1) == 0 || x.dim(2) == 0 || x.dim(3) == 0)
    fail(op, text("an input of shape ", x.shape()), "images of at least one pixel and one channel");
}

void check_geometry(const char* where, const PoolGeometry& g) {
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t kernel = g.kernel[i], stride = g.stride[i], padding = g.padding[i], dilation = g.dilation[i];
    const auto check = [&](const char* option, std::int64_t value, std::int64_t least, const char* note = "") {
      if (value < least || value > largest_step)
        fail(where, text(option, value, " along the ", name_of(i)), text(least, " to ", largest_step, note));
    };
    check("a window of ", kernel, 1);
    check("a stride of ", stride, 0, "; 0 is the window's");
    check("a dilation of ", dilation, 1);
    check("padding of ", padding, 0);
    const std::int64_t reach = kernels::pool_reach(kernel, dilation);
    if (padding > reach / 2)
      fail(where, text("padding of ", padding, " along the ", name_of(i), " for a window that spans ", reach),
           "at most half the window", "pad with pad() first for more");
    if (g.same_padding && padding != 0)
      fail(where, text("padding of ", padding, " along the ", name_of(i), " and same_padding"), "one of the two");
  }
}

PoolShape pool_shape(const char* op, const Tensor& x, const PoolGeometry& g) {
  check_geometry(op, g);
  require_images(op, x);
  const Along high(op, x, g, 0), wide(op, x, g, 1);
  const WindowsAlong rows = high.windows(g), columns = wide.windows(g);
  high.require_taps(rows);
  wide.require_taps(columns);
  PoolShape s = images_of(x);
  s.out_height = rows.count;
  s.out_width = columns.count;
  s.kernel_height = high.kernel;
  s.kernel_width = wide.kernel;
  s.stride_height = high.stride;
  s.stride_width = wide.stride;
  s.pad_height = rows.before;
  s.pad_width = columns.before;
  s.end_height = s.height + rows.after;
  s.end_width = s.width + columns.after;
  s.dilation_height = high.dilation;
  s.dilation_width = wide.dilation;
  s.count_padding = g.count_padding;
  return s;
}

PoolShape adaptive_shape(const char* op, const Tensor& x, std::array<std::int64_t, 2> output) {
  require_images(op, x);
  for (std::size_t i = 0; i < 2; ++i) {
    if (output[i] < 0 || output[i] > largest_step)
      fail(op, text("an output of {", output[0], ", ", output[1], "}"),
           text("1 to ", largest_step, ", or 0 for the size of the image"));
    if (output[i] == 0) output[i] = x.dim(static_cast<int>(i) + 1);
  }
  PoolShape s = images_of(x);
  if (s.height % output[0] == 0 && s.width % output[1] == 0)
    return pool_shape(op, x, {.kernel = {s.height / output[0], s.width / output[1]}});
  s.adaptive = true;
  s.out_height = output[0];
  s.out_width = output[1];
  s.kernel_height = s.height / output[0] + 2;  // the most that a window may have
  s.kernel_width = s.width / output[1] + 2;
  s.stride_height = std::max<std::int64_t>(1, s.height / output[0]);
  s.count_padding = false;
  return s;
}

}  // namespace ebb::detail
