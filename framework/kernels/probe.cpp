#include "framework/kernels/probe.h"

#include "framework/kernels/simd.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

constexpr int chains = 12;  // two units with a latency of four or five cycles want eight to ten

template <class T>
T multiply_add(int64_t rounds) {
  using B = Batch<T>;
  // Volatile, so that nothing is known of the numbers beforehand.
  volatile T start = T(0.5);
  volatile T factor_value = T(0.999);
  const B factor(factor_value);
  B sum[chains];
  for (int i = 0; i < chains; ++i) sum[i] = B(start + T(i));
  for (int64_t round = 0; round < rounds; ++round)
    for (int i = 0; i < chains; ++i) sum[i] = xsimd::fma(sum[i], factor, factor);
  for (int i = 1; i < chains; ++i) sum[0] += sum[i];
  return static_cast<T>(sum_lanes<T>(sum[0]));
}

template <class T>
void fill_table(Probe<T>& table) {
  table.flops_per_round = int64_t{2} * chains * lanes<T>;
  table.multiply_add = multiply_add<T>;
}

}  // namespace

void fill(Probe<float>& table) { fill_table(table); }
void fill(Probe<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
