/// \file
/// Denormal numbers count as zero in parallel loops: private to framework/parallel.
#pragma once

namespace ebb::parallel::detail {

/// While it lives, denormal operands and results of SSE and AVX instructions of the calling thread are zero; then its
/// control register is as it was. An operation on denormals takes a hundred times as long as others.
class DenormalsAreZero {
 public:
  DenormalsAreZero() {
#if defined(__SSE2__)
    before_ = __builtin_ia32_stmxcsr();
    if (changes()) __builtin_ia32_ldmxcsr(before_ | results | operands);
#endif
  }
  ~DenormalsAreZero() {
#if defined(__SSE2__)
    if (changes()) __builtin_ia32_ldmxcsr(before_);
#endif
  }
  DenormalsAreZero(const DenormalsAreZero&) = delete;
  DenormalsAreZero& operator=(const DenormalsAreZero&) = delete;

 private:
  static constexpr unsigned results = 0x8000, operands = 0x0040;  // FTZ and DAZ of MXCSR
  bool changes() const { return (before_ & (results | operands)) != (results | operands); }
  unsigned before_ = results | operands;
};

}  // namespace ebb::parallel::detail
