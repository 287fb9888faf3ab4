#include "framework/kernels/convolution_parts.h"
#include "framework/kernels/simd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

template <class T>
Batch<T> load(const T* from, int64_t count) {
  return count >= lanes<T> ? Batch<T>::load_unaligned(from) : load_part(from, count);
}

template <class T>
void store(T* to, Batch<T> value, int64_t count) {
  if (count >= lanes<T>) value.store_unaligned(to);
  else store_part<T>(to, value, count);
}

// Channels are the lanes; four output pixels share each tap's weights.
constexpr int pixels = 4;

template <class T>
void depthwise_row(const DepthwiseRow<T>& args, const T* w, const T* bias, T* y, int64_t y_column) {
  for (int64_t c = 0; c < args.channels; c += lanes<T>) {
    const int64_t count = args.channels - c;
    const T* const x = args.x + args.x_offset + c;
    const Batch<T> start = bias == nullptr ? Batch<T>(T(0)) : load(bias + c, count);
    int64_t j = 0;
    for (; j + pixels <= args.columns; j += pixels) {
      Batch<T> sum[pixels] = {start, start, start, start};
      for (int64_t t = 0; t < args.tap_count; ++t) {
        const T* const from = x + (args.taps[t].x + j * args.x_column);
        const Batch<T> weight = load(w + args.taps[t].w + c, count);
        for (int p = 0; p < pixels; ++p) sum[p] = xsimd::fma(load(from + p * args.x_column, count), weight, sum[p]);
      }
      for (int p = 0; p < pixels; ++p) store(y + (j + p) * y_column + c, sum[p], count);
    }
    for (; j < args.columns; ++j) {
      Batch<T> sum = start;
      for (int64_t t = 0; t < args.tap_count; ++t)
        sum =
            xsimd::fma(load(x + (args.taps[t].x + j * args.x_column), count), load(w + args.taps[t].w + c, count), sum);
      store(y + j * y_column + c, sum, count);
    }
  }
}

template <class T>
void depthwise_gradient(const DepthwiseRow<T>& args, const T* dy, int64_t dy_column, T* dw) {
  for (int64_t c = 0; c < args.channels; c += lanes<T>) {
    const int64_t count = args.channels - c;
    for (int64_t t = 0; t < args.tap_count; ++t) {
      const T* const x = args.x + (args.x_offset + args.taps[t].x) + c;
      Batch<T> sum[pixels] = {Batch<T>(T(0)), Batch<T>(T(0)), Batch<T>(T(0)), Batch<T>(T(0))};
      int64_t j = 0;
      for (; j + pixels <= args.columns; j += pixels)
        for (int p = 0; p < pixels; ++p)
          sum[p] =
              xsimd::fma(load(x + (j + p) * args.x_column, count), load(dy + (j + p) * dy_column + c, count), sum[p]);
      for (; j < args.columns; ++j)
        sum[0] = xsimd::fma(load(x + j * args.x_column, count), load(dy + j * dy_column + c, count), sum[0]);
      T* const to = dw + args.taps[t].w + c;
      store(to, load(to, count) + ((sum[0] + sum[1]) + (sum[2] + sum[3])), count);
    }
  }
}

}  // namespace

void fill_depthwise(Convolution<float>& table) {
  table.depthwise_row = depthwise_row<float>;
  table.depthwise_gradient = depthwise_gradient<float>;
}

void fill_depthwise(Convolution<double>& table) {
  table.depthwise_row = depthwise_row<double>;
  table.depthwise_gradient = depthwise_gradient<double>;
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
