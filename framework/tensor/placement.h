/// \file
/// Where large arrays begin.
#pragma once

#include <cstddef>

namespace ebb::detail {

/// Arrays of 4 KiB and more, tensors' and kernels' scratch memory, begin placement_front bytes behind a multiple of
/// this.
///
/// For a load that follows a store, processors compare the lowest twelve bits of the addresses first. Where an output
/// lies one register behind its input modulo 4,096, each load waits for the store before it. Between arrays placed like
/// this there are at least 512 bytes modulo 4,096, or none.
constexpr std::size_t placement = 512;

/// See placement: the head of a pool block.
constexpr std::size_t placement_front = 64;

}  // namespace ebb::detail
