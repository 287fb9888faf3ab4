#include "framework/compute/moments.h"

namespace ebb {

void merge_moments(double* into, const double* from, std::int64_t channels) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const double a = into[c];
    const double b = from[c];
    if (b == 0) continue;
    double& mean = into[channels + c];
    double& m2 = into[2 * channels + c];
    if (a == 0) {
      mean = from[channels + c];
      m2 = from[2 * channels + c];
    } else {
      const double apart = from[channels + c] - mean;
      const double share = b / (a + b);
      mean += apart * share;
      m2 += from[2 * channels + c] + apart * apart * a * share;
    }
    into[c] = a + b;
  }
}

void merge_moment_blocks(double* moments, std::int64_t blocks, std::int64_t channels) {
  const std::int64_t size = moments_size(channels);
  for (std::int64_t gap = 1; gap < blocks; gap *= 2)
    for (std::int64_t i = 0; i + gap < blocks; i += 2 * gap)
      merge_moments(moments + i * size, moments + (i + gap) * size, channels);
}

}  // namespace ebb
