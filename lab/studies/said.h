/// \file
/// What a trained net says of a set of images, for studies of how sure it is.
#pragma once

#include <algorithm>
#include <memory>

#include "data/image_dataset.h"
#include "data/loader.h"
#include "framework/compute/basic.h"
#include "framework/nn/layer.h"

namespace ebb::studies {

/// What is said of a number of images.
struct Said {
  Tensor logits;  ///< `[n, classes]`, f64.
  Tensor labels;  ///< `[n]`, i64.
};

/// \param net in evaluation mode, of f32 numbers. \param classes length of its output.
inline Said said_of(Layer& net, const ImageDataset& images, std::int64_t classes = 10) {
  // The loader shares its data set; this one lives longer than the loader.
  const std::shared_ptr<const ImageDataset> shared(&images, [](const ImageDataset*) {});
  const Loader loader(shared, {.batch = 500, .shuffle = false, .prefetch = 0});
  Said out{Tensor({images.size(), classes}, DType::f64), Tensor({images.size()}, DType::i64)};
  const Epoch order = loader.epoch(0);
  for (std::int64_t i = 0, at = 0; i < order.size(); ++i) {
    const Batch one = order[i];
    const Tensor logits = cast(net(one.images).value(), DType::f64);
    std::copy_n(logits.data<double>(), logits.size(), out.logits.mutable_data<double>() + classes * at);
    std::copy_n(one.labels.data<std::int64_t>(), one.labels.size(), out.labels.mutable_data<std::int64_t>() + at);
    at += one.labels.size();
  }
  return out;
}

}  // namespace ebb::studies
