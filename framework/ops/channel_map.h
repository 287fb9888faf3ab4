/// \file
/// What batch and group normalisation share: y = (x - mean) gain + shift for each channel, its backward pass, and both
/// as the kernels want them. Private to framework/ops.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "framework/compute/instruction_set.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/tensor.h"

namespace ebb::detail {

/// Slots of parallel::scratch() in the normalisations.
enum NormSlot : int { coefficients_slot = 0, partial_slot = 1, work_slot = 2, sums_slot = 3 };

/// Rows of a parallel block of an array of rows of `channels` numbers: stays in a second-level cache, and is long
/// enough that the partial sums of its channels are a small part of the traffic.
constexpr std::int64_t channel_rows(std::int64_t channels) {
  return std::max<std::int64_t>(64, 32768 / std::max<std::int64_t>(1, channels));
}

/// 1 / sqrt(variance + eps), and 0 where that sum is 0.
inline double inverse_deviation(double variance, double eps) {
  const double spread = variance + eps;
  return spread == 0 ? 0.0 : 1 / std::sqrt(spread);
}

/// One channel: y = (x - mean) gain + shift, and dx = gain dy + slope (x - mean) + offset.
struct ChannelTerms {
  double mean = 0;    ///< Of the values normalised together.
  double gain = 0;    ///< scale / deviation
  double shift = 0;   ///< Added last.
  double slope = 0;   ///< What the deviation's dependence on x adds to dx.
  double offset = 0;  ///< What the mean's dependence on x adds to dx.

  /// Sets slope and offset from the sums of scale dy and of scale dy (x - mean) over the `count` values normalised
  /// together.
  void depend_on_x(double inverse, double sum, double sum_along, double count) {
    slope = -inverse * inverse * inverse * sum_along / count;
    offset = -inverse * sum / count;
  }
};

/// The coefficients of all channels in T, repeated to wide rows of `period` numbers (kernels/normalization.h).
template <class T>
class ChannelArrays {
 public:
  /// Numbers of memory for a period.
  static std::int64_t size(std::int64_t period) { return 5 * period; }

  /// \param memory size(period) numbers.
  ChannelArrays(T* memory, std::int64_t channels, std::int64_t period)
      : memory_(memory), channels_(channels), period_(period) {}

  /// Sets channel c. What the mean loses by rounding to T goes into the terms added last.
  void set(std::int64_t c, const ChannelTerms& terms) {
    const T center = static_cast<T>(terms.mean);
    const double lost = terms.mean - static_cast<double>(center);
    const double numbers[] = {terms.mean, terms.gain, terms.shift - lost * terms.gain, terms.slope,
                              terms.offset - lost * terms.slope};
    for (int a = 0; a < 5; ++a)
      for (std::int64_t i = c; i < period_; i += channels_) memory_[a * period_ + i] = static_cast<T>(numbers[a]);
  }

  /// The forward part, for the kernels.
  /// \param stream whether outputs are to be written past the caches.
  kernels::ChannelMap<T> map(bool relu, bool stream = false) const {
    return {memory_, memory_ + period_, memory_ + 2 * period_, relu, stream};
  }

  const T* slope() const { return memory_ + 3 * period_; }   ///< For the kernels.
  const T* offset() const { return memory_ + 4 * period_; }  ///< For the kernels.

 private:
  T* memory_;
  std::int64_t channels_;
  std::int64_t period_;
};

/// Arrays for this thread's scratch memory.
template <class T>
ChannelArrays<T> channel_arrays(std::int64_t channels) {
  const std::int64_t period = kernels_of<T>().normalization.period(channels);
  return {parallel::scratch<T>(coefficients_slot, ChannelArrays<T>::size(period)), channels, period};
}

/// The sum of dy (x - mean) from that of dy (x - mean rounded to T), for the sum of dy.
template <class T>
double sum_along_mean(double sum_along, double sum, double mean) {
  return sum_along - (mean - static_cast<double>(static_cast<T>(mean))) * sum;
}

/// Element i of an f32 or f64 tensor, or `otherwise` when it is undefined.
inline double element(const Tensor& tensor, std::int64_t i, double otherwise) {
  if (!tensor.defined()) return otherwise;
  return tensor.dtype() == DType::f32 ? static_cast<double>(tensor.data<float>()[i]) : tensor.data<double>()[i];
}

/// Checks the arguments that all normalisations share.
/// \throws Error unless x is f32 or f64 with at least `rank` axes, scale and shift are both undefined or both `[size of
///     the last axis]` of the dtype of x, and eps is finite and not negative.
void require_normalizable(const char* op, const Tensor& x, int rank, const Tensor& scale, const Tensor& shift,
                          double eps);

}  // namespace ebb::detail
