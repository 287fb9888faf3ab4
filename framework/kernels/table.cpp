#include "framework/kernels/table.h"

#include "framework/kernels/table_entries.h"
#include "framework/kernels/winograd_parts.h"

#define EBB_TEXT_OF(name) #name
#define EBB_TEXT(name) EBB_TEXT_OF(name)

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

template <class T>
void fill_all(Kernels<T>& kernels) {
  fill(kernels.activation);
  fill(kernels.broadcast);
  fill(kernels.elementwise);
  fill(kernels.convolution);
  fill(kernels.gemm);
  fill(kernels.probe);
  fill(kernels.reduction);
  fill(kernels.update);
  fill(kernels.dropout);
  fill(kernels.normalization);
  fill(kernels.pooling);
  fill(kernels.softmax);
}

}  // namespace

void make_table(Table& table) {
  table.name = EBB_TEXT(EBB_KERNEL_ARCH);
  fill_all(table.f32);
  fill_all(table.f64);
  fill_transforms_2(table.winograd_2);
  fill_transforms_4(table.winograd_4);
  fill_products(table.winograd_2);
  fill_products(table.winograd_4);
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
