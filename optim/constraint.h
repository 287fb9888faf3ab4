/// \file
/// Rules that act on a parameter after the step: norm constraints.
#pragma once

#include <functional>
#include <string>

#include "framework/autograd/parameter.h"

namespace ebb {

/// Something done to each parameter of a group after its update, for example a projection.
/// A rule of your own is `AfterStep{"positive", [](Parameter& p) { ... }}`.
struct AfterStep {
  std::string name = {};                       ///< How it prints.
  std::function<void(Parameter&)> apply = {};  ///< Edits Parameter::value(). Empty: nothing.
};

/// Output channels whose norm exceeds `limit` are scaled back to it. A channel is an index of the last axis (of the
/// first for embeddings); a parameter of rank 0 or 1 is one channel.
/// \throws Error unless limit > 0.
AfterStep max_norm(double limit);

/// Each output channel is scaled to the given norm; channels of norm 0 stay.
/// \throws Error unless norm > 0.
AfterStep unit_norm(double norm = 1);

}  // namespace ebb
