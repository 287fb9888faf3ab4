#include "models/parts.h"

#include "framework/nn/conv_norm.h"
#include "framework/ops/activation.h"

namespace ebb {
namespace {

GroupNormOptions group_options(std::int64_t channels, const NormOptions& options) {
  return {.groups = options.is(Norm::layer) ? 1 : options.groups, .channels = channels};
}

bool by_groups(const NormOptions& options) { return options.is(Norm::layer) || options.is(Norm::group); }

}  // namespace

const char* name(Norm norm) {
  switch (norm) {
    case Norm::batch: return "batch";
    case Norm::layer: return "layer";
    case Norm::group: return "group";
    case Norm::none: break;
  }
  return "none";
}

Conv2dOptions conv_options(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                           const NormOptions& norm) {
  return {.in = in,
          .out = out,
          .kernel = {kernel, kernel},
          .stride = {stride, stride},
          .padding = {kernel / 2, kernel / 2},
          .bias = norm.is(Norm::none),
          .init = init::kaiming_normal({.mode = FanMode::out}),
          .bias_init = init::constant(0)};
}

Conv2dOptions last_conv_options(std::int64_t in, std::int64_t out, std::int64_t kernel, const NormOptions& norm) {
  Conv2dOptions options = conv_options(in, out, kernel, 1, norm);
  if (norm.is(Norm::none)) options.init = init::constant(0);
  return options;
}

Normalizer::Normalizer(Module& parent, const std::string& number, std::int64_t channels, const NormOptions& options) {
  if (options.own) own_.emplace(parent, "norm" + number, options.own(channels));
  if (options.is(Norm::batch)) batch_.emplace(parent, "bn" + number, BatchNormLayerOptions{.channels = channels});
  if (by_groups(options)) group_.emplace(parent, "norm" + number, group_options(channels, options));
}

Var Normalizer::operator()(const Var& x, Activation activation) {
  if (batch_) return (*batch_)->forward(x, activation);
  const Var y = group_ ? (*group_)(x) : own_ ? (*own_)(x) : x;
  return activation == Activation::relu ? relu(y) : y;
}

Var Normalizer::after(Conv2d& conv, const Var& x, Activation activation) {
  if (batch_) return conv_norm(conv, **batch_, x, activation);
  return (*this)(conv(x), activation);
}

void add_norm(Sequential& net, const std::string& name, std::int64_t channels, const NormOptions& options) {
  if (options.own) net.add(name, options.own(channels));
  if (options.is(Norm::batch)) net.add<BatchNorm2d>(name, {.channels = channels});
  if (by_groups(options)) net.add<GroupNorm>(name, group_options(channels, options));
}

}  // namespace ebb
