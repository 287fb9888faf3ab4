/// \file
/// Half-precision numbers, which exist in files only.
#pragma once

#include <bit>
#include <cstdint>

namespace ebb {

/// The value of an IEEE 754 binary16; exact. NaN keeps its sign and payload.
constexpr float from_f16(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 31u;
  const std::uint32_t mantissa = half & 0x3FFu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float tiny = static_cast<float>(mantissa) * 0x1p-24f;  // zero and subnormals
  return sign != 0 ? -tiny : tiny;
}

/// The value of a bfloat16, the upper half of an f32; exact.
constexpr float from_bf16(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

}  // namespace ebb
