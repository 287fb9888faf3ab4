#include "framework/kernels/softmax.h"

#include <math.h>

#include "framework/kernels/rows.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// Sum of term(j, count), in registers over short runs and in double over the runs. The term's lanes from `count` on
// must be 0.
template <class T, class F>
inline double sum_terms(int64_t n, F term) {
  constexpr int64_t run = 256;
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += run) {
    Batch<T> part(T(0));
    each_register<T>(n - begin < run ? n - begin : run,
                     [&](int64_t j, int64_t count) { part += term(begin + j, count); });
    total += sum_halves<T>(part);
  }
  return total;
}

template <class T>
T largest(const T* x, int64_t n) {
  using B = Batch<T>;
  const T lowest = -static_cast<T>(INFINITY);
  B best(lowest);
  bool bad = false;
  each_register<T>(n, [&](int64_t j, int64_t count) {
    const B v = load(x + j, count, lowest);
    bad = bad || xsimd::any(xsimd::isnan(v));
    best = xsimd::max(best, v);
  });
  alignas(64) T part[lanes<T>];
  best.store_aligned(part);
  T most = part[0];
  for (const T v : part) most = v > most ? v : most;
  return bad ? static_cast<T>(NAN) : most;
}

// Rows of so few numbers are worked on several at a time.
constexpr int64_t narrow = 32;

// statistics() of n <= narrow numbers a row: rows are the lanes.
template <class T>
void narrow_statistics(const T* x, int64_t rows, int64_t n, double* max, double* log_sum) {
  using B = Batch<T>;
  alignas(64) T tile[narrow * lanes<T>];
  alignas(64) T most[lanes<T>], sum[lanes<T>];
  for (int64_t row = 0; row < rows; row += lanes<T>) {
    const int64_t count = rows - row < lanes<T> ? rows - row : lanes<T>;
    for (int64_t r = 0; r < lanes<T>; ++r) {
      const T* const from = x + (row + (r < count ? r : 0)) * n;
      for (int64_t i = 0; i < n; ++i) tile[i * lanes<T> + r] = from[i];
    }
    B best = B::load_aligned(tile);
    for (int64_t i = 1; i < n; ++i) {
      const B v = B::load_aligned(tile + i * lanes<T>);
      best = xsimd::select(xsimd::isnan(best), best, xsimd::max(best, v));  // max(a, NaN) is NaN
    }
    B total(T(0));
    for (int64_t i = 0; i < n; ++i) total += xsimd::exp(B::load_aligned(tile + i * lanes<T>) - best);
    best.store_aligned(most);
    total.store_aligned(sum);
    for (int64_t r = 0; r < count; ++r) {
      max[row + r] = static_cast<double>(most[r]);
      log_sum[row + r] = log(static_cast<double>(sum[r]));
    }
  }
}

template <class T>
void statistics(const T* x, int64_t rows, int64_t n, double* max, double* log_sum) {
  using B = Batch<T>;
  if (n <= narrow) return narrow_statistics(x, rows, n, max, log_sum);
  const T lowest = -static_cast<T>(INFINITY);
  for (int64_t row = 0; row < rows; ++row, x += n) {
    const T most = largest(x, n);
    const double sum =
        sum_terms<T>(n, [&](int64_t j, int64_t count) { return xsimd::exp(load(x + j, count, lowest) - B(most)); });
    max[row] = static_cast<double>(most);
    log_sum[row] = log(sum);
  }
}

// y = apply(log p) for each number of each row. Narrow rows go several at a time, with max and log_sum repeated.
template <class T, class F>
inline void each_log(const T* x, T* y, int64_t rows, int64_t n, const double* max, const double* log_sum, F apply) {
  using B = Batch<T>;
  if (n > narrow) {
    for (int64_t row = 0; row < rows; ++row, x += n, y += n) {
      const B most(static_cast<T>(max[row])), down(static_cast<T>(log_sum[row]));
      map(x, y, n, [&](B v) { return apply((v - most) - down); });
    }
    return;
  }
  constexpr int64_t together = 16 * narrow;
  T most[together], down[together];
  for (int64_t row = 0; row < rows;) {
    int64_t filled = 0;
    const int64_t first = row;
    for (; row < rows && filled + n <= together; ++row) {
      for (int64_t i = 0; i < n; ++i, ++filled) {
        most[filled] = static_cast<T>(max[row]);
        down[filled] = static_cast<T>(log_sum[row]);
      }
    }
    map(x + first * n, most, down, y + first * n, filled, [&](B v, B m, B d) { return apply((v - m) - d); });
  }
}

template <class T>
void softmax(const T* x, T* y, int64_t rows, int64_t n, const double* max, const double* log_sum, T factor, T offset) {
  using B = Batch<T>;
  each_log(x, y, rows, n, max, log_sum, [=](B v) { return xsimd::fma(B(factor), xsimd::exp(v), B(offset)); });
}

template <class T>
void log_softmax(const T* x, T* y, int64_t rows, int64_t n, const double* max, const double* log_sum) {
  each_log(x, y, rows, n, max, log_sum, [](Batch<T> v) { return v; });
}

