// Whether layers are at equilibrium in a diagnosis, and their numbers there: private to the pages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/diagnose/diagnosis.h"

namespace ebb {

// Weights in front of a norm that have a predicted equilibrium.
bool has_equilibrium(const DiagnosisRow& row);

// The highest learning rate of a run's windows.
struct PeakRate {
  double lr = 0;
  double relaxation = 0;   // steps in which a layer comes to rest there: median of the layers
  std::int64_t steps = 0;  // updates in windows whose learning rate is within a tenth of it
};

// Layers of a run over its windows.
struct AtRest {
  // Epoch of the first window in which nine of ten layers are at rest, as are nine of ten layers and windows from it to
  // the end, and those of the last relaxation time or of the last window; 0: there is none.
  std::int64_t since = 0;
  // Where layers were at rest until the learning rate fell, and are not at the end: epoch of the last window that rests
  // at a rate within a tenth of the highest at which one does; else 0. All numbers below are of the windows up to it.
  std::int64_t until = 0;
  double until_lr = 0;  // there, the highest of the layers
  // Where layers were never at rest and the learning rate fell faster than they can follow, to less than half within
  // the relaxation time of the end. `until` is then the last window near the peak, and numbers are of windows near it.
  std::optional<PeakRate> peak;
  double last_lr = 0;  // at the end, the highest of the layers
  // Layers at rest in less than half of the last windows, as they last moved; behind `until` those of the last window.
  std::vector<DiagnosisRow> moving;
  std::int64_t windows = 0;          // over which `layers` are means
  std::int64_t steps = 0;            // updates in them
  std::vector<DiagnosisRow> layers;  // a row for each layer of the last of these windows, the medians of its channels
                                     // averaged; at rest where it is in half of them
};

// \param rows of all parameters, in the order of the file. Means are taken over the last relaxation time at rest, and
// over a quarter of the windows at rest at least; where layers are not at rest, over a quarter of all windows.
AtRest at_rest(const std::vector<DiagnosisRow>& rows);

}  // namespace ebb
