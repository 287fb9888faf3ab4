/// \file
/// What each kernel source provides in the namespace of its instruction set: it fills its part of the table.
#pragma once

#include "framework/kernels/table.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {

void fill(Activation<float>& table);
void fill(Activation<double>& table);
void fill(Broadcast<float>& table);
void fill(Broadcast<double>& table);
void fill(Elementwise<float>& table);
void fill(Elementwise<double>& table);
void fill(Convolution<float>& table);
void fill(Convolution<double>& table);
void fill(Gemm<float>& table);
void fill(Gemm<double>& table);
void fill(Probe<float>& table);
void fill(Probe<double>& table);
void fill(Reduction<float>& table);
void fill(Reduction<double>& table);
void fill(Update<float>& table);
void fill(Update<double>& table);
void fill(Dropout<float>& table);
void fill(Dropout<double>& table);
void fill(Normalization<float>& table);
void fill(Normalization<double>& table);
void fill(Pooling<float>& table);
void fill(Pooling<double>& table);
void fill(Softmax<float>& table);
void fill(Softmax<double>& table);

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
