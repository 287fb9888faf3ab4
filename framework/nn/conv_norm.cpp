#include "framework/nn/conv_norm.h"

#include <cmath>
#include <utility>

#include "framework/compute/basic.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/channel_map.h"

namespace ebb {
namespace {

Var activated(const Var& x, Activation activation) { return activation == Activation::relu ? relu(x) : x; }

// scale (conv(x) - mean) / sqrt(variance + eps) + shift with constant statistics is a convolution with other filters.
Var folded(const Conv2d& conv, const BatchNorm2d& norm, const Var& x, Activation activation) {
  const auto at = [](const auto& member, std::int64_t c, double missing) {
    return member ? detail::element(member->value(), c, missing) : missing;
  };
  const std::int64_t channels = norm.options().channels;
  Tensor gains({channels}, DType::f64), offsets({channels}, DType::f64);
  for (std::int64_t c = 0; c < channels; ++c) {
    const double spread = at(norm.running_variance, c, 1) + norm.options().eps;
    const double scale = at(norm.scale, c, 1);
    const double gain = spread == 0 ? 0 : scale / std::sqrt(spread);
    const double before = at(conv.bias, c, 0) - at(norm.running_mean, c, 0);
    gains.mutable_data<double>()[c] = gain;
    offsets.mutable_data<double>()[c] = before * gain + at(norm.shift, c, 0);
  }
  const DType dtype = conv.weight.value().dtype();
  return conv.apply(x, Var(conv.weight.value()) * Var(cast(gains, dtype)), Var(cast(offsets, dtype)), activation);
}

thread_local bool fold_always = false;

}  // namespace

namespace detail {

FoldedNorms::FoldedNorms() : before_(std::exchange(fold_always, true)) {}
FoldedNorms::~FoldedNorms() { fold_always = before_; }

}  // namespace detail

Var conv_norm(Conv2d& conv, BatchNorm2d& norm, const Var& x, Activation activation) {
  // Who observes calls gets calls.
  if (detail::call_observer != nullptr) return activated(norm(conv(x)), activation);
  // Where nothing is recorded nobody needs what lies between the two.
  if (!norm.uses_batch() && (fold_always || !Tape::recording()))
    return detail::within(conv, [&] { return folded(conv, norm, x, activation); });
  const Var y = detail::within(conv, [&] { return conv.forward(x, norm.uses_batch()); });
  return detail::within(norm, [&] { return norm.forward(y, activation); });
}

}  // namespace ebb
