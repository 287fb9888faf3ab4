#include "framework/kernels/normalization.h"

#include <math.h>

#include "framework/kernels/rows.h"
#include "framework/kernels/table_entries.h"

namespace ebb::kernels::EBB_KERNEL_ARCH {
namespace {

// Calls f(i, j, count) for the registers of n numbers in wide rows: i counts numbers, j places in the wide row.
template <class T, class F>
inline void each_place(int64_t n, int64_t period, F f) {
  for (int64_t row = 0; row < n; row += period)
    each_register<T>(n - row < period ? n - row : period, [&](int64_t j, int64_t count) { f(row + j, j, count); });
}

// Sums over wide rows in accumulators acc[0 .. period) (one array for each of `Sums` sums). term(i, j, count) gives
// the summands; four rows share one load and store of the accumulators.
template <int Sums, class T>
struct Terms {
  Batch<T> value[Sums];
};

template <int Sums, class T, class F>
inline void sum_places(int64_t n, int64_t period, T* acc, F term) {
  for (int64_t k = 0; k < Sums * period; ++k) acc[k] = T(0);
  const auto add = [&](int64_t j, int64_t count, const Terms<Sums, T>& terms) {
    for (int s = 0; s < Sums; ++s) {
      T* const at = acc + s * period + j;
      store<T>(at, load(at, count) + terms.value[s], count);
    }
  };
  int64_t row = 0;
  for (; row + 4 * period <= n; row += 4 * period) {
    each_register<T>(period, [&](int64_t j, int64_t count) {
      const Terms<Sums, T> a = term(row + j, j, count), b = term(row + period + j, j, count),
                           c = term(row + 2 * period + j, j, count), d = term(row + 3 * period + j, j, count);
      Terms<Sums, T> all;
      for (int s = 0; s < Sums; ++s) all.value[s] = (a.value[s] + b.value[s]) + (c.value[s] + d.value[s]);
      add(j, count, all);
    });
  }
  each_place<T>(n - row, period, [&](int64_t i, int64_t j, int64_t count) { add(j, count, term(row + i, j, count)); });
}

// The sums of the channels from those of the places of a wide row.
template <class T>
void fold(const T* acc, int64_t period, int64_t channels, double* sums) {
  for (int64_t c = 0; c < channels; ++c) sums[c] = static_cast<double>(acc[c]);
  for (int64_t from = channels; from < period; from += channels)
    for (int64_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(acc[from + c]);
}

// y = (x - center) gain + shift before the relu; one function, so that backward finds the forward pass's signs.
template <class T>
inline Batch<T> affine(Batch<T> x, const ChannelMap<T>& map, int64_t j, int64_t count) {
  return xsimd::fma(x - load(map.center + j, count), load(map.gain + j, count), load(map.shift + j, count));
}

template <class T>
int64_t period(int64_t channels) {
  constexpr int64_t enough = 16 * lanes<T>;  // hides the cost of a row's ends
  constexpr int64_t longest = 1024;
  int64_t length = channels;
  while (length % lanes<T> != 0 && length <= longest) length += channels;
  if (length % lanes<T> != 0 || length > longest) length = channels;
  const int64_t unit = length;
  while (length < enough) length += unit;
  return length;
}

template <class T>
void moments(const T* x, int64_t rows, int64_t channels, T* work, double* out) {
  using B = Batch<T>;
  const int64_t n = rows * channels;
  const int64_t wide = period<T>(channels);
  T* const center = work;
  T* const acc = work + wide;
  double* const mean = out + channels;
  double* const m2 = out + 2 * channels;
  const double count = static_cast<double>(rows);

  const auto repeat = [&](auto value) {
    for (int64_t c = 0; c < channels; ++c) center[c] = value(c);
    for (int64_t k = channels; k < wide; ++k) center[k] = center[k - channels];
  };
  repeat([&](int64_t c) { return x[c]; });
  sum_places<1>(n, wide, acc, [&](int64_t i, int64_t j, int64_t k) -> Terms<1, T> {
    return {{load(x + i, k) - load(center + j, k)}};
  });
  fold(acc, wide, channels, mean);
  repeat([&](int64_t c) { return static_cast<T>(static_cast<double>(x[c]) + mean[c] / count); });
  sum_places<2>(n, wide, acc, [&](int64_t i, int64_t j, int64_t k) -> Terms<2, T> {
    const B d = load(x + i, k) - load(center + j, k);
    return {{d, d * d}};
  });
  fold(acc, wide, channels, mean);
  fold(acc + wide, wide, channels, m2);
  for (int64_t c = 0; c < channels; ++c) {
    const double shift = mean[c] / count;  // of the mean against the centre, a rounding error
    const double rest = m2[c] - mean[c] * shift;
    out[c] = count;
    mean[c] = static_cast<double>(center[c]) + shift;
    m2[c] = rest < 0 ? 0 : rest;
  }
}

// Calls f(put), where put(i, value, count) stores the first `count` lanes at y + i: past the caches where that is asked
// for and possible.
template <class T, class F>
inline void with_stores(T* y, int64_t n, int64_t wide, bool past_caches, F f) {
  if (past_caches && can_stream(y) && wide % lanes<T> == 0 && n % lanes<T> == 0) {
    f([y](int64_t i, Batch<T> value, int64_t) { stream(y + i, value); });
    stream_end();
  } else {
    f([y](int64_t i, Batch<T> value, int64_t count) { store<T>(y + i, value, count); });
  }
}

template <class T, bool Relu>
void normalize(const T* x, T* y, int64_t n, int64_t wide, const ChannelMap<T>& map) {
  const Batch<T> zero(T(0));
  with_stores(y, n, wide, map.stream, [&](auto put) {
    each_place<T>(n, wide, [&](int64_t i, int64_t j, int64_t k) {
      Batch<T> v = affine(load(x + i, k), map, j, k);
      // The order of the operands lets NaN through.
      if constexpr (Relu) v = xsimd::max(zero, v);
      put(i, v, k);
    });
  });
}

template <class T, bool Relu>
inline Batch<T> upstream(Batch<T> x, Batch<T> dy, const ChannelMap<T>& map, int64_t j, int64_t count) {
  if constexpr (Relu) {
    const Batch<T> zero(T(0));
    return xsimd::select(affine(x, map, j, count) > zero, dy, zero);
  } else {
    return dy;
  }
}

template <class T, bool Relu>
void reduce(const T* x, const T* dy, int64_t rows, int64_t channels, const ChannelMap<T>& map, T* work, double* sums) {
  const int64_t wide = period<T>(channels);
  sum_places<2>(rows * channels, wide, work, [&](int64_t i, int64_t j, int64_t k) -> Terms<2, T> {
    const Batch<T> v = load(x + i, k);
    const Batch<T> g = upstream<T, Relu>(v, load(dy + i, k), map, j, k);
    return {{g, g * (v - load(map.center + j, k))}};
  });
  fold(work, wide, channels, sums);
  fold(work + wide, wide, channels, sums + channels);
}

template <class T, bool Relu>
void backward(const T* x, const T* dy, T* dx, int64_t n, int64_t wide, const ChannelMap<T>& map, const T* slope,
              const T* offset) {
  with_stores(dx, n, wide, map.stream, [&](auto put) {
    each_place<T>(n, wide, [&](int64_t i, int64_t j, int64_t k) {
      const Batch<T> v = load(x + i, k);
      const Batch<T> g = upstream<T, Relu>(v, load(dy + i, k), map, j, k);
      const Batch<T> rest = xsimd::fma(v - load(map.center + j, k), load(slope + j, k), load(offset + j, k));
      put(i, xsimd::fma(g, load(map.gain + j, k), rest), k);
    });
  });
}

// Sum over a row of term(j, count), whose lanes from `count` on must be 0.
template <int Sums, class T, class F>
inline void sum_row(int64_t n, double* sums, F term) {
  Terms<Sums, T> total;
  for (int s = 0; s < Sums; ++s) total.value[s] = Batch<T>(T(0));
  each_register<T>(n, [&](int64_t j, int64_t count) {
    const Terms<Sums, T> terms = term(j, count);
    for (int s = 0; s < Sums; ++s) total.value[s] += terms.value[s];
  });
  for (int s = 0; s < Sums; ++s) sums[s] = sum_halves<T>(total.value[s]);
}

template <class T>
void rows_forward(const T* x, T* y, int64_t rows, int64_t n, const T* scale, const T* shift, double eps, double* means,
                  double* inverses) {
  using B = Batch<T>;
  const double count = static_cast<double>(n);
  for (int64_t row = 0; row < rows; ++row, x += n, y += n) {
    // Lanes behind the end hold the centre, so they deviate by 0.
    const auto centred = [&](T about, int64_t j, int64_t k) {
      return (k == lanes<T> ? B::load_unaligned(x + j) : load_part(x + j, k, about)) - B(about);
    };
    double sums[2];
    sum_row<1, T>(n, sums, [&](int64_t j, int64_t k) -> Terms<1, T> { return {{centred(x[0], j, k)}}; });
    const T centre = static_cast<T>(static_cast<double>(x[0]) + sums[0] / count);
    sum_row<2, T>(n, sums, [&](int64_t j, int64_t k) -> Terms<2, T> {
      const B d = centred(centre, j, k);
      return {{d, d * d}};
    });
    const double away = sums[0] / count;
    const double rest = (sums[1] - sums[0] * away) / count;
    const double spread = (rest < 0 ? 0 : rest) + eps;
    const double inverse = spread == 0 ? 0 : 1 / sqrt(spread);
    means[row] = static_cast<double>(centre) + away;
    inverses[row] = inverse;
    const B gain(static_cast<T>(inverse)), correction(static_cast<T>(-away * inverse));
    each_register<T>(n, [&](int64_t j, int64_t k) {
      B v = xsimd::fma(load(x + j, k) - B(centre), gain, correction);
      if (scale != nullptr) v = xsimd::fma(v, load(scale + j, k), load(shift + j, k));
      store<T>(y + j, v, k);
    });
  }
}

template <class T>
void rows_backward(const T* x, const T* dy, T* dx, int64_t rows, int64_t n, const T* scale, const double* means,
                   const double* inverses, T* dscale, T* dshift) {
  using B = Batch<T>;
  const double count = static_cast<double>(n);
  for (int64_t row = 0; row < rows; ++row, x += n, dy += n) {
    const T centre = static_cast<T>(means[row]);
    const double away = means[row] - static_cast<double>(centre);
    const B gain(static_cast<T>(inverses[row])), correction(static_cast<T>(-away * inverses[row]));
    const auto xhat = [&](int64_t j, int64_t k) { return xsimd::fma(load(x + j, k) - B(centre), gain, correction); };
    const auto scaled = [&](int64_t j, int64_t k) {
      const B g = load(dy + j, k);
      return scale == nullptr ? g : g * load(scale + j, k);
    };
    if (dscale != nullptr) {
      each_register<T>(n, [&](int64_t j, int64_t k) {
        store<T>(dscale + j, xsimd::fma(load(dy + j, k), xhat(j, k), load(dscale + j, k)), k);
      });
    }
    if (dshift != nullptr) {
      each_register<T>(n,
                       [&](int64_t j, int64_t k) { store<T>(dshift + j, load(dy + j, k) + load(dshift + j, k), k); });
    }
    if (dx == nullptr) continue;
    double sums[2];
    sum_row<2, T>(n, sums, [&](int64_t j, int64_t k) -> Terms<2, T> {
      const B g = scaled(j, k);
      return {{g, g * xhat(j, k)}};
    });
    const B mean(static_cast<T>(sums[0] / count)), along(static_cast<T>(sums[1] / count));
    each_register<T>(
        n, [&](int64_t j, int64_t k) { store<T>(dx + j, gain * (scaled(j, k) - mean - xhat(j, k) * along), k); });
    dx += n;
  }
}

template <class T>
void fill_table(Normalization<T>& table) {
  table.period = period<T>;
  table.moments = moments<T>;
  table.normalize = [](const T* x, T* y, int64_t n, int64_t wide, const ChannelMap<T>& map) {
    map.relu ? normalize<T, true>(x, y, n, wide, map) : normalize<T, false>(x, y, n, wide, map);
  };
  table.reduce = [](const T* x, const T* dy, int64_t rows, int64_t channels, const ChannelMap<T>& map, T* work,
                    double* sums) {
    map.relu ? reduce<T, true>(x, dy, rows, channels, map, work, sums)
             : reduce<T, false>(x, dy, rows, channels, map, work, sums);
  };
  table.backward = [](const T* x, const T* dy, T* dx, int64_t n, int64_t wide, const ChannelMap<T>& map, const T* slope,
                      const T* offset) {
    map.relu ? backward<T, true>(x, dy, dx, n, wide, map, slope, offset)
             : backward<T, false>(x, dy, dx, n, wide, map, slope, offset);
  };
  table.rows_forward = rows_forward<T>;
  table.rows_backward = rows_backward<T>;
}

}  // namespace

void fill(Normalization<float>& table) { fill_table(table); }
void fill(Normalization<double>& table) { fill_table(table); }

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
