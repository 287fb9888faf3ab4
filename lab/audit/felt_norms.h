/// \file
/// Norms that are none to the audit.
#pragma once

#include <string>
#include <vector>

#include "lab/audit/network.h"
#include "lab/audit/position.h"

namespace ebb {

/// A sentence for each parameter of role norm_scale, of a norm that is written out, in front of which the loss feels
/// the scale of every weight. \param places of the network's parameters.
std::vector<std::string> felt_norms(const Network& network, const std::vector<Position>& places);

}  // namespace ebb
