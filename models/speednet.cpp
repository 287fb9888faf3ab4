#include "models/speednet.h"

#include <algorithm>

#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/flatten.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/ops/arithmetic.h"
#include "framework/tensor/error.h"
#include "models/whitening.h"

namespace ebb {
namespace {

constexpr std::int64_t patch_side = 2;  // side of the whitening filters

// The first `in` outputs copy the inputs, the others begin as usual. `[3, 3, in, out]`.
void identity_first(Tensor& y, const Fans& fans, const Rng& rng) {
  init::fan_in_uniform()(y, fans, rng);
  const std::int64_t in = y.dim(2), out = y.dim(3), copied = std::min(in, out);
  dispatch("identity_first", y.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const numbers = y.mutable_data<T>();
    for (std::int64_t row = 0; row < 9 * in; ++row) std::fill_n(numbers + row * out, copied, T(0));
    for (std::int64_t i = 0; i < copied; ++i) numbers[(4 * in + i) * out + i] = T(1);
  });
}

void add_conv(Sequential& net, std::int64_t in, std::int64_t out, bool pool) {
  net.add<Conv2d>({.in = in, .out = out, .padding = {1, 1}, .bias = false, .init = identity_first});
  if (pool) net.add<MaxPool2d>();
  net.add<BatchNorm2d>({.channels = out, .eps = 1e-12, .new_weight = 0.4}).scale->freeze();
  net.add<GELU>({.form = Gelu::tanh});
}

}  // namespace

SpeedNet::SpeedNet(const SpeedNetOptions& o, const Rng& rng) : net_(*this, "net", rng) {
  if (o.widths.empty()) fail("SpeedNet", "no widths", "at least one");
  std::int64_t in = 2 * patch_side * patch_side * o.channels;
  auto& whiten = net_->add<Conv2d>({.in = o.channels,
                                    .out = in,
                                    .kernel = {patch_side, patch_side},
                                    .init = init::orthogonal(),
                                    .bias_init = init::constant(0)});
  if (o.images.defined()) whiten.weight.set_value(whitening_filters(o.images, patch_side));
  whiten.weight.freeze();
  net_->add<GELU>({.form = Gelu::tanh});
  for (const std::int64_t width : o.widths) {
    add_conv(*net_, in, width, true);
    add_conv(*net_, width, width, false);
    in = width;
  }
  net_->add<MaxPool2d>({.kernel = {3, 3}});
  net_->add<Flatten>();
  net_->add<Linear>({.in = in, .out = o.classes, .bias = false});
}

Var SpeedNet::forward(const Var& x) { return net_(x) / 9; }

}  // namespace ebb
