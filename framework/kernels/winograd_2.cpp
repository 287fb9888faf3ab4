#include "framework/kernels/winograd_filters.h"
#include "framework/kernels/winograd_images.h"
#include "framework/kernels/winograd_parts.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

void fill_transforms_2(Winograd& table) {
  fill_images<F2>(table);
  fill_filters<F2>(table);
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
