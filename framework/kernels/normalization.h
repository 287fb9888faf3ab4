/// \file
/// Kernels of batch, layer and group normalisation. One thread.
///
/// "Channels" is the last, fastest axis of an array of rows. So that few channels still fill the registers, channel
/// kernels see several rows as one wide row of period(channels) numbers; per-channel coefficients come repeated to
/// that length. Arrays start at channel 0; their length need not be a multiple of the period.
#pragma once

#include <stdint.h>

namespace ebb::kernels {

/// Coefficients of y = (x - center) gain + shift, each an array of period(channels) numbers. Subtracting first keeps
/// the digits of data whose mean is large against its deviation.
template <class T>
struct ChannelMap {
  const T* center;
  const T* gain;
  const T* shift;
  bool relu;    ///< Then max(y, 0).
  bool stream;  ///< Whether outputs go past the caches: they are larger than those.
};

/// Function pointers of the family for T = float or double.
template <class T>
struct Normalization {
  /// Length of a wide row: a multiple of `channels`, and of the register where that is not too long.
  int64_t (*period)(int64_t channels);

  /// Count, mean and M2 (sum of squared deviations, >= 0) of each channel over `rows` >= 1 rows: moments[3][channels].
  /// Two sweeps, about the first row and about the mean, so large means cost no digits. work: 3 period numbers.
  void (*moments)(const T* x, int64_t rows, int64_t channels, T* work, double* moments);

  /// y = map(x) for n numbers.
  void (*normalize)(const T* x, T* y, int64_t n, int64_t period, const ChannelMap<T>& map);

  /// Sums over `rows` rows of g and of g (x - center): sums[2][channels]. g is dy, or where map.relu is set dy where
  /// map(x) > 0 and else 0. work: 2 period numbers.
  void (*reduce)(const T* x, const T* dy, int64_t rows, int64_t channels, const ChannelMap<T>& map, T* work,
                 double* sums);

  /// dx = gain g + slope (x - center) + offset for n numbers, g as in reduce().
  void (*backward)(const T* x, const T* dy, T* dx, int64_t n, int64_t period, const ChannelMap<T>& map, const T* slope,
                   const T* offset);

  /// Normalises each of `rows` rows of `n` numbers: y = (x - mean) inverse scale + shift, inverse = 1 / sqrt(variance +
  /// eps), or 0 where that sum is 0; writes mean and inverse of each row. scale and shift [n], or both null.
  void (*rows_forward)(const T* x, T* y, int64_t rows, int64_t n, const T* scale, const T* shift, double eps,
                       double* mean, double* inverse);

  /// Backward of rows_forward(). Writes dx where it is not null; adds to dscale[n] and dshift[n] where they are not.
  void (*rows_backward)(const T* x, const T* dy, T* dx, int64_t rows, int64_t n, const T* scale, const double* mean,
                        const double* inverse, T* dscale, T* dshift);
};

}  // namespace ebb::kernels
