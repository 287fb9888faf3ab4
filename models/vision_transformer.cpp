#include "models/vision_transformer.h"

#include "framework/nn/batch_norm.h"
#include "framework/nn/group_norm.h"
#include "framework/nn/layer_norm.h"
#include "framework/ops/activation.h"
#include "framework/ops/arithmetic.h"
#include "framework/ops/reduction.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr double deviation = 0.02;  // of all weights at the start, as in the papers

LinearOptions linear_options(std::int64_t in, std::int64_t out) {
  return {.in = in, .out = out, .init = init::normal(0, deviation), .bias_init = init::constant(0)};
}

std::unique_ptr<Layer> norm_of(const VisionTransformerOptions& o) {
  if (o.norm.own) return o.norm.own(o.width);
  switch (o.norm.kind) {
    case Norm::layer: return std::make_unique<LayerNorm>(LayerNormOptions{.size = o.width});
    case Norm::batch: return std::make_unique<BatchNorm2d>(BatchNormLayerOptions{.channels = o.width});
    case Norm::group:
      return std::make_unique<GroupNorm>(GroupNormOptions{.groups = o.norm.groups, .channels = o.width});
    case Norm::none: break;
  }
  return std::make_unique<Sequential>(Rng(0));
}

// Norms of images take the tokens for pixels.
Var normalised(Child<Layer>& norm, const Var& x) {
  return reshape(norm(reshape(x, {x.dim(0), x.dim(1), 1, x.dim(2)})), x.shape());
}

const VisionTransformerOptions& checked(const VisionTransformerOptions& o) {
  if (o.image.rank() != 3) fail("VisionTransformer", text("images ", o.image), "[height, width, channels]");
  if (o.patch < 1 || o.image[0] % o.patch != 0 || o.image[1] % o.patch != 0)
    fail("VisionTransformer", text("image = ", o.image, ", patch = ", o.patch), "a patch that divides height and width",
         "resize or pad the images");
  if (o.depth < 1) fail("VisionTransformer", text("depth = ", o.depth), "a block or more");
  return o;
}

}  // namespace

TransformerBlock::TransformerBlock(const VisionTransformerOptions& o, const Rng& rng)
    : norm1(*this, "norm1", norm_of(o)),
      attn(*this, "attn", {.size = o.width, .heads = o.heads, .init = init::normal(0, deviation)}, rng),
      norm2(*this, "norm2", norm_of(o)),
      fc1(*this, "fc1", linear_options(o.width, o.hidden), rng),
      fc2(*this, "fc2", linear_options(o.hidden, o.width), rng) {
  if (o.dropout > 0) dropout_.emplace(*this, "dropout", DropoutOptions{.p = o.dropout}, rng);
}

Var TransformerBlock::dropped(const Var& x) { return dropout_ ? (*dropout_)(x) : x; }

Var TransformerBlock::forward(const Var& x) {
  const Var y = x + dropped(attn(normalised(norm1, x)));
  return y + dropped(fc2(gelu(fc1(normalised(norm2, y)))));
}

VisionTransformer::VisionTransformer(const VisionTransformerOptions& o, const Rng& rng)
    : patches(*this, "patches",
              {.in = checked(o).image[2],
               .out = o.width,
               .kernel = {o.patch, o.patch},
               .stride = {o.patch, o.patch},
               .bias_init = init::constant(0)},
              rng),
      places(*this, "places", Role::embedding,
             initial({o.image[0] / o.patch * (o.image[1] / o.patch), o.width}, init::normal(0, deviation), {}, {},
                     rng.at("places"))),
      blocks(*this, "blocks", rng),
      norm(*this, "norm", norm_of(o)),
      head(*this, "head", linear_options(o.width, o.classes), rng) {
  for (std::int64_t i = 0; i < o.depth; ++i) blocks->add<TransformerBlock>(o);
}

Var VisionTransformer::forward(const Var& x) {
  const Shape& s = places.shape();
  const Var tokens = patches(x);
  if (tokens.rank() != 4 || tokens.dim(1) * tokens.dim(2) != s[0])
    fail("VisionTransformer", text("images of shape ", x.shape()), text("images of ", s[0], " patches"));
  const Var seen = blocks(reshape(tokens, {x.dim(0), s[0], s[1]}) + places);
  return head(mean(normalised(norm, seen), {1}));
}

}  // namespace ebb
