#include "framework/kernels/reduction.h"

#include "framework/kernels/machine.h"
#include "framework/kernels/simd.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// Single precision is summed in registers over runs this short, and the runs in double: the error stays near that of
// one rounding to float while the loop runs at full width. In double they cut rounding errors short.
template <class T>
constexpr int64_t run = sizeof(T) == sizeof(float) ? summed_in_float : 256;

// Sum over i of term(i-th register or tail), four registers at a time.
template <class T, class Term>
double sum_terms(int64_t n, Term term) {
  using B = Batch<T>;
  constexpr int64_t width = lanes<T>;
  double total = 0;
  int64_t i = 0;
  while (i < n) {
    const int64_t end = n - i < run<T> ? n : i + run<T>;
    B a(T(0)), b(T(0));
    for (; i + 2 * width <= end; i += 2 * width) {
      a += term(i, width);
      b += term(i + width, width);
    }
    for (; i + width <= end; i += width) a += term(i, width);
    if (i < end) {
      b += term(i, end - i);
      i = end;
    }
    total += sum_lanes<T>(a + b);
  }
  return total;
}

template <class T>
Batch<T> load(const T* x, int64_t i, int64_t count) {
  return count == lanes<T> ? Batch<T>::load_unaligned(x + i) : load_part(x + i, count);
}

template <class T>
void fill_table(Reduction<T>& table) {
  using B = Batch<T>;
  table.sum = [](const T* x, int64_t n) {
    return sum_terms<T>(n, [=](int64_t i, int64_t count) { return load(x, i, count); });
  };
  table.sum_squares = [](const T* x, int64_t n) {
    return sum_terms<T>(n, [=](int64_t i, int64_t count) {
      const B v = load(x, i, count);
      return v * v;
    });
  };
  table.sum_abs = [](const T* x, int64_t n) {
    return sum_terms<T>(n, [=](int64_t i, int64_t count) { return xsimd::abs(load(x, i, count)); });
  };
  table.dot = [](const T* a, const T* b, int64_t n) {
    return sum_terms<T>(n, [=](int64_t i, int64_t count) { return load(a, i, count) * load(b, i, count); });
  };
  table.max_abs = [](const T* x, int64_t n) {
    T largest = 0;
    bool bad = false;
    int64_t i = 0;
    B best(T(0));
    for (; i < n; i += lanes<T>) {
      const B v = xsimd::abs(load(x, i, n - i < lanes<T> ? n - i : lanes<T>));
      bad = bad || xsimd::any(xsimd::isnan(v));
      best = xsimd::max(best, v);
    }
    alignas(64) T part[lanes<T>];
    best.store_aligned(part);
    for (const T v : part) largest = v > largest ? v : largest;
    return bad ? static_cast<T>(__builtin_nan("")) : largest;
  };
  table.argmax = [](const T* x, int64_t n) {
    const T lowest = -static_cast<T>(__builtin_inf());
    B best(lowest);
    for (int64_t i = 0; i < n; i += lanes<T>) {
      const B v = n - i < lanes<T> ? load_part(x + i, n - i, lowest) : B::load_unaligned(x + i);
      if (xsimd::any(xsimd::isnan(v))) {
        while (x[i] == x[i]) ++i;
        return i;
      }
      best = xsimd::max(best, v);
    }
    alignas(64) T part[lanes<T>];
    best.store_aligned(part);
    T largest = lowest;
    for (const T v : part) largest = v > largest ? v : largest;
    int64_t i = 0;
    while (x[i] != largest) ++i;
    return i;
  };
  table.sum_exp = [](T shift, const T* x, int64_t n) {
    return sum_terms<T>(n, [=](int64_t i, int64_t count) {
      const T lowest = -static_cast<T>(__builtin_inf());  // e^lowest is 0
      const B v = count == lanes<T> ? B::load_unaligned(x + i) : load_part(x + i, count, lowest);
      return xsimd::exp(v - B(shift));
    });
  };
}

}  // namespace

void fill(Reduction<float>& table) { fill_table(table); }
void fill(Reduction<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
