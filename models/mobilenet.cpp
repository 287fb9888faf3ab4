#include "models/mobilenet.h"

#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/pooling.h"
#include "framework/tensor/error.h"
#include "models/parts.h"

namespace ebb {
namespace {

Conv2dOptions depthwise(std::int64_t channels, std::int64_t stride, const NormOptions& norm) {
  Conv2dOptions options = conv_options(channels, channels, 3, stride, norm);
  options.groups = channels;
  return options;
}

const MobileNetV2Options& sound(const MobileNetV2Options& o) {
  if (o.stages.empty()) fail("MobileNetV2", "no stages", "at least one");
  for (const MobileNetStage& stage : o.stages)
    if (stage.expand < 1 || stage.blocks < 1)
      fail("MobileNetV2", text("a stage of ", stage.blocks, " blocks expanded ", stage.expand, " times"),
           "at least 1 of both");
  return o;
}

}  // namespace

InvertedResidual::InvertedResidual(const InvertedResidualOptions& o, const Rng& rng)
    : added_(o.stride == 1 && o.in == o.out),
      norm1_(nullptr),
      depthwise_(*this, "depthwise", depthwise(o.in * o.expand, o.stride, o.norm), rng),
      norm2_(std::make_unique<Normalizer>(*this, "2", o.in * o.expand, o.norm)),
      project_(*this, "project",
               added_ ? last_conv_options(o.in * o.expand, o.out, 1, o.norm)
                      : conv_options(o.in * o.expand, o.out, 1, 1, o.norm),
               rng),
      norm3_(std::make_unique<Normalizer>(*this, "3", o.out, o.norm)) {
  if (o.expand == 1) return;
  expand_.emplace(*this, "expand", conv_options(o.in, o.in * o.expand, 1, 1, o.norm), rng);
  norm1_ = std::make_unique<Normalizer>(*this, "1", o.in * o.expand, o.norm);
}

InvertedResidual::~InvertedResidual() = default;

Var InvertedResidual::forward(const Var& x) {
  const Var wide = expand_ ? relu6(norm1_->after(**expand_, x, Activation::none)) : x;
  const Var y = norm3_->after(*project_, relu6(norm2_->after(*depthwise_, wide, Activation::none)), Activation::none);
  return added_ ? y + x : y;
}

MobileNetV2::MobileNetV2(const MobileNetV2Options& o, const Rng& rng)
    : conv1_(*this, "conv1", conv_options(o.channels, o.stem, 3, 1, o.norm), rng),
      norm1_(std::make_unique<Normalizer>(*this, "1", o.stem, o.norm)),
      blocks_(*this, "blocks", rng),
      conv2_(*this, "conv2", conv_options(sound(o).stages.back().out, o.head, 1, 1, o.norm), rng),
      norm2_(std::make_unique<Normalizer>(*this, "2", o.head, o.norm)),
      fc_(*this, "fc", {.in = o.head, .out = o.classes}, rng) {
  if (o.dropout > 0) dropout_.emplace(*this, "dropout", DropoutOptions{.p = o.dropout}, rng);
  std::int64_t in = o.stem;
  for (const MobileNetStage& stage : o.stages) {
    for (std::int64_t block = 0; block < stage.blocks; ++block) {
      blocks_->add<InvertedResidual>({.in = in,
                                      .out = stage.out,
                                      .expand = stage.expand,
                                      .stride = block == 0 ? stage.stride : 1,
                                      .norm = o.norm});
      in = stage.out;
    }
  }
}

MobileNetV2::~MobileNetV2() = default;

Var MobileNetV2::forward(const Var& x) {
  const Var features = blocks_(relu6(norm1_->after(*conv1_, x, Activation::none)));
  const Var pooled = global_avg_pool2d(relu6(norm2_->after(*conv2_, features, Activation::none)));
  return fc_(dropout_ ? (*dropout_)(pooled) : pooled);
}

}  // namespace ebb
