/// \file
/// From the options of a pooling to what its kernels take. Not part of the public interface.
#pragma once

#include <array>

#include "framework/kernels/pooling.h"
#include "framework/ops/pooling.h"

namespace ebb::detail {

/// \throws Error naming `where` when an option is out of range, whatever the images are.
void check_geometry(const char* where, const PoolGeometry& geometry);

/// \throws Error unless x is a batch of images, f32 or f64, of a pixel and a channel at least.
void require_images(const char* op, const Tensor& x);

/// \throws Error as max_pool2d().
kernels::PoolShape pool_shape(const char* op, const Tensor& x, const PoolGeometry& geometry);

/// Windows that divide the image evenly; plain ones where they divide it without a rest.
/// \throws Error as adaptive_max_pool2d().
kernels::PoolShape adaptive_shape(const char* op, const Tensor& x, std::array<std::int64_t, 2> output);

}  // namespace ebb::detail
