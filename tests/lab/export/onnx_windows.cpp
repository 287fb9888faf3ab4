#include <algorithm>
#include <stdexcept>

#include "tests/lab/export/onnx_node.h"

namespace ebb::test {
namespace {

// Windows over [n, c, h, w].
struct Windows {
  Sizes kernel, strides, pads, dilations, out;

  Windows(const Node& n, const Sizes& input, Sizes taps)
      : kernel(std::move(taps)),
        strides(n.ints("strides", {1, 1})),
        pads(n.ints("pads", {0, 0, 0, 0})),
        dilations(n.ints("dilations", {1, 1})) {
    for (std::size_t i = 0; i < 2; ++i) {
      const std::int64_t reach = dilations[i] * (kernel[i] - 1) + 1;
      out.push_back((input[i + 2] + pads[i] + pads[i + 2] - reach) / strides[i] + 1);
    }
  }

  // visit(tap row, tap column, row, column) of the taps inside the image.
  template <class Visit>
  void taps(const Sizes& input, std::int64_t y, std::int64_t x, const Visit& visit) const {
    for (std::int64_t i = 0; i < kernel[0]; ++i)
      for (std::int64_t j = 0; j < kernel[1]; ++j) {
        const std::int64_t row = y * strides[0] - pads[0] + i * dilations[0];
        const std::int64_t column = x * strides[1] - pads[1] + j * dilations[1];
        if (row >= 0 && row < input[2] && column >= 0 && column < input[3]) visit(i, j, row, column);
      }
  }
};

}  // namespace

Array convolution(const Node& n) {
  const Array &x = n.in.at(0), &w = n.in.at(1);
  const std::int64_t groups = n.integer("group", 1), in = w.dim(1), out = w.dim(0) / groups;
  if (x.dim(1) != in * groups) throw std::runtime_error("channels of Conv");
  const Windows windows(n, x.shape, {w.dim(2), w.dim(3)});
  Array y = zeros({x.dim(0), w.dim(0), windows.out[0], windows.out[1]});
  for_indices(y.shape, [&](const Sizes& at_y, std::size_t to) {
    const std::int64_t first = at_y[1] / out * in;
    double sum = n.in.size() > 2 ? n.in[2].numbers.at(at(at_y[1])) : 0;
    windows.taps(x.shape, at_y[2], at_y[3], [&](std::int64_t i, std::int64_t j, std::int64_t row, std::int64_t column) {
      const double* const pixel = &x.numbers[at(((at_y[0] * x.dim(1) + first) * x.dim(2) + row) * x.dim(3) + column)];
      const double* const tap = &w.numbers[at((at_y[1] * in * w.dim(2) + i) * w.dim(3) + j)];
      for (std::int64_t c = 0; c < in; ++c) sum += pixel[c * x.dim(2) * x.dim(3)] * tap[c * w.dim(2) * w.dim(3)];
    });
    y.numbers[to] = sum;
  });
  return y;
}

Array transposed_convolution(const Node& n) {
  const Array &x = n.in.at(0), &w = n.in.at(1);
  const std::int64_t groups = n.integer("group", 1), in = x.dim(1) / groups, out = w.dim(1);
  const Sizes strides = n.ints("strides", {1, 1}), pads = n.ints("pads", {0, 0, 0, 0}),
              dilations = n.ints("dilations", {1, 1}), more = n.ints("output_padding", {0, 0});
  Sizes size;
  for (std::size_t i = 0; i < 2; ++i)
    size.push_back((x.shape[i + 2] - 1) * strides[i] + dilations[i] * (w.shape[i + 2] - 1) + 1 + more[i] - pads[i] -
                   pads[i + 2]);
  Array y = zeros({x.dim(0), out * groups, size[0], size[1]});
  if (n.in.size() > 2)
    for_indices(y.shape, [&](const Sizes& to, std::size_t i) { y.numbers[i] = n.in[2].numbers[at(to[1])]; });
  for_indices(x.shape, [&](const Sizes& from, std::size_t i) {
    for_indices({out, w.dim(2), w.dim(3)}, [&](const Sizes& tap, std::size_t) {
      const std::int64_t row = from[2] * strides[0] - pads[0] + tap[1] * dilations[0];
      const std::int64_t column = from[3] * strides[1] - pads[1] + tap[2] * dilations[1];
      if (row < 0 || row >= size[0] || column < 0 || column >= size[1]) return;
      y.numbers[place(y, {from[0], from[1] / in * out + tap[0], row, column})] +=
          x.numbers[i] * w.numbers[place(w, {from[1], tap[0], tap[1], tap[2]})];
    });
  });
  return y;
}

Array pooling(const Node& n, bool largest) {
  const Array& x = n.in.at(0);
  const Windows windows(n, x.shape, n.ints("kernel_shape", {}));
  const std::int64_t all = product(windows.kernel);
  Array y = zeros({x.dim(0), x.dim(1), windows.out[0], windows.out[1]});
  for_indices(y.shape, [&](const Sizes& to, std::size_t i) {
    double best = -infinity, sum = 0;
    std::int64_t inside = 0;
    windows.taps(x.shape, to[2], to[3], [&](std::int64_t, std::int64_t, std::int64_t row, std::int64_t column) {
      const double v = x.numbers[place(x, {to[0], to[1], row, column})];
      best = std::max(best, v);
      sum += v;
      ++inside;
    });
    const auto taps = static_cast<double>(n.integer("count_include_pad", 0) != 0 ? all : inside);
    y.numbers[i] = largest ? best : sum / taps;
  });
  return y;
}

}  // namespace ebb::test
