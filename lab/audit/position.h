/// \file
/// Where a parameter stands in its network, for decay.
#pragma once

#include <vector>

#include "lab/audit/network.h"
#include "lab/audit/symmetry.h"

namespace ebb {

/// What decay meets at a parameter.
enum class Position : std::uint8_t {
  plain,          ///< None of the others: decay acts on the function.
  feeds_norm,     ///< The loss ignores its scale (of channels, groups, or the whole): decay sets how fast it turns.
  cancelled,      ///< The loss ignores it: a bias that a norm behind it removes.
  joint_gain,     ///< Scale and shift of a norm whose common scale the loss ignores, since another norm follows.
  residual_gain,  ///< Scale and shift of a norm that reaches an addition before any other norm: weighs a branch.
  head,           ///< Of the last linear map in front of the loss.
  tied,           ///< Used at several places, and none of the others.
  unused,         ///< The loss does not depend on it.
};

/// All positions, in their order.
constexpr int positions = 8;

/// "feeds_norm".
const char* name(Position position);

/// The position of each of network.parameters. Frozen parameters are constants of the pass, and so unused by it.
std::vector<Position> positions_of(const Network& network, const std::vector<Symmetry>& symmetries);

}  // namespace ebb