template <class T>
void softmax_backward(const T* y, const T* dy, T* dx, int64_t rows, int64_t n) {
  using B = Batch<T>;
  for (int64_t row = 0; row < rows; ++row, y += n, dy += n, dx += n) {
    const double along =
        sum_terms<T>(n, [&](int64_t j, int64_t count) { return load(y + j, count) * load(dy + j, count); });
    const B mean(static_cast<T>(along));
    map(y, dy, dx, n, [=](B p, B g) { return p * (g - mean); });
  }
}

template <class T>
void log_softmax_backward(const T* y, const T* dy, T* dx, int64_t rows, int64_t n) {
  using B = Batch<T>;
  for (int64_t row = 0; row < rows; ++row, y += n, dy += n, dx += n) {
    const double total = sum_terms<T>(n, [&](int64_t j, int64_t count) { return load(dy + j, count); });
    const B sum(static_cast<T>(total));
    map(y, dy, dx, n, [=](B p, B g) { return xsimd::fnma(xsimd::exp(p), sum, g); });
  }
}

template <class T>
double cross_entropy(const T* x, const T* target, int64_t n, double max, double log_sum, double* weight) {
  using B = Batch<T>;
  const T most = static_cast<T>(max);
  const B zero(T(0));
  if (target == nullptr) {
    *weight = static_cast<double>(n);
    // The tail holds the largest number, which lies 0 below itself.
    return sum_terms<T>(n, [&](int64_t j, int64_t count) { return load(x + j, count, most) - B(most); }) -
           log_sum * *weight;
  }
  *weight = sum_terms<T>(n, [&](int64_t j, int64_t count) { return load(target + j, count); });
  return sum_terms<T>(n,
                      [&](int64_t j, int64_t count) {
                        const B t = load(target + j, count);
                        return xsimd::select(t == zero, zero, t * (load(x + j, count) - B(most)));
                      }) -
         log_sum * *weight;
}

template <class T>
Batch<T> sigmoid(Batch<T> x) {
  const Batch<T> one(T(1));
  const Batch<T> e = xsimd::exp(-xsimd::abs(x));  // never overflows
  return xsimd::select(x < Batch<T>(T(0)), e, one) / (one + e);
}

// factor value, and 0 for a factor of 0 whatever the value is.
template <class T>
Batch<T> weighted(Batch<T> factor, Batch<T> value) {
  const Batch<T> zero(T(0));
  return xsimd::select(factor == zero, zero, factor * value);
}

template <class T>
void fill_table(Softmax<T>& table) {
  using B = Batch<T>;
  table.statistics = statistics<T>;
  table.softmax = softmax<T>;
  table.log_softmax = log_softmax<T>;
  table.softmax_backward = softmax_backward<T>;
  table.log_softmax_backward = log_softmax_backward<T>;
  table.cross_entropy = cross_entropy<T>;
  table.add_target = [](const T* target, T factor, T* y, int64_t n) {
    map(target, y, y, n, [=](B t, B v) { return xsimd::fma(B(factor), t, v); });
  };
  table.squared_error = [](const T* a, const T* b, int64_t n) {
    return sum_terms<T>(n, [&](int64_t j, int64_t count) {
      const B d = load(a + j, count) - load(b + j, count);
      return d * d;
    });
  };
  table.difference = [](const T* a, const T* b, T factor, T* y, int64_t n) {
    map(a, b, y, n, [=](B p, B q) { return B(factor) * (p - q); });
  };
  table.binary_cross_entropy = [](const T* x, const T* t, int64_t n) {
    const B zero(T(0));
    const T lowest = -static_cast<T>(INFINITY);  // in the tail: a loss of 0 with a target of 0
    return sum_terms<T>(n, [&](int64_t j, int64_t count) {
      const B v = load(x + j, count, lowest);
      const B target = load(t + j, count);
      const B linear = xsimd::max(zero, v) - xsimd::select(target == zero, zero, v * target);
      return linear + xsimd::log1p(xsimd::exp(-xsimd::abs(v)));
    });
  };
  table.binary_cross_entropy_backward = [](const T* x, const T* t, T factor, T* y, int64_t n) {
    map(x, t, y, n, [=](B v, B target) { return B(factor) * (sigmoid<T>(v) - target); });
  };
  table.binary_cross_entropy_each = [](const T* x, const T* t, const T* w, T* y, int64_t n) {
    map(x, t, w, y, n, [](B v, B target, B weight) {
      const B zero(T(0));
      const B tail = xsimd::log1p(xsimd::exp(-xsimd::abs(v)));
      return weighted<T>(weight * target, xsimd::max(zero, -v) + tail) +
             weighted<T>(B(T(1)) - target, xsimd::max(zero, v) + tail);
    });
  };
  table.binary_cross_entropy_each_backward = [](const T* x, const T* t, const T* w, const T* dy, T* dx, int64_t n) {
    const auto slope = [](B v, B target, B weight, B up) {
      return up * ((B(T(1)) - target) * sigmoid<T>(v) - weight * target * sigmoid<T>(-v));
    };
    map_arrays(slope, dx, n, x, t, w, dy);
  };
}

}  // namespace

void fill(Softmax<float>& table) { fill_table(table); }
void fill(Softmax<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
