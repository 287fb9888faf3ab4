/// \file
/// Ops that can be computed again: what a prepared network is made of.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <utility>

#include "framework/autograd/tape.h"
#include "framework/compute/convolution.h"

namespace ebb {

namespace detail {

/// How a recorded op is computed again, from other numbers or for another batch, from several threads at once.
struct Repeat {
  std::function<Var(std::span<const Var>)> again;  ///< The op's result from its inputs.
  std::optional<ConvolutionShape> convolution;     ///< Of conv2d: its inputs are images, weights and perhaps a bias.
  /// Of a norm with constant statistics, f64 `[2, channels]`: y = x row 0 + row 1, and then the activation of its name.
  Tensor channel_map;
  std::array<Tensor, 2> statistics = {};  ///< Of such a norm: mean and variance as its state holds them, no copies.
  Tensor condition = {};                  ///< Of where(), which alone is not computed again: what it chooses by.
};

/// What an op records of its settings: all of them while someone observes, else the first `few`, for which those ask
/// who look at the tape alone. Steps of a training would copy the others for nobody.
inline std::span<const OpSetting> shown(std::span<const OpSetting> all, std::size_t few) {
  return op_observer == nullptr ? all.first(few) : all;
}

}  // namespace detail

/// Ends an op that can be computed again: `return repeatable(record(...), [slope](std::span<const Var> in) { return
/// leaky_relu(in[0], slope); });`. `again` gets the inputs that record() got and must not depend on their number of
/// images. Who prepares a network takes it along; at other times it costs a comparison.
template <class Again>
Var repeatable(Var result, Again again) {
  if (detail::op_observer != nullptr && result.tracked())
    detail::op_observer->repeat({.again = std::move(again), .convolution = {}, .channel_map = {}});
  return result;
}

}  // namespace ebb
