#include "framework/autograd/repeat.h"
#include "framework/compute/broadcast.h"
#include "framework/compute/convolution.h"
#include "framework/ops/convolution.h"
#include "framework/ops/convolution_check.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// The convolution whose input gradient the op is: from its result to its input.
ConvolutionShape shape_of(const Var& x, const Var& weight, const Var& bias, const ConvTranspose2dGeometry& g) {
  constexpr const char* op = "conv_transpose2d";
  detail::check_images(op, x, weight, bias);
  detail::check_steps(op, g.stride, g.padding, g.dilation, g.groups);
  ConvolutionShape s;
  s.images = x.dim(0);
  s.in = weight.dim(3) * g.groups;
  s.out = x.dim(3);
  s.output = {x.dim(1), x.dim(2)};
  s.kernel = {weight.dim(0), weight.dim(1)};
  s.stride = g.stride;
  s.padding = g.padding;
  s.dilation = g.dilation;
  s.groups = g.groups;
  s.weight_out_first = true;
  const auto got = [&] { return text("input ", x.shape(), ", weight ", weight.shape(), ", ", g.groups, " groups"); };
  if (s.out % s.groups != 0) fail(op, got(), "a number of groups that divides the input channels");
  if (weight.dim(2) != s.out)
    fail(op, got(), text("weight [kh, kw, ", s.out, ", out / groups]"),
         "the weight's third axis is the input's channels");
  for (std::size_t i = 0; i < 2; ++i) {
    if (s.output[i] > detail::largest_image)
      fail(op, got(), text("images of at most ", detail::largest_image, " rows and columns"));
    if (g.output_padding[i] < 0 || (g.output_padding[i] >= s.stride[i] && g.output_padding[i] >= s.dilation[i]))
      fail(op, text("output_padding {", g.output_padding[0], ", ", g.output_padding[1], "}"),
           "numbers from 0 to below the stride or the dilation");
    s.input[i] = (s.output[i] - 1) * s.stride[i] - 2 * s.padding[i] + s.dilation[i] * (s.kernel[i] - 1) +
                 g.output_padding[i] + 1;
    if (s.input[i] < 1 || s.output[i] < 1)
      fail(op, text(got(), ": an output of ", s.input[i], i == 0 ? " rows" : " columns"), "at least 1",
           "use less padding");
  }
  detail::check_bias(op, bias, s.in);
  return s;
}

}  // namespace

Var conv_transpose2d(const Var& x, const Var& weight, const Var& bias, const ConvTranspose2dGeometry& geometry) {
  const ConvolutionShape shape = shape_of(x, weight, bias, geometry);
  Tensor y = convolution_input_gradient(x.value(), weight.value(), bias.value(), shape);
  const bool biased = bias.value().defined();
  const auto backward = [x = Saved(x.value()), weight = Saved(weight.value()), shape, biased](const Tensor& dy,
                                                                                              InputGrads& dx) {
    if (dx.wants(0)) dx.add(0, convolution(dy, *weight, {}, shape));
    if (dx.wants(1)) dx.add(1, convolution_weight_gradient(dy, *x, shape));
    if (biased && dx.wants(2)) dx.add(2, sum_to(dy, {shape.in}));
  };
  const auto setting = [](const char* name, std::int64_t value) { return OpSetting{name, static_cast<double>(value)}; };
  const std::array settings{setting("groups", shape.groups),
                            setting("stride", geometry.stride[0]),
                            setting("stride", geometry.stride[1]),
                            setting("padding", geometry.padding[0]),
                            setting("padding", geometry.padding[1]),
                            setting("output_padding", geometry.output_padding[0]),
                            setting("output_padding", geometry.output_padding[1]),
                            setting("dilation", geometry.dilation[0]),
                            setting("dilation", geometry.dilation[1])};
  const OpLabel label("conv_transpose2d", detail::shown(settings, 1));
  Var result = biased ? record(label, {x, weight, bias}, std::move(y), backward)
                      : record(label, {x, weight}, std::move(y), backward);
  return repeatable(std::move(result), [geometry](std::span<const Var> in) {
    return conv_transpose2d(in[0], in[1], in.size() > 2 ? in[2] : Var(), geometry);
  });
}

}  // namespace ebb
