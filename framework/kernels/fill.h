/// \file
/// What each kernel source provides in the namespace of its instruction set: it fills its part of the table.
#pragma once

#include "framework/kernels/table.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

void fill(Elementwise<float>& table);
void fill(Elementwise<double>& table);
void fill(Reduction<float>& table);
void fill(Reduction<double>& table);

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
