#include "framework/nn/conv_transpose2d.h"

#include <algorithm>

#include "framework/nn/check.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

const ConvTranspose2dOptions& checked(const ConvTranspose2dOptions& o) {
  require_at_least("ConvTranspose2d", "in", o.in, 1);
  require_at_least("ConvTranspose2d", "out", o.out, 1);
  require_at_least("ConvTranspose2d", "groups", o.groups, 1);
  for (std::size_t i = 0; i < 2; ++i) {
    require_at_least("ConvTranspose2d", "kernel", o.kernel[i], 1);
    require_at_least("ConvTranspose2d", "stride", o.stride[i], 1);
    require_at_least("ConvTranspose2d", "padding", o.padding[i], 0);
    require_at_least("ConvTranspose2d", "dilation", o.dilation[i], 1);
    require_at_least("ConvTranspose2d", "output_padding", o.output_padding[i], 0);
    if (o.output_padding[i] >= std::max(o.stride[i], o.dilation[i]))
      fail("ConvTranspose2d", text("output_padding = ", o.output_padding[i]), "less than stride or dilation");
  }
  if (o.in % o.groups != 0 || o.out % o.groups != 0)
    fail("ConvTranspose2d", text("in = ", o.in, ", out = ", o.out, ", groups = ", o.groups),
         "groups that divide in and out");
  return o;
}

Fans fans(const ConvTranspose2dOptions& o) {
  const std::int64_t taps = o.kernel[0] * o.kernel[1];
  return {.in = taps * o.out / o.groups, .out = taps * o.in};
}

}  // namespace

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dOptions& options, const Rng& rng)
    : weight(*this, "weight", Role::weight,
             initial({checked(options).kernel[0], options.kernel[1], options.in, options.out / options.groups},
                     options.init, init::fan_in_uniform(), fans(options), rng.at("weight"))),
      geometry_{.stride = options.stride,
                .padding = options.padding,
                .output_padding = options.output_padding,
                .dilation = options.dilation,
                .groups = options.groups} {
  if (options.bias)
    bias.emplace(*this, "bias", Role::bias,
                 initial({options.out}, options.bias_init, init::fan_in_uniform(), fans(options), rng.at("bias")));
}

Var ConvTranspose2d::forward(const Var& x) {
  return conv_transpose2d(x, weight, detail::optional_var(bias), geometry_);
}

std::string ConvTranspose2d::describe() const {
  const Shape& s = weight.shape();
  std::string out = text(s[2], " -> ", s[3] * geometry_.groups, ", ", by({s[0], s[1]}));
  if (geometry_.stride != std::array<std::int64_t, 2>{1, 1}) out += ", stride " + by(geometry_.stride);
  if (geometry_.padding != std::array<std::int64_t, 2>{0, 0}) out += ", padding " + by(geometry_.padding);
  if (geometry_.dilation != std::array<std::int64_t, 2>{1, 1}) out += ", dilation " + by(geometry_.dilation);
  if (geometry_.groups != 1) out += text(", groups ", geometry_.groups);
  return out;
}

std::int64_t ConvTranspose2d::multiply_adds(const Shape& x, const Shape&) const {
  const Shape& s = weight.shape();
  return x.size() * s[0] * s[1] * s[3];
}

}  // namespace ebb
