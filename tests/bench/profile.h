/// \file
/// ebb-bench's table of where the time of a training step goes.
#pragma once

#include <cstdint>
#include <string>

namespace ebb {

/// Prints the ops of a training step with their share of its time, the bytes of the tensors that they read and write
/// (each counted once: what a second pass reads again is not in it), and the arithmetic of convolutions and linear
/// layers as a fraction of `peak`, GFLOP/s of multiply-adds in registers. Medians over the steps of `seconds`.
void print_profile(const std::string& model, std::int64_t batch, double seconds, double peak);

}  // namespace ebb
