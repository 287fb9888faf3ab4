// Records of TensorBoard's event files, as bytes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb::detail {

// What is shown at a step.
struct EventValues {
  double wall_time = 0;  // seconds since 1970
  std::int64_t step = 0;
  std::vector<std::pair<std::string, double>> scalars = {};     // by tag; shown as f32
  std::vector<std::pair<std::string, Tensor>> histograms = {};  // of all numbers of a tensor that are finite
  std::vector<std::pair<std::string, Tensor>> pictures = {};    // u8 [h, w, 1 or 3]
};

// What a file begins with.
std::string event_head(double wall_time);

// Tells the reader to forget what it has read of this step and later ones.
std::string event_restart(double wall_time, std::int64_t step);

// The values, in one record.
std::string event_record(const EventValues& values);

}  // namespace ebb::detail
