/// \file
/// Gradients and weights along the symmetries that an audit finds.
#pragma once

#include <vector>

#include "lab/audit/audit.h"
#include "lab/study/workloads.h"

namespace ebb {

/// What an audit finds in a network, and what gradients say of it.
struct Along {
  double scalings = 0;    ///< The largest |sum w g| over sum |w g| of a unit of a scaling or rescaling.
  double shifts = 0;      ///< The largest |sum g| of a unit of a shift, over sum |g| of all parameters.
  double symmetries = 0;  ///< How many the audit finds.
  double confirmed = 0;   ///< Those that the probe confirms, scalings to the bit; 0 if the audit has problems.
};

/// Audits a network of f64 numbers with the probe, and takes the gradients of the batch.
Along along_symmetries(Layer& net, const workloads::Batch& batch);

/// The sum of the numbers that each unit of each shift changes: what gradients cannot move. \param found an audit of
/// the network.
std::vector<double> tracers_of(Layer& net, const Audit& found);

}  // namespace ebb
