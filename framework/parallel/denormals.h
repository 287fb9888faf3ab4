/// \file
/// Denormal numbers count as zero in parallel loops: private to framework/parallel.
#pragma once

namespace ebb::parallel::detail {

/// While it lives, denormal operands and results of the calling thread's instructions (SSE and AVX; NEON and scalar
/// ones on ARM) are zero; then its control register is as it was. An operation on denormals takes a hundred times as
/// long as others. On other machines it does nothing.
class DenormalsAreZero {
 public:
  DenormalsAreZero() {
#if defined(__SSE2__)
    before_ = __builtin_ia32_stmxcsr();
    if (changes()) __builtin_ia32_ldmxcsr(before_ | zero);
#elif defined(__aarch64__)
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    if (changes()) asm volatile("msr fpcr, %0" ::"r"(before_ | zero));
#endif
  }
  ~DenormalsAreZero() {
#if defined(__SSE2__)
    if (changes()) __builtin_ia32_ldmxcsr(before_);
#elif defined(__aarch64__)
    if (changes()) asm volatile("msr fpcr, %0" ::"r"(before_));
#endif
  }
  DenormalsAreZero(const DenormalsAreZero&) = delete;
  DenormalsAreZero& operator=(const DenormalsAreZero&) = delete;

 private:
#if defined(__aarch64__)
  using Register = unsigned long;
  static constexpr Register zero = 1UL << 24;  // FZ of FPCR: operands and results
#else
  using Register = unsigned;
  static constexpr Register zero = 0x8000 | 0x0040;  // FTZ and DAZ of MXCSR: results and operands
#endif
  bool changes() const { return (before_ & zero) != zero; }
  Register before_ = zero;
};

}  // namespace ebb::parallel::detail
