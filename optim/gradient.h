/// \file
/// What an optimizer does to gradients on the way in: clipping, accumulation, gradients that are missing or not finite.
/// Parameter::grad() itself is never edited.
#pragma once

#include <cstdint>
#include <string>

namespace ebb {

/// How gradients are clipped. All kinds see the gradient as the tape left it: penalties that stand in the loss are
/// in it, coupled decay is not, unless with_decay says so. Accumulated gradients are clipped after averaging.
struct Clip {
  /// What is limited.
  enum class Kind : std::uint8_t {
    none,         ///< Nothing.
    value,        ///< Each number, to +-limit.
    global_norm,  ///< The norm over all parameters: all are scaled by min(1, limit / norm).
    group_norm,   ///< The same for each group by itself.
  };
  Kind kind = Kind::none;   ///< What is limited.
  double limit = 0;         ///< Its largest size, > 0.
  bool with_decay = false;  ///< Norms only: whether coupled decay is part of what is measured and scaled.

  std::string text() const;  ///< "global_norm 1", "none".
};

/// Each number of the gradient to +-limit.
/// \throws Error unless limit > 0; so do the others.
Clip clip_value(double limit);
/// Scales all gradients alike so that their common norm is at most `limit`.
Clip clip_norm(double limit);
/// Scales the gradients of each group so that its norm is at most `limit`.
Clip clip_group_norm(double limit);

/// What a step does with a gradient that has NaN or infinity in it.
enum class NonFinite : std::uint8_t {
  ignore,  ///< Uses it; costs nothing.
  fail,    ///< Throws an Error that names the parameter; nothing is changed.
  skip,    ///< Makes no step; Optimizer::skipped_steps() counts.
};

/// What a step does to a parameter that is not frozen and got no gradient, which is not the same as a gradient of 0.
enum class NoGradient : std::uint8_t {
  skip,     ///< Nothing: no decay, no momentum; as PyTorch does.
  decay,    ///< Decoupled decay only; momentum and moments stay as they are.
  as_zero,  ///< As if the gradient were 0.
  fail,     ///< Throws an Error that names the parameter; nothing is changed.
};

/// Settings of an optimizer for incoming gradients.
struct GradientOptions {
  Clip clip = {};                             ///< Clipping.
  int accumulate = 1;                         ///< Calls of step() whose gradients are averaged for one update.
  NonFinite non_finite = NonFinite::ignore;   ///< Gradients with NaN or infinity.
  NoGradient no_gradient = NoGradient::skip;  ///< Parameters without a gradient.
};

}  // namespace ebb
