/// \file
/// The nets of make_golden.py that are not in the models library.
#pragma once

#include "framework/nn/activations.h"
#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"
#include "framework/nn/pooling.h"
#include "framework/nn/sequential.h"

namespace ebb::golden {

/// Two convolutions with batch norm, a strided one among them, and a linear layer behind a global mean:
/// `[n, 12, 11, 3]` -> `[n, 10]`.
class ConvNorm : public Sequential {
 public:
  explicit ConvNorm(const Rng& rng) : Sequential(rng) {
    add<Conv2d>("conv1", {.in = 3, .out = 8, .padding = {1, 1}, .bias = false});
    add<BatchNorm2d>("bn1", {.channels = 8});
    add<ReLU>("relu1");
    add<Conv2d>("conv2", {.in = 8, .out = 17, .stride = {2, 2}, .padding = {1, 1}, .bias = false});
    add<BatchNorm2d>("bn2", {.channels = 17});
    add<ReLU>("relu2");
    add<GlobalAvgPool2d>("pool");
    add<Linear>("fc", {.in = 17, .out = 10});
  }
};

}  // namespace ebb::golden
