#include "models/resnet.h"

#include "framework/ops/arithmetic.h"
#include "framework/ops/pooling.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"
#include "models/parts.h"

namespace ebb {
namespace {

const ResNetOptions& sound(const ResNetOptions& o) {
  bool good = !o.widths.empty() && o.widths.size() == o.blocks.size();
  for (const std::int64_t blocks : o.blocks) good = good && blocks >= 1;
  if (!good)
    fail("ResNet", text(o.widths.size(), " widths and ", o.blocks.size(), " numbers of blocks"),
         "as many of both, at least one, and at least one block in each stage");
  return o;
}

}  // namespace

const char* name(Shortcut shortcut) { return shortcut == Shortcut::padding ? "padding" : "projection"; }

BasicBlock::BasicBlock(const BasicBlockOptions& o, const Rng& rng)
    : stride_(o.stride),
      new_channels_(o.shortcut == Shortcut::padding ? o.out - o.in : 0),
      conv1_(*this, "conv1", conv_options(o.in, o.out, 3, o.stride, o.norm), rng),
      norm1_(std::make_unique<Normalizer>(*this, "1", o.out, o.norm)),
      conv2_(*this, "conv2", last_conv_options(o.out, o.out, 3, o.norm), rng),
      norm2_(std::make_unique<Normalizer>(*this, "2", o.out, o.norm)),
      shortcut_(*this, "shortcut", rng) {
  if (new_channels_ < 0)
    fail("BasicBlock", text(o.in, " channels to ", o.out, " with shortcut padding"), "no fewer channels than before",
         "use Shortcut::projection");
  if (o.shortcut == Shortcut::projection && (o.stride != 1 || o.in != o.out)) {
    shortcut_->add<Conv2d>("conv", conv_options(o.in, o.out, 1, o.stride, o.norm));
    add_norm(*shortcut_, o.norm.is(Norm::batch) ? "bn" : "norm", o.out, o.norm);
  }
}

BasicBlock::~BasicBlock() = default;

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
  const Var y = norm1_->after(*conv1_, x, Activation::relu);
  return add_relu(norm2_->after(*conv2_, y, Activation::none), around(x));
}

ResNet::ResNet(const ResNetOptions& o, const Rng& rng)
    : conv1_(*this, "conv1", conv_options(sound(o).channels, o.widths.front(), 3, 1, o.norm), rng),
      norm1_(std::make_unique<Normalizer>(*this, "1", o.widths.front(), o.norm)),
      blocks_(*this, "blocks", rng),
      fc_(*this, "fc", {.in = o.widths.back(), .out = o.classes}, rng) {
  std::int64_t in = o.widths.front();
  for (std::size_t stage = 0; stage < o.widths.size(); ++stage) {
    for (std::int64_t block = 0; block < o.blocks[stage]; ++block) {
      blocks_->add<BasicBlock>({.in = in,
                                .out = o.widths[stage],
                                .stride = stage > 0 && block == 0 ? 2 : 1,
                                .shortcut = o.shortcut,
                                .norm = o.norm});
      in = o.widths[stage];
    }
  }
}

ResNet::~ResNet() = default;

Var ResNet::forward(const Var& x) {
  return fc_(global_avg_pool2d(blocks_(norm1_->after(*conv1_, x, Activation::relu))));
}

ResNetOptions cifar_resnet(std::int64_t depth, Shortcut shortcut) {
  if (depth < 8 || depth > 1202 || (depth - 2) % 6 != 0)
    fail("ResNet", text("depth ", depth), "6 n + 2, for example 20, 32, 44, 56, 110");
  const std::int64_t blocks = (depth - 2) / 6;
  return {.blocks = {blocks, blocks, blocks}, .shortcut = shortcut};
}

ResNetOptions resnet18() { return {.widths = {64, 128, 256, 512}, .blocks = {2, 2, 2, 2}}; }

ResNetOptions resnet34() { return {.widths = {64, 128, 256, 512}, .blocks = {3, 4, 6, 3}}; }

}  // namespace ebb
