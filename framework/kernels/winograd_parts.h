/// \file
/// The sources of the Winograd family: each fills its part of the table. Included by kernel sources only.
#pragma once

#include "framework/kernels/winograd.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

void fill_transforms_2(Winograd& table);
void fill_transforms_4(Winograd& table);
void fill_products(Winograd& table);

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
