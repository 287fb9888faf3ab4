#include "framework/nn/linear.h"

#include "framework/nn/check.h"
#include "framework/ops/matmul.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

const LinearOptions& checked(const LinearOptions& options) {
  require_at_least("Linear", "in", options.in, 1);
  require_at_least("Linear", "out", options.out, 1);
  return options;
}

}  // namespace

Linear::Linear(const LinearOptions& options, const Rng& rng)
    : weight(*this, "weight", Role::weight,
             initial({checked(options).in, options.out}, options.init, init::fan_in_uniform(),
                     {.in = options.in, .out = options.out}, rng.at("weight"))) {
  if (options.bias)
    bias.emplace(*this, "bias", Role::bias,
                 initial({options.out}, options.bias_init, init::fan_in_uniform(),
                         {.in = options.in, .out = options.out}, rng.at("bias")));
}

Var Linear::forward(const Var& x) { return linear(x, weight, detail::optional_var(bias)); }

std::string Linear::describe() const { return text(weight.shape()[0], " -> ", weight.shape()[1]); }

std::int64_t Linear::multiply_adds(const Shape&, const Shape& y) const { return y.size() * weight.shape()[0]; }

}  // namespace ebb
