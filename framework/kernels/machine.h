/// \file
/// What kernels must know of the machine that their sources are compiled for, beside its registers.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// Whether a multiply-add takes its factor from a lane, as on ARM64: then a load of factors serves as many
/// multiply-adds as there are lanes. Elsewhere a factor is loaded into all lanes.
#ifdef __aarch64__
constexpr bool factors_by_lane = true;
#else
constexpr bool factors_by_lane = false;
#endif

}  // namespace ebb::kernels
