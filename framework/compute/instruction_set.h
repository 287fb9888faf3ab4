/// \file
/// Which kernel table is in use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/kernels/table.h"

namespace ebb {

/// Instruction sets that this build has kernels for and this processor and system can run, best first.
std::vector<std::string> instruction_sets();

/// The one in use. Chosen at the first need: EBB_ARCH where it is set, else the best.
std::string instruction_set();

/// Changes the kernels in use, for tests. Not while anything computes.
/// \throws Error naming the possible ones when `name` is not among instruction_sets().
void set_instruction_set(std::string_view name);

/// The table in use.
const kernels::Table& kernel_table();

/// The kernels in use for T = float or double: `kernels_of<T>().elementwise.add(a, b, y, n)`.
template <class T>
const kernels::Kernels<T>& kernels_of();

template <>
inline const kernels::Kernels<float>& kernels_of<float>() {
  return kernel_table().f32;
}

template <>
inline const kernels::Kernels<double>& kernels_of<double>() {
  return kernel_table().f64;
}

}  // namespace ebb
