#include "framework/nn/flatten.h"

#include "framework/ops/shape.h"
#include "framework/tensor/error.h"

namespace ebb {

Flatten::Flatten(const FlattenOptions& options) : image_(options.image), fixed_(options.image.rank() > 0) {
  if (image_.rank() >= Shape::max_rank) fail("Flatten", text("image = ", image_), "at most five axes");
}

Var Flatten::forward(const Var& x) {
  if (x.rank() < 1) fail("Flatten", "a scalar", "[batch, ...]");
  const Shape seen = x.shape().without(0);
  if (fixed_ && !(seen == image_))
    fail("Flatten", text("an input of shape ", x.shape()), text("images of ", image_, " after the batch axis"),
         "resize the images, or make the model for this size");
  if (!(seen == image_)) image_ = seen;  // no write while several threads ask a model that has seen an image
  return x.rank() == 1 ? reshape(x, {x.dim(0), 1}) : flatten(x);
}

std::string Flatten::describe() const {
  if (image_.rank() == 0) return {};
  return text(image_);
}

}  // namespace ebb
