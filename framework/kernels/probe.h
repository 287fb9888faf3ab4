/// \file
/// The arithmetic limit of the processor, for benchmarks. One thread.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// Function pointers of the family for T = float or double.
template <class T>
struct Probe {
  int64_t flops_per_round;            ///< Floating-point operations in a round.
  T (*multiply_add)(int64_t rounds);  ///< Independent multiply-adds in registers, as many as hide their latency.
};

}  // namespace ebb::kernels
