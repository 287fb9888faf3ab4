/// \file
/// The sources of the convolution family: each fills its part of the table. Included by kernel sources only.
#pragma once

#include "framework/kernels/convolution.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

void fill_packing(Convolution<float>& table);
void fill_packing(Convolution<double>& table);
void fill_gradients(Convolution<float>& table);
void fill_gradients(Convolution<double>& table);
void fill_planes(Convolution<float>& table);
void fill_planes(Convolution<double>& table);
void fill_depthwise(Convolution<float>& table);
void fill_depthwise(Convolution<double>& table);

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
