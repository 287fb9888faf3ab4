/// \file
/// What one update did to the channels of a parameter, as sums.
#pragma once

#include "optim/channels.h"

namespace ebb {

/// Sums over the numbers of a channel: w before the update, w + d after it, g the gradient after averaging and
/// clipping, p that of the step before.
struct Moments {
  double ww = 0;  ///< Of w w.
  double gg = 0;  ///< Of g g.
  double wg = 0;  ///< Of w g.
  double dd = 0;  ///< Of d d.
  double wd = 0;  ///< Of w d.
  double gp = 0;  ///< Of g p.

  /// The angle between w and w + d in radians, exact also where it is tiny.
  double angle() const;

  void add(const Moments& other);  ///< Sums over both.
};

/// The tensors of an update; all have the parameter's shape and type.
struct UpdateTensors {
  const Tensor& before;        ///< w.
  const Tensor& after;         ///< w + d.
  const Tensor& gradient;      ///< As Parameter::grad() holds it; undefined: zeros.
  double gradient_scale = 1;   ///< g = gradient * gradient_scale ...
  double gradient_limit = 0;   ///< ... within +- this, 0 for no limit.
  Tensor* previous = nullptr;  ///< p, which becomes g; null: gp is 0.
};

/// into[c] = sums over channel c, in double. Deterministic; `into` has view.channels() places.
void measure_moments(const ChannelView& view, const UpdateTensors& tensors, Moments* into);

}  // namespace ebb
