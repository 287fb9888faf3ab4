#include <algorithm>

#include "framework/autograd/repeat.h"
#include "framework/compute/blocks.h"
#include "framework/compute/moments.h"
#include "framework/ops/channel_map.h"
#include "framework/ops/normalization.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using detail::ChannelArrays;
using detail::ChannelTerms;
using detail::element;

constexpr const char* group_norm_op = "group_norm";

// An image is `rows` rows of `channels` numbers; a group is `width` channels next to each other.
struct Sizes {
  std::int64_t images, rows, channels, groups, width;
  std::int64_t image_size() const { return rows * channels; }
};

Sizes sizes_of(const Tensor& x, std::int64_t groups) {
  const std::int64_t images = x.dim(0), channels = x.dim(-1);
  return {images, images == 0 ? 0 : x.size() / images / channels, channels, groups, channels / groups};
}

// Mean and inverse deviation of each group of an image, [2, groups].
template <class T>
void group_statistics(const Sizes& s, const T* x, double eps, double* statistics) {
  const auto& kernels = kernels_of<T>().normalization;
  double* const moments = parallel::scratch<double>(detail::sums_slot, moments_size(s.channels));
  kernels.moments(x, s.rows, s.channels, parallel::scratch<T>(detail::work_slot, 3 * kernels.period(s.channels)),
                  moments);
  for (std::int64_t g = 0; g < s.groups; ++g) {
    double all[3] = {0, 0, 0};
    for (std::int64_t c = g * s.width; c < (g + 1) * s.width; ++c) {
      const double one[3] = {moments[c], moments[s.channels + c], moments[2 * s.channels + c]};
      merge_moments(all, one, 1);
    }
    statistics[g] = all[1];
    statistics[s.groups + g] = detail::inverse_deviation(all[2] / all[0], eps);
  }
}

// The channels' terms of an image with these group statistics.
template <class T>
ChannelTerms terms_of(const Sizes& s, const double* statistics, const Tensor& scale, const Tensor& shift,
                      std::int64_t c) {
  const std::int64_t g = c / s.width;
  ChannelTerms terms;
  terms.mean = statistics[g];
  terms.gain = statistics[s.groups + g] * element(scale, c, 1);
  terms.shift = element(shift, c, 0);
  return terms;
}

template <class T>
void forward_image(const Sizes& s, const T* x, T* y, const Tensor& scale, const Tensor& shift, double eps,
                   double* statistics) {
  const auto& kernels = kernels_of<T>().normalization;
  group_statistics(s, x, eps, statistics);
  ChannelArrays<T> arrays = detail::channel_arrays<T>(s.channels);
  for (std::int64_t c = 0; c < s.channels; ++c) arrays.set(c, terms_of<T>(s, statistics, scale, shift, c));
  kernels.normalize(x, y, s.image_size(), kernels.period(s.channels), arrays.map(false));
}

// dx (where it is not null) and the image's share of dscale and dshift, [2, channels].
template <class T>
void backward_image(const Sizes& s, const T* x, const T* dy, T* dx, const Tensor& scale, const double* statistics,
                    double* shares) {
  const auto& kernels = kernels_of<T>().normalization;
  const std::int64_t period = kernels.period(s.channels);
  ChannelArrays<T> arrays = detail::channel_arrays<T>(s.channels);
  for (std::int64_t c = 0; c < s.channels; ++c) arrays.set(c, terms_of<T>(s, statistics, scale, Tensor(), c));
  double* const sums = parallel::scratch<double>(detail::sums_slot, 2 * s.channels);
  kernels.reduce(x, dy, s.rows, s.channels, arrays.map(false), parallel::scratch<T>(detail::work_slot, 2 * period),
                 sums);
  for (std::int64_t g = 0; g < s.groups; ++g) {
    const double inverse = statistics[s.groups + g];
    double sum = 0, along = 0;
    for (std::int64_t c = g * s.width; c < (g + 1) * s.width; ++c) {
      double& channel = sums[s.channels + c];
      channel = detail::sum_along_mean<T>(channel, sums[c], statistics[g]);
      sum += element(scale, c, 1) * sums[c];
      along += element(scale, c, 1) * channel;
      shares[c] = inverse * channel;
      shares[s.channels + c] = sums[c];
    }
    for (std::int64_t c = g * s.width; dx != nullptr && c < (g + 1) * s.width; ++c) {
      ChannelTerms terms = terms_of<T>(s, statistics, scale, Tensor(), c);
      terms.depend_on_x(inverse, sum, along, static_cast<double>(s.rows * s.width));
      arrays.set(c, terms);
    }
  }
  if (dx != nullptr)
    kernels.backward(x, dy, dx, s.image_size(), period, arrays.map(false), arrays.slope(), arrays.offset());
}

