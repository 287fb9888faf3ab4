#include "framework/ops/convolution_check.h"

#include "framework/tensor/error.h"

namespace ebb::detail {
namespace {

void check_pair(const char* op, const char* name, const std::array<std::int64_t, 2>& pair, std::int64_t least) {
  for (const std::int64_t value : pair)
    if (value < least || value > largest_step)
      fail(op, text(name, " {", pair[0], ", ", pair[1], "}"), text("numbers from ", least, " to ", largest_step));
}

}  // namespace

void check_images(const char* op, const Var& x, const Var& weight, const Var& bias) {
  require_defined(op, "input", x.value());
  require_defined(op, "weight", weight.value());
  if (x.rank() != 4)
    fail(op, text("input ", x.shape()), "[batch, height, width, channels]", "reshape() or transpose() the images");
  if (weight.rank() != 4) fail(op, text("weight ", weight.shape()), "four axes, the first two height and width");
  if (!is_float(x.dtype())) fail(op, text("an input of type ", x.dtype()), "f32 or f64", "cast() the images");
  require_same_dtype(op, x.value(), weight.value());
  if (bias.value().defined()) require_same_dtype(op, x.value(), bias.value());
  if (weight.size() == 0) fail(op, text("weight ", weight.shape()), "at least one filter tap and channel");
}

void check_steps(const char* op, const std::array<std::int64_t, 2>& stride, const std::array<std::int64_t, 2>& padding,
                 const std::array<std::int64_t, 2>& dilation, std::int64_t groups) {
  check_pair(op, "stride", stride, 1);
  check_pair(op, "padding", padding, 0);
  check_pair(op, "dilation", dilation, 1);
  if (groups < 1 || groups > largest_step) fail(op, text(groups, " groups"), text("1 to ", largest_step));
}

void check_bias(const char* op, const Var& bias, std::int64_t channels) {
  if (bias.value().defined() && !(bias.shape() == Shape{channels}))
    fail(op, text("bias ", bias.shape()), text("[", channels, "]"));
}

}  // namespace ebb::detail
