#include "framework/kernels/dropout.h"

#include "framework/kernels/simd.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// Words of 32 bits stand in lanes of 64, whose upper halves are rubbish.
using Words = Batch<uint64_t>;

constexpr int width = 16;  // counters together: a quarter of a group

// The products, of 64 bits, of the words: what xsimd 8.1 lacks.
inline Words product(Words a, Words b) {
#if defined(__AVX512F__)
  return _mm512_mul_epu32(a, b);
#elif defined(__AVX2__)
  return _mm256_mul_epu32(a, b);
#elif defined(__SSE2__)
  return _mm_mul_epu32(a, b);
#else
  const Words low(uint64_t{0xFFFFFFFF});
  return (a & low) * (b & low);
#endif
}

// Philox4x32-10 (Salmon et al. 2011) of the counters first .. first + 15: word w of counter i at words[w][i].
inline void philox(uint64_t first, uint64_t key, uint32_t (*words)[width]) {
  alignas(64) uint64_t counter[width];
  alignas(64) uint64_t result[4][width];
  for (uint64_t i = 0; i < width; ++i) counter[i] = first + i;
  const Words multiply_a(uint64_t{0xD2511F53}), multiply_c(uint64_t{0xCD9E8D57});
  for (int i = 0; i < width; i += lanes<uint64_t>) {
    Words a = Words::load_aligned(counter + i);
    Words b = a >> 32;
    Words c(uint64_t{0}), d(uint64_t{0});
    uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const Words p = product(multiply_a, a);
      const Words q = product(multiply_c, c);
      a = (q >> 32) ^ b ^ Words(uint64_t{k0});
      c = (p >> 32) ^ d ^ Words(uint64_t{k1});
      b = q;
      d = p;
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    a.store_aligned(result[0] + i);
    b.store_aligned(result[1] + i);
    c.store_aligned(result[2] + i);
    d.store_aligned(result[3] + i);
  }
  for (int w = 0; w < 4; ++w)
    for (int i = 0; i < width; ++i) words[w][i] = static_cast<uint32_t>(result[w][i]);
}

// Drops one group, a whole one so that the compiler knows its length.
template <class T>
inline void drop(const uint32_t* words, uint32_t threshold, T factor, const T* x, T* y) {
  for (int j = 0; j < dropout_group; ++j) y[j] = words[j] < threshold ? T(0) : factor * x[j];
}

template <class T>
void apply(uint64_t key, uint64_t first, uint32_t threshold, T factor, const T* x, T* y, int64_t n) {
  alignas(64) uint32_t words[4][width];
  for (int64_t i = 0; i < n; i += dropout_group) {
    philox((first + static_cast<uint64_t>(i)) / dropout_group * width, key, words);
    if (n - i >= dropout_group) {
      drop(words[0], threshold, factor, x + i, y + i);
      continue;
    }
    T part[dropout_group] = {};
    for (int64_t j = 0; j < n - i; ++j) part[j] = x[i + j];
    drop(words[0], threshold, factor, part, part);
    for (int64_t j = 0; j < n - i; ++j) y[i + j] = part[j];
  }
}

}  // namespace

void fill(Dropout<float>& table) { table.apply = apply<float>; }
void fill(Dropout<double>& table) { table.apply = apply<double>; }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