template <class T>
void backward(const Sizes& s, const Tensor& x, const Tensor& scale, const Tensor& statistics, const Tensor& dy,
              InputGrads& dx) {
  Tensor out;
  if (dx.wants(0)) out = Tensor(x.shape(), x.dtype());
  const T* const from = x.data<T>();
  const T* const up = dy.data<T>();
  T* const to = dx.wants(0) ? out.mutable_data<T>() : nullptr;
  const double* const groups = statistics.data<double>();
  double* const shares =
      parallel::scratch<double>(detail::partial_slot, std::max<std::int64_t>(1, s.images) * 2 * s.channels);
  std::fill_n(shares, 2 * s.channels, 0.0);
  parallel::for_blocks(s.images, row_block(s.image_size()), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t at = i * s.image_size();
      backward_image(s, from + at, up + at, to == nullptr ? nullptr : to + at, scale, groups + i * 2 * s.groups,
                     shares + i * 2 * s.channels);
    }
  });
  parallel::tree_sum_rows(shares, s.images, 2 * s.channels);
  for (int input = 1; input <= 2; ++input) {
    if (!dx.wants(input)) continue;
    Tensor sum({s.channels}, x.dtype());
    const double* const share = shares + (input - 1) * s.channels;
    std::transform(share, share + s.channels, sum.mutable_data<T>(), [](double v) { return static_cast<T>(v); });
    dx.add(input, std::move(sum));
  }
  if (out.defined()) dx.add(0, std::move(out));
}

}  // namespace

Var group_norm(const Var& x, const Var& scale, const Var& shift, std::int64_t groups, double eps) {
  detail::require_normalizable(group_norm_op, x.value(), 2, scale.value(), shift.value(), eps);
  if (groups < 1 || x.dim(-1) % groups != 0)
    fail(group_norm_op, text(groups, " groups for an input ", x.shape()),
         text("a divisor of ", x.dim(-1), " channels"));
  const Sizes s = sizes_of(x.value(), groups);
  Tensor y(x.shape(), x.dtype());
  Tensor statistics({s.images, 2, groups}, DType::f64);
  dispatch(group_norm_op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = x.value().data<T>();
    T* const to = y.mutable_data<T>();
    double* const all = statistics.mutable_data<double>();
    parallel::for_blocks(s.rows == 0 ? 0 : s.images, row_block(s.image_size()),
                         [&](std::int64_t begin, std::int64_t end) {
                           for (std::int64_t i = begin; i < end; ++i)
                             forward_image(s, from + i * s.image_size(), to + i * s.image_size(), scale.value(),
                                           shift.value(), eps, all + i * 2 * groups);
                         });
  });
  return repeatable(
      record(
          {group_norm_op, {{"groups", static_cast<double>(groups)}, {"eps", eps}}}, {x, scale, shift}, std::move(y),
          [x = Saved(x.value()), scale = Saved(scale.value()), statistics, groups](const Tensor& dy, InputGrads& dx) {
            dispatch(group_norm_op, dy.dtype(), [&](auto zero) {
              backward<decltype(zero)>(sizes_of(*x, groups), *x, *scale, statistics, dy, dx);
            });
          }),
      [groups, eps](std::span<const Var> in) { return group_norm(in[0], in[1], in[2], groups, eps); });
}

}  // namespace ebb
