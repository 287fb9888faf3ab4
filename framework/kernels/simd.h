/// \file
/// The one place where kernels meet xsimd: batch types and whole-array loops of the instruction set being compiled.
/// Every kernel source is compiled once for each instruction set, with EBB_KERNEL_ARCH naming the namespace and
/// EBB_XSIMD_ARCH the xsimd architecture. Included by kernel sources only.
#pragma once

#include <stdint.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include <xsimd/xsimd.hpp>

#ifdef __aarch64__
namespace xsimd::kernel {

// xsimd 8.1 has quotients and roots of floats by estimates, as 32-bit NEON must: the last digits are wrong.
template <>
inline batch<float, neon64> div<neon64>(const batch<float, neon64>& a, const batch<float, neon64>& b,
                                        requires_arch<neon>) noexcept {
  return vdivq_f32(a, b);
}
template <>
inline batch<float, neon64> sqrt<neon64>(const batch<float, neon64>& x, requires_arch<neon>) noexcept {
  return vsqrtq_f32(x);
}

}  // namespace xsimd::kernel
#endif

namespace ebb::kernels::EBB_KERNEL_ARCH {

/// A register of T.
template <class T>
using Batch = xsimd::batch<T, EBB_XSIMD_ARCH>;

/// Numbers of T in a register.
template <class T>
constexpr int lanes = static_cast<int>(Batch<T>::size);

/// a / b, rounded up, for a >= 0 and b > 0. The kernels' own: what an instruction set compiled must serve no other
/// code.
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Loads `count` < lanes numbers; the other lanes are `rest`. xsimd 8.1 has no masked loads: tails pass through a
/// stack vector and the same code as full registers, so that a number's result does not depend on its position.
template <class T>
inline Batch<T> load_part(const T* from, int64_t count, T rest = T(0)) {
  alignas(64) T part[lanes<T>];
  for (int i = 0; i < lanes<T>; ++i) part[i] = i < count ? from[i] : rest;
  return Batch<T>::load_aligned(part);
}

/// Stores the first `count` < lanes numbers.
template <class T>
inline void store_part(T* to, Batch<T> value, int64_t count) {
  alignas(64) T part[lanes<T>];
  value.store_aligned(part);
  for (int64_t i = 0; i < count; ++i) to[i] = part[i];
}

/// Whether stream() may write registers at `to`.
template <class T>
inline bool can_stream(const T* to) {
  return reinterpret_cast<uintptr_t>(to) % sizeof(Batch<T>) == 0;
}

/// Stores past the caches, which saves reading the lines first: for outputs larger than a cache. xsimd 8.1 has no such
/// store. \param to can_stream(to). After the last one stream_end(), before another thread may read.
inline void stream(float* to, Batch<float> value) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, value);
#elif defined(__AVX__)
  _mm256_stream_ps(to, value);
#elif defined(__SSE2__)
  _mm_stream_ps(to, value);
#else
  value.store_aligned(to);
#endif
}

/// As above.
inline void stream(double* to, Batch<double> value) {
#if defined(__AVX512F__)
  _mm512_stream_pd(to, value);
#elif defined(__AVX__)
  _mm256_stream_pd(to, value);
#elif defined(__SSE2__)
  _mm_stream_pd(to, value);
#else
  value.store_aligned(to);
#endif
}

/// Makes streamed numbers visible in order with what follows.
inline void stream_end() {
#ifdef __SSE2__
  _mm_sfence();
#endif
}

/// A register's worth of numbers of which `count` < lanes come from memory and the others are 0.
template <class T>
struct Padded {
  Padded(const T* from, int64_t count) { load_part(from, count).store_aligned(numbers); }
  alignas(64) T numbers[lanes<T>];
};

/// y[i] = f(x[i] ...) for whole registers: n is a multiple of lanes. Not inlined, so that map() holds f once.
template <class T, class F, class... X>
[[gnu::noinline]] static void map_registers(F f, T* y, int64_t n, const X*... x) {
  for (int64_t i = 0; i < n; i += lanes<T>) f(Batch<T>::load_unaligned(x + i)...).store_unaligned(y + i);
}

/// y[i] = f(x[i] ...) for any n: the last, partial register is filled up with zeros.
template <class T, class F, class... X>
inline void map_arrays(F f, T* y, int64_t n, const X*... x) {
  const int64_t rest = n % lanes<T>;
  const int64_t whole = n - rest;
  map_registers<T>(f, y, whole, x...);
  if (rest == 0) return;
  Padded<T> last(y, 0);
  map_registers<T>(f, last.numbers, lanes<T>, Padded<T>(x + whole, rest).numbers...);
  for (int64_t i = 0; i < rest; ++i) y[whole + i] = last.numbers[i];
}

/// y[i] = f(x[i]). `f` maps a register to a register; the pointers may be equal.
template <class T, class F>
inline void map(const T* x, T* y, int64_t n, F f) {
  map_arrays(f, y, n, x);
}

/// y[i] = f(a[i], b[i]).
template <class T, class F>
inline void map(const T* a, const T* b, T* y, int64_t n, F f) {
  map_arrays(f, y, n, a, b);
}

/// y[i] = f(a[i], b[i], c[i]).
template <class T, class F>
inline void map(const T* a, const T* b, const T* c, T* y, int64_t n, F f) {
  map_arrays(f, y, n, a, b, c);
}

/// The sum of the lanes in double, in lane order.
template <class T>
inline double sum_lanes(Batch<T> value) {
  alignas(64) T part[lanes<T>];
  value.store_aligned(part);
  double total = 0;
  for (int i = 0; i < lanes<T>; ++i) total += static_cast<double>(part[i]);
  return total;
}

}  // namespace ebb::kernels::EBB_KERNEL_ARCH
