/// \file
/// What kernels must know of the machine that their sources are compiled for, beside its registers.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

#ifdef __aarch64__
constexpr bool arm64 = true;  ///< Whether it is an ARM64.
#else
constexpr bool arm64 = false;  ///< Whether it is an ARM64.
#endif

/// Whether a multiply-add takes its factor from a lane: then a load of factors serves as many multiply-adds as there
/// are lanes. Elsewhere a factor is loaded into all lanes.
constexpr bool factors_by_lane = arm64;

/// How many floats are summed in registers before their sum goes on in double: few lanes add up more of them each.
constexpr int64_t summed_in_float = arm64 ? 64 : 256;

}  // namespace ebb::kernels
