#include "models/resnet.h"

#include "framework/nn/conv_norm.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/pooling.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

Conv2dOptions conv3x3(std::int64_t in, std::int64_t out, std::int64_t stride) {
  return {.in = in,
          .out = out,
          .stride = {stride, stride},
          .padding = {1, 1},
          .bias = false,
          .init = init::kaiming_normal({.mode = FanMode::out})};
}

}  // namespace

BasicBlock::BasicBlock(std::int64_t in, std::int64_t out, std::int64_t stride, Shortcut shortcut, const Rng& rng)
    : stride_(stride),
      new_channels_(shortcut == Shortcut::padding ? out - in : 0),
      conv1_(*this, "conv1", conv3x3(in, out, stride), rng),
      bn1_(*this, "bn1", {.channels = out}),
      conv2_(*this, "conv2", conv3x3(out, out, 1), rng),
      bn2_(*this, "bn2", {.channels = out}),
      shortcut_(*this, "shortcut", rng) {
  if (shortcut == Shortcut::projection && (stride != 1 || in != out)) {
    shortcut_->add<Conv2d>("conv", {.in = in,
                                    .out = out,
                                    .kernel = {1, 1},
                                    .stride = {stride, stride},
                                    .bias = false,
                                    .init = init::kaiming_normal({.mode = FanMode::out})});
    shortcut_->add<BatchNorm2d>("bn", {.channels = out});
  }
}

Var BasicBlock::around(const Var& x) {
  if (shortcut_->size() > 0) return shortcut_(x);
  Var y = x;
  if (stride_ != 1) {
    y = slice(y, 1, 0, y.dim(1), stride_);
    y = slice(y, 2, 0, y.dim(2), stride_);
  }
  if (new_channels_ > 0) y = pad(y, {{0, 0}, {0, 0}, {0, 0}, {0, new_channels_}});
  return y;
}

Var BasicBlock::forward(const Var& x) {
  const Var y = conv_norm(*conv1_, *bn1_, x, Activation::relu);
  return add_relu(conv_norm(*conv2_, *bn2_, y, Activation::none), around(x));
}

ResNet::ResNet(const ResNetOptions& options, const Rng& rng)
    : conv1_(*this, "conv1", conv3x3(options.channels, options.widths.empty() ? 0 : options.widths.front(), 1), rng),
      bn1_(*this, "bn1", {.channels = options.widths.front()}),
      blocks_(*this, "blocks", rng),
      fc_(*this, "fc", {.in = options.widths.back(), .out = options.classes}, rng) {
  if (options.blocks < 1) fail("ResNet", text(options.blocks, " blocks in a stage"), "at least 1");
  std::int64_t in = options.widths.front();
  for (std::size_t stage = 0; stage < options.widths.size(); ++stage) {
    for (std::int64_t block = 0; block < options.blocks; ++block) {
      const std::string name = text(blocks_->size());
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      blocks_->add(name, std::make_unique<BasicBlock>(in, options.widths[stage], stride, options.shortcut,
                                                      blocks_->rng().at(name)));
      in = options.widths[stage];
    }
  }
}

Var ResNet::forward(const Var& x) {
  return fc_(global_avg_pool2d(blocks_(conv_norm(*conv1_, *bn1_, x, Activation::relu))));
}

ResNetOptions cifar_resnet(std::int64_t depth, Shortcut shortcut) {
  if (depth < 8 || (depth - 2) % 6 != 0)
    fail("ResNet", text("depth ", depth), "6 n + 2, for example 20, 32, 44, 56, 110");
  return {.blocks = (depth - 2) / 6, .shortcut = shortcut};
}

ResNetOptions resnet18() { return {.widths = {64, 128, 256, 512}, .blocks = 2}; }

}  // namespace ebb
