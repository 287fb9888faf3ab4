/// \file
/// ebb-bench's rows for single layers: each pass of a 3x3 convolution by each method, in turns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ebb {

/// What to measure.
struct LayerSettings {
  std::int64_t batch = 128;
  std::vector<std::string> layers;  // sets of shapes
  double seconds = 0.5;             // for each row
  bool json = false;
};

/// Prints a row for each layer and pass: GFLOP/s of the direct method's arithmetic, direct, F2, F4, and as chosen.
void print_layer_rows(const LayerSettings& settings, double peak);

}  // namespace ebb
