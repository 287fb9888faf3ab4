#include "models/preact_resnet.h"

#include "framework/ops/arithmetic.h"
#include "framework/ops/pooling.h"
#include "framework/tensor/error.h"
#include "models/parts.h"

namespace ebb {
namespace {

const PreactResNetOptions& sound(const PreactResNetOptions& o) {
  bool good = !o.widths.empty() && o.widths.size() == o.blocks.size();
  for (const std::int64_t blocks : o.blocks) good = good && blocks >= 1;
  if (!good)
    fail("PreactResNet", text(o.widths.size(), " widths and ", o.blocks.size(), " numbers of blocks"),
         "as many of both, at least one, and at least one block in each stage");
  return o;
}

}  // namespace

PreactBlock::PreactBlock(const PreactBlockOptions& o, const Rng& rng)
    : norm1_(std::make_unique<Normalizer>(*this, "1", o.in, o.norm)),
      conv1_(*this, "conv1", conv_options(o.in, o.out, 3, o.stride, o.norm), rng),
      norm2_(std::make_unique<Normalizer>(*this, "2", o.out, o.norm)),
      conv2_(*this, "conv2", last_conv_options(o.out, o.out, 3, o.norm), rng) {
  if (o.dropout > 0) dropout_.emplace(*this, "dropout", DropoutOptions{.p = o.dropout}, rng);
  if (o.stride != 1 || o.in != o.out)
    shortcut_.emplace(*this, "shortcut", conv_options(o.in, o.out, 1, o.stride, o.norm), rng);
}

PreactBlock::~PreactBlock() = default;

Var PreactBlock::forward(const Var& x) {
  const Var h = (*norm1_)(x, Activation::relu);
  Var y = norm2_->after(*conv1_, h, Activation::relu);
  if (dropout_) y = (*dropout_)(y);
  return conv2_(y) + (shortcut_ ? (*shortcut_)(h) : x);
}

PreactResNet::PreactResNet(const PreactResNetOptions& o, const Rng& rng)
    : conv1_(*this, "conv1", conv_options(sound(o).channels, o.stem, 3, 1, o.norm), rng),
      blocks_(*this, "blocks", rng),
      norm_(std::make_unique<Normalizer>(*this, "", o.widths.back(), o.norm)),
      fc_(*this, "fc", {.in = o.widths.back(), .out = o.classes}, rng) {
  std::int64_t in = o.stem;
  for (std::size_t stage = 0; stage < o.widths.size(); ++stage) {
    for (std::int64_t block = 0; block < o.blocks[stage]; ++block) {
      blocks_->add<PreactBlock>({.in = in,
                                 .out = o.widths[stage],
                                 .stride = stage > 0 && block == 0 ? 2 : 1,
                                 .dropout = o.dropout,
                                 .norm = o.norm});
      in = o.widths[stage];
    }
  }
}

PreactResNet::~PreactResNet() = default;

Var PreactResNet::forward(const Var& x) {
  return fc_(global_avg_pool2d((*norm_)(blocks_(conv1_(x)), Activation::relu)));
}

PreactResNetOptions cifar_preact_resnet(std::int64_t depth) {
  if (depth < 8 || depth > 1202 || (depth - 2) % 6 != 0)
    fail("PreactResNet", text("depth ", depth), "6 n + 2, for example 20, 32, 44, 56, 110");
  const std::int64_t blocks = (depth - 2) / 6;
  return {.blocks = {blocks, blocks, blocks}};
}

PreactResNetOptions wide_resnet(std::int64_t depth, std::int64_t widen) {
  if (depth < 10 || depth > 1204 || (depth - 4) % 6 != 0)
    fail("WideResNet", text("depth ", depth), "6 n + 4, for example 16, 22, 28, 40");
  if (widen < 1 || widen > 64) fail("WideResNet", text("a width of ", widen), "1 to 64");
  const std::int64_t blocks = (depth - 4) / 6;
  return {.widths = {16 * widen, 32 * widen, 64 * widen}, .blocks = {blocks, blocks, blocks}};
}

}  // namespace ebb
