#include "framework/compute/prepared_convolution.h"

#include <algorithm>

#include "framework/compute/blocks.h"
#include "framework/compute/convolution_gather.h"
#include "framework/compute/gemm.h"
#include "framework/compute/instruction_set.h"
#include "framework/compute/relu.h"
#include "framework/compute/winograd.h"
#include "framework/compute/winograd_choice.h"
#include "framework/parallel/parallel.h"

namespace ebb::detail {
namespace {

// Outputs of an image up to which its pixels fill no tiles of their own in the direct method.
constexpr std::int64_t few_outputs = 64;
constexpr std::int64_t most_rows = 512;             // of columns made at a time
constexpr std::int64_t near_bytes = 1 << 20;        // of weights that stay in the second cache between calls
constexpr double far_weight = 24, near_weight = 4;  // time to read a weight, in multiply-adds

constexpr int columns_slot = 3;

template <class T>
Gather<T> gather_of(const ConvolutionShape& s, std::int64_t images, const T* weight, const T* bias) {
  Gather<T> args{};
  const std::int64_t in = s.in / s.groups;
  args.w = weight;
  args.w_tap = in * s.out;
  args.w_group = s.out / s.groups;
  args.w_source = s.out;
  args.w_result = 1;
  args.bias = bias;
  args.images = images;
  args.groups = s.groups;
  args.source_channels = s.in;
  args.result_channels = s.out;
  for (std::size_t i = 0; i < 2; ++i)
    args.axis[i] = {s.kernel[i], s.stride[i], s.padding[i], s.dilation[i], s.input[i], s.output[i], false};
  return args;
}

template <class T>
const T* optional_data(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

// Time of a call in multiply-adds for each pair of channels: sums of `each` products for an image, weights of `numbers`
// that are read once.
double cost(const ConvolutionShape& s, double each, double numbers) {
  const double bytes = 4 * numbers * static_cast<double>(s.in * s.out);
  return static_cast<double>(s.images) * each + numbers * (bytes > near_bytes ? far_weight : near_weight);
}

double winograd_cost(const ConvolutionShape& s, std::int64_t side) {
  const auto tiles = [&](std::int64_t outputs) { return static_cast<double>(ceil_div(outputs, side)); };
  const auto points = static_cast<double>((side + 2) * (side + 2));
  const double transforms = 8.0 * static_cast<double>(s.in + s.out) / static_cast<double>(s.in * s.out);
  return cost(s, tiles(s.output[0]) * tiles(s.output[1]) * points * (1 + transforms), points);
}

}  // namespace

PreparedConvolution::Method PreparedConvolution::choose(DType dtype) const {
  const ConvolutionShape& s = layer_;
  const std::int64_t outputs = s.output[0] * s.output[1], taps = s.kernel[0] * s.kernel[1];
  const bool pixels = taps == 1 || (outputs <= few_outputs && s.in >= 16);
  const Method plain = s.groups == 1 && pixels ? Method::columns : Method::direct;
  ConvolutionShape forced = s;
  forced.winograd = s.winograd == Winograd::automatic ? winograd_limit() : s.winograd;
  const int most = winograd_tile(forced, dtype);
  if (most == 0) return plain;
  if (s.winograd != Winograd::automatic) return most == 4 ? Method::f4 : Method::f2;
  if (s.in < 16 || s.out < 16) return plain;
  const double direct = cost(s, static_cast<double>(outputs * taps), static_cast<double>(taps));
  const double f2 = winograd_cost(s, 2), f4 = most == 4 ? winograd_cost(s, 4) : f2;
  if (std::min(f2, f4) > 0.9 * direct) return plain;
  return f4 < f2 ? Method::f4 : Method::f2;
}

// The method of convolution().
PreparedConvolution::Method PreparedConvolution::usual(DType dtype) const {
  if (is_matrix_product(layer_)) return Method::columns;
  const int tile = winograd_tile(layer_, dtype);
  return tile == 4 ? Method::f4 : tile == 2 ? Method::f2 : Method::direct;
}

PreparedConvolution::PreparedConvolution(const Tensor& weight, const Tensor& bias, const ConvolutionShape& layer,
                                         bool relu, bool usual)
    : layer_(layer), method_(Method::direct), relu_(relu), weight_(weight) {
  if (bias.defined()) bias_ = bias.clone();
  layer_.images = std::max<std::int64_t>(1, layer_.images);
  dispatch("prepare", weight.dtype(),
           [&](auto zero) { arrange<decltype(zero)>(usual ? this->usual(weight.dtype()) : choose(weight.dtype())); });
  weight_ = packed_.defined() ? Tensor() : weight.clone();
}

template <class T>
void PreparedConvolution::arrange(Method method) {
  method_ = method;
  const auto make = [&](std::int64_t numbers) {
    packed_ = Tensor({numbers}, weight_.dtype());
    return packed_.mutable_data<T>();
  };
  const std::int64_t depth = layer_.kernel[0] * layer_.kernel[1] * layer_.in;
  const Gather<T> args = gather_of<T>(layer_, layer_.images, weight_.data<T>(), nullptr);
  if (method_ == Method::columns) {
    pack_factor<T>(layer_.out, depth, {weight_.data<T>(), layer_.out, 1}, make(packed_factor<T>(layer_.out, depth)));
  } else if (method_ == Method::direct) {
    if (const std::int64_t numbers = packed_gather_weights(args); numbers > 0) pack_gather_weights(args, make(numbers));
  } else if constexpr (std::is_same_v<T, float>) {
    const kernels::Winograd& kernel = method_ == Method::f4 ? kernel_table().winograd_4 : kernel_table().winograd_2;
    pack_winograd_weights(args, kernel, make(packed_winograd_weights(args, kernel)));
  }
}

// Rows of the numbers under the filter of each output pixel, for some images at a time.
template <class T>
void PreparedConvolution::columns(const Tensor& x, Tensor& y) const {
  const ConvolutionShape& s = layer_;
  const std::int64_t outputs = s.output[0] * s.output[1], depth = s.kernel[0] * s.kernel[1] * s.in;
  const std::int64_t images = x.dim(0), together = std::max<std::int64_t>(1, most_rows / outputs);
  const bool whole = s.kernel[0] == 1 && s.kernel[1] == 1 && s.input == s.output;
  const T* const from = x.data<T>();
  for (std::int64_t first = 0; first < images; first += together) {
    const std::int64_t count = std::min(together, images - first), rows = count * outputs;
    const T* a = from + first * s.input[0] * s.input[1] * s.in;
    if (!whole) {
      T* const to = parallel::scratch<T>(columns_slot, rows * depth);
      for (std::int64_t row = 0; row < rows; ++row) {
        const T* const image = a + row / outputs * s.input[0] * s.input[1] * s.in;
        T* at = to + row * depth;
        for (std::int64_t i = 0; i < s.kernel[0]; ++i)
          for (std::int64_t j = 0; j < s.kernel[1]; ++j, at += s.in) {
            const std::int64_t h = row % outputs / s.output[1] * s.stride[0] + i * s.dilation[0] - s.padding[0];
            const std::int64_t w = row % s.output[1] * s.stride[1] + j * s.dilation[1] - s.padding[1];
            const bool inside = h >= 0 && h < s.input[0] && w >= 0 && w < s.input[1];
            if (inside) std::copy_n(image + (h * s.input[1] + w) * s.in, s.in, at);
            else std::fill_n(at, s.in, T(0));
          }
      }
      a = to;
    }
    gemm<T>(rows, s.out, depth, {a, depth, 1}, {}, y.mutable_data<T>() + first * outputs * s.out, s.out,
            {.bias = optional_data<T>(bias_), .packed = packed_.data<T>()});
  }
  if (relu_) rectify(y);
}

Tensor PreparedConvolution::operator()(const Tensor& x) const {
  ConvolutionShape shape = layer_;
  shape.images = x.dim(0);
  Tensor y(shape.output_shape(), x.dtype());
  if (y.size() == 0) return y;
  dispatch("prepared convolution", x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (method_ == Method::columns) return columns<T>(x, y);
    Gather<T> args = gather_of<T>(layer_, x.dim(0), optional_data<T>(weight_), optional_data<T>(bias_));
    args.packed = optional_data<T>(packed_);
    args.x = x.data<T>();
    args.y = y.mutable_data<T>();
    args.relu = relu_;
    if constexpr (std::is_same_v<T, float>)
      if (method_ != Method::direct)
        return winograd_gather(args, method_ == Method::f4 ? kernel_table().winograd_4 : kernel_table().winograd_2);
    gather(args);
  });
  return y;
}

std::int64_t PreparedConvolution::bytes() const {
  std::int64_t sum = 0;
  for (const Tensor& tensor : {weight_, bias_, packed_})
    if (tensor.defined()) sum += static_cast<std::int64_t>(tensor.bytes().size());
  return sum;
}

const char* PreparedConvolution::method() const {
  switch (method_) {
    case Method::f2: return "F(2x2)";
    case Method::f4: return "F(4x4)";
    case Method::columns: return "columns";
    default: return "direct";
  }
}

}  // namespace ebb::detail
