// Whether layers are at equilibrium in a diagnosis, and their numbers there: private to the pages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/diagnose/diagnosis.h"

namespace ebb {

// Weights in front of a norm that have a predicted equilibrium.
bool has_equilibrium(const DiagnosisRow& row);

// Layers of a run over its windows.
struct AtRest {
  // Epoch of the first window from which on nine of ten layers and windows are at rest, as are nine of ten layers in
  // it and in the last one; 0: there is none.
  std::int64_t since = 0;
  std::vector<std::string> moving;   // layers that are not at rest in the last window
  std::int64_t windows = 0;          // over which `layers` are means
  std::int64_t steps = 0;            // updates in them
  std::vector<DiagnosisRow> layers;  // a row for each layer of the last window, the medians of its channels averaged
};

// \param rows of all parameters, in the order of the file. Means are taken over the last relaxation time at rest, and
// over a quarter of the windows at rest at least; where layers are not at rest, over a quarter of all windows.
AtRest at_rest(const std::vector<DiagnosisRow>& rows);

}  // namespace ebb
