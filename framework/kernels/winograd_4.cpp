#include "framework/kernels/winograd_filters.h"
#include "framework/kernels/winograd_images.h"
#include "framework/kernels/winograd_parts.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

void fill_transforms_4(Winograd& table) {
  fill_images<F4>(table);
  fill_filters<F4>(table);
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
