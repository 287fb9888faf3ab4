#include "framework/compute/convolution.h"

#include <algorithm>

#include "framework/compute/basic.h"
#include "framework/compute/blocks.h"
#include "framework/compute/convolution_gather.h"
#include "framework/compute/convolution_weights.h"
#include "framework/compute/gemm.h"
#include "framework/compute/instruction_set.h"
#include "framework/compute/kept_weights.h"
#include "framework/compute/moments.h"
#include "framework/compute/relu.h"
#include "framework/compute/strided.h"
#include "framework/compute/winograd.h"
#include "framework/compute/winograd_choice.h"
#include "framework/compute/winograd_weights.h"
#include "framework/parallel/parallel.h"

namespace ebb {
namespace {

std::int64_t pixels(const ConvolutionShape& s) { return s.images * s.output[0] * s.output[1]; }

// The weights of one tap as a matrix [in, out].
template <class T>
kernels::Strided<T> tap_matrix(const Tensor& weight, const ConvolutionShape& s) {
  if (s.weight_out_first) return {weight.data<T>(), 1, s.in / s.groups};
  return {weight.data<T>(), s.out, 1};
}

template <class T>
kernels::Strided<T> transposed(kernels::Strided<T> matrix) {
  std::swap(matrix.row, matrix.column);
  return matrix;
}

template <class T>
const T* optional_data(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

template <class T>
detail::Gather<T> gather_of(const Tensor& weight, const Tensor& bias, const ConvolutionShape& s, bool transposed) {
  detail::Gather<T> args{};
  const std::int64_t in = s.in / s.groups;
  const std::int64_t out = s.out / s.groups;
  const std::int64_t step_in = s.weight_out_first ? 1 : s.out;
  const std::int64_t step_out = s.weight_out_first ? in : 1;
  args.w = weight.data<T>();
  args.w_tap = in * s.out;
  args.w_group = out * step_out;
  args.w_source = transposed ? step_out : step_in;
  args.w_result = transposed ? step_in : step_out;
  args.bias = optional_data<T>(bias);
  args.images = s.images;
  args.groups = s.groups;
  args.source_channels = transposed ? s.out : s.in;
  args.result_channels = transposed ? s.in : s.out;
  for (std::size_t i = 0; i < 2; ++i)
    args.axis[i] = {s.kernel[i],
                    s.stride[i],
                    s.padding[i],
                    s.dilation[i],
                    transposed ? s.output[i] : s.input[i],
                    transposed ? s.input[i] : s.output[i],
                    transposed};
  return args;
}

// By Winograd's method where that is chosen, else directly.
template <class T>
void gather(detail::Gather<T>& args, const Tensor& weight, const ConvolutionShape& shape) {
  if constexpr (std::is_same_v<T, float>)
    if (const kernels::Winograd* const kernel = detail::winograd_kernel(shape)) {
      const int kind =
          static_cast<int>(4 * kernel->points) + (args.axis[0].transposed ? 2 : 0) + shape.weight_out_first;
      if (const std::int64_t numbers = detail::whole_winograd_weights(args, *kernel); numbers > 0)
        args.packed = detail::KeptWeights::take(
            weight, kind, numbers, [&](float* made) { detail::pack_winograd_weights(args, *kernel, made); });
      return detail::winograd_gather(args, *kernel);
    }
  detail::gather(args);
}

template <class T>
void weight_gradient(const T* x, const T* dy, T* dw, const ConvolutionShape& shape) {
  if constexpr (std::is_same_v<T, float>)
    if (const auto* const kernel = detail::winograd_gradient_kernel(shape))
      return detail::winograd_weight_gradient(x, dy, dw, shape, *kernel);
  detail::weight_gradient(x, dy, dw, shape);
}

// Moments of the channels of y, in blocks of rows.
template <class T>
void measure(const Tensor& y, double* moments) {
  const auto& normalization = kernels_of<T>().normalization;
  const std::int64_t channels = y.dim(-1);
  const std::int64_t rows = y.size() / channels;
  const std::int64_t block = row_block(channels);
  const std::int64_t size = moments_size(channels);
  const std::int64_t blocks = parallel::block_count(rows, block);
  double* const parts = parallel::scratch<double>(0, blocks * size);
  const T* const data = y.data<T>();
  parallel::for_blocks(rows, block, [&](std::int64_t begin, std::int64_t end) {
    T* const work = parallel::scratch<T>(1, 3 * normalization.period(channels));
    normalization.moments(data + begin * channels, end - begin, channels, work, parts + begin / block * size);
  });
  merge_moment_blocks(parts, blocks, channels);
  std::copy_n(parts, size, moments);
}

}  // namespace

Tensor convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvolutionShape& shape,
                   Tensor* stats, bool relu) {
  Tensor y(shape.output_shape(), x.dtype());
  if (stats != nullptr) *stats = Tensor::zeros({3, shape.out}, DType::f64);
  if (y.size() == 0) return y;
  dispatch("convolution", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    double* const moments = stats == nullptr ? nullptr : stats->mutable_data<double>();
    if (detail::is_matrix_product(shape)) {
      gemm<T>(pixels(shape), shape.out, shape.in, {x.data<T>(), shape.in, 1}, tap_matrix<T>(weight, shape),
              y.mutable_data<T>(), shape.out, {.bias = optional_data<T>(bias)});
      if (moments != nullptr) measure<T>(y, moments);
      if (relu) rectify(y);
      return;
    }
    detail::Gather<T> args = gather_of<T>(weight, bias, shape, false);
    args.x = x.data<T>();
    args.y = y.mutable_data<T>();
    args.stats = moments;
    args.relu = relu;
    gather(args, weight, shape);
  });
  return y;
}

Tensor convolution_input_gradient(const Tensor& dy, const Tensor& weight, const Tensor& bias,
                                  const ConvolutionShape& shape) {
  Tensor dx(shape.input_shape(), dy.dtype());
  if (dx.size() == 0) return dx;
  dispatch("convolution", dy.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (detail::is_matrix_product(shape)) {
      gemm<T>(pixels(shape), shape.in, shape.out, {dy.data<T>(), shape.out, 1},
              transposed(tap_matrix<T>(weight, shape)), dx.mutable_data<T>(), shape.in,
              {.bias = optional_data<T>(bias)});
      return;
    }
    detail::Gather<T> args = gather_of<T>(weight, bias, shape, true);
    args.x = dy.data<T>();
    args.y = dx.mutable_data<T>();
    gather(args, weight, shape);
  });
  return dx;
}

Tensor convolution_weight_gradient(const Tensor& x, const Tensor& dy, const ConvolutionShape& shape) {
  const std::int64_t in = shape.in / shape.groups;
  Tensor dw({shape.kernel[0], shape.kernel[1], in, shape.out}, x.dtype());
  if (dw.size() == 0) return dw;
  if (dy.size() == 0) {
    fill(dw, 0);
  } else {
    dispatch("convolution", x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      if (detail::is_matrix_product(shape)) {
        gemm<T>(in, shape.out, pixels(shape), {x.data<T>(), 1, shape.in}, {dy.data<T>(), shape.out, 1},
                dw.mutable_data<T>(), shape.out, {.over_batch = true});
      } else {
        weight_gradient(x.data<T>(), dy.data<T>(), dw.mutable_data<T>(), shape);
      }
    });
  }
  return shape.weight_out_first ? permute(dw, {0, 1, 3, 2}) : dw;
}

}  // namespace ebb
