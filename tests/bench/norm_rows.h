/// \file
/// ebb-bench's rows for batch norm with ReLU and for pooling, at the shapes of ResNet-20 and ResNet-18.
#pragma once

#include <cstdint>

namespace ebb {

/// Prints a row for each shape and op: milliseconds forward (in training, with statistics) and backward, and the bytes
/// that a pass over input and output moves, a second.
void print_norm_rows(std::int64_t batch, double seconds, bool json);

}  // namespace ebb
