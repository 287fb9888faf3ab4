/// \file
/// The numbers of a module by path, and what became of them when a module took them over.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb {

/// The numbers of a module by path: parameters and buffers.
using State = std::map<std::string, Tensor>;

/// Whether load_state() accepts a state that does not fit exactly.
enum class Strict : bool { no = false, yes = true };

/// What load_state() did, by path.
struct LoadReport {
  std::vector<std::string> loaded;     ///< Found with the right shape and taken.
  std::vector<std::string> missing;    ///< In the module, not in the state.
  std::vector<std::string> extra;      ///< In the state, not in the module.
  std::vector<std::string> misshaped;  ///< In both, of other shape or dtype: "path: got [3] f32, wanted [4] f32".

  bool exact() const { return missing.empty() && extra.empty() && misshaped.empty(); }  ///< Nothing but loaded.
  std::string text() const;  ///< For people: a line for each list that has entries.
};

}  // namespace ebb
