#include "framework/nn/conv2d.h"

#include "framework/nn/check.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

const Conv2dOptions& checked(const Conv2dOptions& o) {
  require_at_least("Conv2d", "in", o.in, 1);
  require_at_least("Conv2d", "out", o.out, 1);
  require_at_least("Conv2d", "groups", o.groups, 1);
  for (std::size_t i = 0; i < 2; ++i) {
    require_at_least("Conv2d", "kernel", o.kernel[i], 1);
    require_at_least("Conv2d", "stride", o.stride[i], 1);
    require_at_least("Conv2d", "padding", o.padding[i], 0);
    require_at_least("Conv2d", "dilation", o.dilation[i], 1);
    if (o.same_padding && o.padding[i] != 0)
      fail("Conv2d", text("padding = ", by(o.padding), " with same_padding"), "one of the two");
  }
  if (o.in % o.groups != 0 || o.out % o.groups != 0)
    fail("Conv2d", text("in = ", o.in, ", out = ", o.out, ", groups = ", o.groups), "groups that divide in and out");
  return o;
}

Fans fans(const Conv2dOptions& o) {
  const std::int64_t taps = o.kernel[0] * o.kernel[1];
  return {.in = taps * o.in / o.groups, .out = taps * o.out};
}

}  // namespace

Conv2d::Conv2d(const Conv2dOptions& options, const Rng& rng)
    : weight(*this, "weight", Role::weight,
             initial({checked(options).kernel[0], options.kernel[1], options.in / options.groups, options.out},
                     options.init, init::fan_in_uniform(), fans(options), rng.at("weight"))),
      geometry_{.stride = options.stride,
                .padding = options.padding,
                .dilation = options.dilation,
                .same_padding = options.same_padding,
                .groups = options.groups},
      call_{.channel_sums = options.channel_sums, .winograd = options.winograd} {
  if (options.bias)
    bias.emplace(*this, "bias", Role::bias,
                 initial({options.out}, options.bias_init, init::fan_in_uniform(), fans(options), rng.at("bias")));
}

Var Conv2d::forward(const Var& x) { return forward(x, call_.channel_sums && training()); }

Var Conv2d::forward(const Var& x, bool channel_sums) {
  return conv2d(x, weight, detail::optional_var(bias), geometry_,
                {.channel_sums = channel_sums, .winograd = call_.winograd});
}

Var Conv2d::apply(const Var& x, const Var& filters, const Var& offsets, Activation activation) const {
  return conv2d(x, filters, offsets, geometry_, {.activation = activation, .winograd = call_.winograd});
}

std::string Conv2d::describe() const {
  const Shape& s = weight.shape();
  std::string out = text(s[2] * geometry_.groups, " -> ", s[3], ", ", by({s[0], s[1]}));
  if (geometry_.stride != std::array<std::int64_t, 2>{1, 1}) out += ", stride " + by(geometry_.stride);
  if (geometry_.padding != std::array<std::int64_t, 2>{0, 0}) out += ", padding " + by(geometry_.padding);
  if (geometry_.same_padding) out += ", same padding";
  if (geometry_.dilation != std::array<std::int64_t, 2>{1, 1}) out += ", dilation " + by(geometry_.dilation);
  if (geometry_.groups != 1) out += text(", groups ", geometry_.groups);
  if (call_.winograd == Winograd::off) out += ", direct";
  if (call_.winograd == Winograd::f2) out += ", F(2x2)";
  if (call_.winograd == Winograd::f4) out += ", F(4x4)";
  return out;
}

std::int64_t Conv2d::multiply_adds(const Shape&, const Shape& y) const {
  const Shape& s = weight.shape();
  return y.size() * s[0] * s[1] * s[2];
}

}  // namespace ebb
