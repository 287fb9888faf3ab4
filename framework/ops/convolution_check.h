/// \file
/// Checks of arguments that conv2d() and conv_transpose2d() share. Not part of the public interface.
#pragma once

#include <array>
#include <cstdint>

#include "framework/autograd/tape.h"

namespace ebb::detail {

/// The largest step, padding or window along an axis: beyond it products of sizes could overflow, and no image needs
/// it.
constexpr std::int64_t largest_step = std::int64_t{1} << 24;

/// The largest height or width of an image that is spread by steps: their product fits.
constexpr std::int64_t largest_image = std::int64_t{1} << 36;

/// \throws Error unless x and weight are defined, of rank 4 and of one floating-point type (as bias, if it is defined),
/// and weight has no empty axis.
void check_images(const char* op, const Var& x, const Var& weight, const Var& bias);

/// \throws Error unless stride, dilation and groups are at least 1 and padding at least 0.
void check_steps(const char* op, const std::array<std::int64_t, 2>& stride, const std::array<std::int64_t, 2>& padding,
                 const std::array<std::int64_t, 2>& dilation, std::int64_t groups);

/// \throws Error unless bias is undefined or `[channels]`.
void check_bias(const char* op, const Var& bias, std::int64_t channels);

}  // namespace ebb::detail
