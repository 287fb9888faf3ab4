#include "framework/nn/standardized_conv2d.h"

#include <limits>

#include "framework/nn/check.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "framework/tensor/error.h"

namespace ebb {

StandardizedConv2d::StandardizedConv2d(const StandardizedConv2dOptions& options, const Rng& rng)
    : conv(*this, "conv", options.conv, rng), eps_(options.eps) {
  require_between("StandardizedConv2d", "eps", options.eps, 0.0, std::numeric_limits<double>::max());
  const Shape& s = conv->weight.shape();
  if (s[0] * s[1] * s[2] == 1)
    fail("StandardizedConv2d", text("filters of shape ", s), "more than one number in each: one alone becomes 0",
         "take Conv2d");
}

Var StandardizedConv2d::forward(const Var& x) {
  const Axes filter{0, 1, 2};
  const Var centred = conv->weight - mean(conv->weight, filter, KeepDims::yes);
  const Var filters = centred / sqrt(mean(square(centred), filter, KeepDims::yes) + eps_);
  return conv->apply(x, filters, detail::optional_var(conv->bias));
}

std::string StandardizedConv2d::describe() const { return {}; }

}  // namespace ebb
