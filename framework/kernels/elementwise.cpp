#include "framework/kernels/elementwise.h"

#include "framework/kernels/simd.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

template <class T>
void fill_table(Elementwise<T>& table) {
  using B = Batch<T>;
  table.fill = [](T value, T* y, int64_t n) { map(y, y, n, [=](B) { return B(value); }); };
  table.add = [](const T* a, const T* b, T* y, int64_t n) { map(a, b, y, n, [](B p, B q) { return p + q; }); };
  table.sub = [](const T* a, const T* b, T* y, int64_t n) { map(a, b, y, n, [](B p, B q) { return p - q; }); };
  table.mul = [](const T* a, const T* b, T* y, int64_t n) { map(a, b, y, n, [](B p, B q) { return p * q; }); };
  table.div = [](const T* a, const T* b, T* y, int64_t n) { map(a, b, y, n, [](B p, B q) { return p / q; }); };
  table.scale = [](T alpha, const T* x, T* y, int64_t n) { map(x, y, n, [=](B v) { return B(alpha) * v; }); };
  table.shift = [](T alpha, const T* x, T* y, int64_t n) { map(x, y, n, [=](B v) { return B(alpha) + v; }); };
  table.axpy = [](T alpha, const T* x, T* y, int64_t n) {
    map(x, y, y, n, [=](B v, B w) { return xsimd::fma(B(alpha), v, w); });
  };
  table.lerp = [](T share, const T* x, T* y, int64_t n) {
    // From the end that is nearer, so that a share of 1 gives x to the bit.
    if (share < T(0.5)) {
      map(x, y, y, n, [=](B v, B w) { return xsimd::select(v == w, w, xsimd::fma(B(share), v - w, w)); });
    } else {
      map(x, y, y, n, [=](B v, B w) { return xsimd::select(v == w, w, xsimd::fnma(B(1 - share), v - w, v)); });
    }
  };
  table.add_relu = [](const T* a, const T* b, T* y, int64_t n) {
    map(a, b, y, n, [](B p, B q) {
      const B s = p + q;
      return xsimd::select(s <= B(0), B(0), s);
    });
  };
  table.select = [](const uint8_t* condition, const T* a, const T* b, T* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) y[i] = condition[i] != 0 ? a[i] : b[i];
  };
}

}  // namespace

void fill(Elementwise<float>& table) { fill_table(table); }
void fill(Elementwise<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
