#include "framework/compute/winograd_choice.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "framework/tensor/error.h"

namespace ebb::detail {
namespace {

constexpr std::int64_t usual_batch = 128;  // so many images share the transforms of weights, when a layer is judged

// EBB_WINOGRAD, read once.
Winograd& limit() {
  static Winograd chosen = [] {
    const char* const value = std::getenv("EBB_WINOGRAD");
    return value == nullptr || *value == '\0' ? Winograd::f4 : winograd_limit(value);
  }();
  return chosen;
}

bool possible(const ConvolutionShape& s) {
  if (s.groups != 1) return false;
  for (std::size_t i = 0; i < 2; ++i)
    if (s.kernel[i] != 3 || s.stride[i] != 1 || s.dilation[i] != 1 || s.padding[i] > 2) return false;
  return true;
}

// Channels as the kernels see them, in registers of 16.
double padded(std::int64_t channels) { return static_cast<double>((channels + 15) / 16 * 16); }

// Time of a pass in multiply-adds, roughly: transforms of a tile take about as long as so many multiply-adds for each
// channel of the images on either side, those of the weights as so many for each pair of channels.
double cost(const ConvolutionShape& s, double side) {
  const auto tiles = [&](std::int64_t outputs) { return std::ceil(static_cast<double>(outputs) / side); };
  const double points = (side + 2) * (side + 2);
  const double in = padded(s.in), out = padded(s.out);
  const double count = static_cast<double>(s.images) * tiles(s.output[0]) * tiles(s.output[1]);
  return count * points * (in * out + 8 * (in + out)) + 10 * points * in * out;
}

double direct_cost(const ConvolutionShape& s) {
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };  // products may exceed 64 bits
  return 9 * number(s.images) * number(s.output[0]) * number(s.output[1]) * number(s.in) * number(s.out);
}

ConvolutionShape layer(ConvolutionShape shape) {
  shape.images = usual_batch;
  return shape;
}

Winograd method_of(const ConvolutionShape& s) {
  if (!possible(s)) return Winograd::off;
  return s.winograd == Winograd::automatic ? winograd_choice(s, limit()) : s.winograd;
}

const kernels::Winograd* kernel_of(Winograd method) {
  switch (method) {
    case Winograd::f2: return &kernel_table().winograd_2;
    case Winograd::f4: return &kernel_table().winograd_4;
    default: return nullptr;
  }
}

}  // namespace

Winograd winograd_choice(const ConvolutionShape& shape, Winograd limit) {
  if (limit == Winograd::off || !possible(shape)) return Winograd::off;
  const double direct = 0.8 * direct_cost(shape);  // Winograd has to win clearly
  const double with_2 = cost(shape, 2);
  const double with_4 = limit == Winograd::f4 ? cost(shape, 4) : with_2;
  if (std::min(with_2, with_4) > direct) return Winograd::off;
  return with_4 < with_2 ? Winograd::f4 : Winograd::f2;
}

const kernels::Winograd* winograd_kernel(const ConvolutionShape& shape) { return kernel_of(method_of(layer(shape))); }

const kernels::Winograd* winograd_gradient_kernel(const ConvolutionShape& shape) { return kernel_of(method_of(shape)); }

bool is_matrix_product(const ConvolutionShape& s) {
  return s.kernel[0] == 1 && s.kernel[1] == 1 && s.stride[0] == 1 && s.stride[1] == 1 && s.padding[0] == 0 &&
         s.padding[1] == 0 && s.groups == 1;
}

int winograd_tile(const ConvolutionShape& shape, DType dtype) {
  const kernels::Winograd* const kernel = dtype == DType::f32 ? winograd_kernel(shape) : nullptr;
  return kernel == nullptr ? 0 : static_cast<int>(kernel->outputs);
}

Winograd winograd_limit() { return limit(); }

void set_winograd_limit(Winograd limit) { detail::limit() = limit; }

Winograd winograd_limit(std::string_view value) {
  if (value == "4") return Winograd::f4;
  if (value == "2") return Winograd::f2;
  if (value == "0") return Winograd::off;
  fail("EBB_WINOGRAD", text("\"", value, "\""), "4, 2 or 0: the largest Winograd tile, or none",
       "unset it for the default, 4");
}

}  // namespace ebb::detail
