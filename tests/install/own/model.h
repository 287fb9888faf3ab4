// A model: two convolutions with batch norm and a stretch behind each.
#pragma once

#include <memory>
#include <string>

#include <ebb/framework/nn/batch_norm.h>
#include <ebb/framework/nn/conv2d.h>
#include <ebb/framework/nn/linear.h>
#include <ebb/framework/nn/pooling.h>
#include <ebb/framework/nn/sequential.h>
#include <ebb/lab/setup/extensions.h>

#include "layer.h"

namespace user {

inline std::unique_ptr<ebb::Layer> stretched_net(const ebb::ModelOptions& o, const ebb::Rng& rng,
                                                 const ebb::Recipe& recipe) {
  const auto width = static_cast<std::int64_t>(recipe.own.at("stretch_width"));
  auto net = std::make_unique<ebb::Sequential>(rng);
  std::int64_t in = o.image[2];
  for (const std::string number : {"1", "2"}) {
    net->add<ebb::Conv2d>("conv" + number, {.in = in, .out = width, .padding = {1, 1}, .bias = false});
    net->add<ebb::BatchNorm2d>("norm" + number, {.channels = width});
    net->add<Stretch>("stretch" + number, {.channels = width});
    net->add<ebb::MaxPool2d>("pool" + number);
    in = width;
  }
  net->add<ebb::GlobalAvgPool2d>("mean");
  net->add<ebb::Linear>("fc", {.in = width, .out = o.classes});
  return net;
}

}  // namespace user
