#include "framework/kernels/dropout.h"

#include "framework/kernels/fill.h"

// xsimd has no product of 32-bit numbers that keeps the high half. The compiler vectorises these loops over sixteen
// counters, whose products of 32 by 32 bits it knows.

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

constexpr int width = 16;

// Philox4x32-10 (Salmon et al. 2011) of the counters first .. first + 15, word after word.
inline void philox(uint64_t first, uint64_t key, uint32_t* words) {
  uint32_t a[width], b[width], c[width], d[width];
  for (uint32_t i = 0; i < width; ++i) {
    a[i] = static_cast<uint32_t>(first + i);
    b[i] = static_cast<uint32_t>((first + i) >> 32);
    c[i] = 0;
    d[i] = 0;
  }
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < width; ++i) {
      const uint64_t p = uint64_t{0xD2511F53} * a[i];
      const uint64_t q = uint64_t{0xCD9E8D57} * c[i];
      a[i] = static_cast<uint32_t>(q >> 32) ^ b[i] ^ k0;
      b[i] = static_cast<uint32_t>(q);
      c[i] = static_cast<uint32_t>(p >> 32) ^ d[i] ^ k1;
      d[i] = static_cast<uint32_t>(p);
    }
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  for (int i = 0; i < width; ++i) {
    words[i] = a[i];
    words[width + i] = b[i];
    words[2 * width + i] = c[i];
    words[3 * width + i] = d[i];
  }
}

template <class T>
void apply(uint64_t key, uint64_t first, uint32_t threshold, T factor, const T* x, T* y, int64_t n) {
  alignas(64) uint32_t words[dropout_group];
  for (int64_t i = 0; i < n; i += dropout_group) {
    philox((first + static_cast<uint64_t>(i)) / dropout_group * width, key, words);
    const int64_t count = n - i < dropout_group ? n - i : dropout_group;
    for (int64_t j = 0; j < count; ++j) y[i + j] = words[j] < threshold ? T(0) : factor * x[i + j];
  }
}

}  // namespace

void fill(Dropout<float>& table) { table.apply = apply<float>; }
void fill(Dropout<double>& table) { table.apply = apply<double>; }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
