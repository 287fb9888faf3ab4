/// \file
/// An optimizer's state as data, for checkpoints.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb {

/// What an optimizer needs to go on later: tensors by "path/what", e.g. "fc.weight/momentum", and settings as text.
struct OptimizerState {
  std::map<std::string, Tensor> tensors;        ///< State of the parameters, copied.
  std::map<std::string, std::string> metadata;  ///< Optimizer, step, plateau, group table.
};

/// What load_state() found.
struct OptimizerLoadReport {
  std::vector<std::string>
      missing;  ///< Parameters that are not frozen, without saved state behind step 0: they start anew.
  std::vector<std::string> extra;    ///< Saved tensors that no parameter takes.
  std::vector<std::string> changed;  ///< Differences of settings and groups, a sentence each.

  bool exact() const { return missing.empty() && extra.empty() && changed.empty(); }  ///< Nothing to report.
  std::string text() const;                                                           ///< For people, a line each.
};

}  // namespace ebb
