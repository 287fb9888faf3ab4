#include "framework/ops/convolution.h"

#include <algorithm>
#include <array>

#include "framework/autograd/repeat.h"
#include "framework/compute/broadcast.h"
#include "framework/compute/convolution.h"
#include "framework/compute/relu.h"
#include "framework/compute/winograd_choice.h"
#include "framework/ops/convolution_check.h"
#include "framework/ops/windows.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

ConvolutionShape shape_of(const Var& x, const Var& weight, const Var& bias, const Conv2dGeometry& g) {
  constexpr const char* op = "conv2d";
  detail::check_images(op, x, weight, bias);
  detail::check_steps(op, g.stride, g.padding, g.dilation, g.groups);
  ConvolutionShape s;
  s.images = x.dim(0);
  s.in = x.dim(3);
  s.out = weight.dim(3);
  s.input = {x.dim(1), x.dim(2)};
  s.kernel = {weight.dim(0), weight.dim(1)};
  s.stride = g.stride;
  s.padding = g.padding;
  s.dilation = g.dilation;
  s.groups = g.groups;
  if (g.same_padding && g.padding != std::array<std::int64_t, 2>{0, 0})
    fail(op, text("padding {", g.padding[0], ", ", g.padding[1], "} and same_padding"), "one of the two");
  const auto got = [&] { return text("input ", x.shape(), ", weight ", weight.shape(), ", ", g.groups, " groups"); };
  if (s.in % s.groups != 0 || s.out % s.groups != 0)
    fail(op, got(), "a number of groups that divides input and output channels");
  if (weight.dim(2) != s.in / s.groups) {
    const std::int64_t wanted = weight.dim(2) * s.groups;
    fail(op, got(), text("input [batch, height, width, ", wanted, "]"),
         x.dim(1) == wanted ? "the images look like [batch, channels, height, width]: move their channels to the end"
                            : "the weight's third axis is the input's channels / groups");
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = s.dilation[i] * (s.kernel[i] - 1) + 1;
    if (g.same_padding && s.input[i] < 1) fail(op, got(), "images of at least one pixel");
    if (const std::int64_t room = s.input[i] + 2 * s.padding[i]; !g.same_padding && reach > room)
      fail(op,
           text(got(), ": the filter spans ", reach, i == 0 ? " rows" : " columns", " of ", room, ", padding included"),
           "a window that fits", "add padding, or use a smaller kernel or dilation");
    const detail::WindowsAlong windows = g.same_padding
                                             ? detail::same_windows(s.input[i], reach, s.stride[i])
                                             : detail::padded_windows(s.input[i], s.padding[i], reach, s.stride[i]);
    if (windows.after > detail::largest_step)
      fail(op, text(got(), ": same padding of ", windows.after), text("at most ", detail::largest_step));
    s.padding[i] = windows.before;
    s.output[i] = windows.count;
  }
  detail::check_bias(op, bias, s.out);
  return s;
}

// What the graph shows, always the first three: "padding" is the most zeros on any side.
std::array<OpSetting, 11> settings_of(const ConvolutionShape& s, DType dtype) {
  std::array<std::int64_t, 2> behind{};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t reach = s.dilation[i] * (s.kernel[i] - 1) + 1;
    behind[i] = std::max<std::int64_t>(0, (s.output[i] - 1) * s.stride[i] + reach - s.input[i] - s.padding[i]);
  }
  const auto setting = [](const char* name, std::int64_t value) { return OpSetting{name, static_cast<double>(value)}; };
  return {setting("padding", std::max({s.padding[0], s.padding[1], behind[0], behind[1]})),
          setting("groups", s.groups),
          setting("winograd", detail::winograd_tile(s, dtype)),
          setting("stride", s.stride[0]),
          setting("stride", s.stride[1]),
          setting("before", s.padding[0]),
          setting("before", s.padding[1]),
          setting("behind", behind[0]),
          setting("behind", behind[1]),
          setting("dilation", s.dilation[0]),
          setting("dilation", s.dilation[1])};
}

}  // namespace

Var conv2d(const Var& x, const Var& weight, const Var& bias, const Conv2dGeometry& geometry, const Conv2dCall& call) {
  ConvolutionShape shape = shape_of(x, weight, bias, geometry);
  shape.winograd = call.winograd;
  const bool relu = call.activation == Activation::relu;
  if (relu && call.channel_sums)
    fail("conv2d", "channel_sums together with an activation", "one of the two",
         "statistics of channels are for a norm, which stands before the activation");
  Tensor stats;
  Tensor y = convolution(x.value(), weight.value(), bias.value(), shape, call.channel_sums ? &stats : nullptr, relu);
  const bool biased = bias.value().defined();
  const Tensor rectified = relu ? y : Tensor();
  const auto backward = [x = SavedInput(x), weight = Saved(weight.value()), y = Saved(rectified), shape, biased](
                            const Tensor& upstream, InputGrads& dx) {
    const Tensor dy = (*y).defined() ? relu_gradient(*y, upstream) : upstream;
    if (dx.wants(0)) dx.add(0, convolution_input_gradient(dy, *weight, {}, shape));
    if (dx.wants(1)) dx.add(1, convolution_weight_gradient(x.value(), dy, shape));
    if (biased && dx.wants(2)) dx.add(2, sum_to(dy, {shape.out}));
  };
  const std::array settings = settings_of(shape, x.dtype());
  const OpLabel label(relu ? "conv2d_relu" : "conv2d", detail::shown(settings, 3));
  Var out = biased ? record(label, {x, weight, bias}, std::move(y), backward)
                   : record(label, {x, weight}, std::move(y), backward);
  if (detail::op_observer != nullptr && out.tracked())
    detail::op_observer->repeat({.again =
                                     [geometry, call](std::span<const Var> in) {
                                       return conv2d(in[0], in[1], in.size() > 2 ? in[2] : Var(), geometry, call);
                                     },
                                 .convolution = shape,
                                 .channel_map = {}});
  return call.channel_sums ? std::move(out).with_channel_stats(std::move(stats)) : out;
}

}  // namespace ebb
