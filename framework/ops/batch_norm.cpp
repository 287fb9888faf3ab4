#include <algorithm>
#include <vector>

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

constexpr const char* batch_norm_op = "batch_norm";

// Rows of the tensor that forward() keeps for backward(), f64 [4, channels].
enum Kept : std::int64_t { mean_row = 0, inverse_row = 1, scale_row = 2, shift_row = 3, kept_rows = 4 };

void require_statistics(const char* what, const Tensor& tensor, std::int64_t channels) {
  if (!tensor.defined() || !is_float(tensor.dtype()) || !(tensor.shape() == Shape{channels}))
    fail(batch_norm_op,
         tensor.defined() ? text("a ", what, ' ', tensor.shape(), ' ', tensor.dtype()) : text("no ", what),
         text('[', channels, "] f32 or f64"), "make it with Tensor::zeros (the mean) or Tensor::full(..., 1)");
}

void require_values(std::int64_t values, std::int64_t least, const Shape& x) {
  if (values < least)
    fail(batch_norm_op, text("an input of shape ", x, ", ", values, " values for each channel, in training"),
         text("at least ", least, " values for each channel"),
         "use a larger batch, or call eval() to use the running statistics");
}

void require_arguments(const Var& x, const Var& scale, const Var& shift, const BatchNormState& state,
                       const BatchNormOptions& options) {
  detail::require_normalizable(batch_norm_op, x.value(), 1, scale.value(), shift.value(), options.eps);
  const std::int64_t channels = x.dim(-1);
  require_statistics("running mean", state.running_mean, channels);
  require_statistics("running variance", state.running_variance, channels);
  if (!(options.new_weight >= 0 && options.new_weight <= 1))
    fail(batch_norm_op, text("new_weight = ", options.new_weight), "0 to 1",
         "it weighs the new statistics: 0.1 keeps nine tenths of the old ones");
  // A part of a batch may have fewer: the batch counts.
  if (options.training) require_values(x.size() / channels, options.exchange == nullptr ? 2 : 1, x.shape());
}

// Count, mean and M2 of each channel of x, f64 [3, channels].
Tensor batch_moments(const Tensor& x) {
  const std::int64_t channels = x.dim(-1);
  const std::int64_t rows = x.size() / channels;
  const std::int64_t block = detail::channel_rows(channels);
  const std::int64_t size = moments_size(channels);
  double* const partial = parallel::scratch<double>(detail::partial_slot, parallel::block_count(rows, block) * size);
  dispatch(batch_norm_op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = kernels_of<T>().normalization;
    const std::int64_t period = kernels.period(channels);
    const T* const from = x.data<T>();
    parallel::for_blocks(rows, block, [&](std::int64_t begin, std::int64_t end) {
      kernels.moments(from + begin * channels, end - begin, channels,
                      parallel::scratch<T>(detail::work_slot, 3 * period), partial + begin / block * size);
    });
  });
  merge_moment_blocks(partial, parallel::block_count(rows, block), channels);
  return Tensor::from(std::span<const double>(partial, static_cast<std::size_t>(size)), {3, channels});
}

// What the op before computed, or else batch_moments().
Tensor moments_of(const Var& x) {
  const Tensor given = x.channel_stats();
  if (!given.defined()) return batch_moments(x.value());
  const std::int64_t channels = x.dim(-1);
  if (!(given.shape() == Shape{3, channels}) || given.dtype() != DType::f64 ||
      given.data<double>()[0] != static_cast<double>(x.size() / channels))
    fail(batch_norm_op,
         text("channel statistics ", given.shape(), ' ', given.dtype(), " that do not fit an input ", x.shape()),
         text("f64 [3, ", channels, "] with a count of ", x.size() / channels),
         "attach statistics of this very value, or none");
  return given;
}

void mix(Tensor& running, const Tensor& fresh, double weight) {
  dispatch(batch_norm_op, running.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const to = running.mutable_data<T>();
    const double* const from = fresh.data<double>();
    // One block: what fades in a channel that is constant must not stay a denormal number for ever.
    parallel::for_blocks(running.size(), running.size(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t c = begin; c < end; ++c)
        to[c] = static_cast<T>((1 - weight) * static_cast<double>(to[c]) + weight * from[c]);
    });
  });
}

Tensor as_type(const Tensor& f64, DType dtype) {
  Tensor out(f64.shape(), dtype);
  dispatch(batch_norm_op, dtype, [&](auto zero) {
    std::ranges::transform(f64.span<double>(), out.mutable_span<decltype(zero)>().begin(),
                           [](double v) { return static_cast<decltype(zero)>(v); });
  });
  return out;
}

// Mean and variance to normalise with; in training, also everything that goes into the state.
void take_statistics(const Var& x, BatchNormState& state, const BatchNormOptions& options, double* mean,
                     double* variance) {
  const std::int64_t channels = x.dim(-1);
  if (!options.training) {
    for (std::int64_t c = 0; c < channels; ++c) {
      mean[c] = element(state.running_mean, c, 0);
      variance[c] = element(state.running_variance, c, 1);
    }
    return;
  }
  state.moments = moments_of(x);
  if (options.exchange != nullptr) {
    state.moments = state.moments.clone();  // the op before x has a handle too
    options.exchange->merge_moments(state.moments.mutable_span<double>());
    require_values(static_cast<std::int64_t>(state.moments.data<double>()[0]), 2, x.shape());
  }
  const double* const m = state.moments.data<double>();
  for (std::int64_t c = 0; c < channels; ++c) {
    mean[c] = m[channels + c];
    variance[c] = m[2 * channels + c] / m[c];
  }
  if (options.update_running) update_running(state, state.moments, options.new_weight);
}

ChannelTerms terms_of(const Tensor& kept, std::int64_t c) {
  const double* const k = kept.data<double>();
  const std::int64_t channels = kept.dim(1);
  ChannelTerms terms;
  terms.mean = k[mean_row * channels + c];
  terms.gain = k[scale_row * channels + c] * k[inverse_row * channels + c];
  terms.shift = k[shift_row * channels + c];
  return terms;
}

// \param past whether a large output may be written past the caches.
Tensor forward(const Tensor& x, const Tensor& kept, bool relu, bool past = true) {
  const std::int64_t channels = x.dim(-1);
  const std::int64_t rows = x.size() / channels;
  Tensor y(x.shape(), x.dtype());
  dispatch(batch_norm_op, x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto& kernels = kernels_of<T>().normalization;
    const std::int64_t period = kernels.period(channels);
    ChannelArrays<T> arrays = detail::channel_arrays<T>(channels);
    for (std::int64_t c = 0; c < channels; ++c) arrays.set(c, terms_of(kept, c));
    const kernels::ChannelMap<T> map =
        arrays.map(relu, past && streams(y.size() * static_cast<std::int64_t>(sizeof(T))));
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    parallel::for_blocks(rows, detail::channel_rows(channels), [&](std::int64_t begin, std::int64_t end) {
      kernels.normalize(from + begin * channels, to + begin * channels, (end - begin) * channels, period, map);
    });
  });
  return y;
}

// A ReLU's output is made again for the convolution behind it from this many channels on: that takes one pass over it,
// and the convolution some hundred multiply-adds for each of its numbers.
constexpr std::int64_t recomputed_channels = 64;

// Used at once, so it may stay in the caches.
Tensor forward_with_relu(const Tensor& x, const Tensor& kept) { return forward(x, kept, true, false); }

// Sums over the rows of dy and of dy (x - mean) (dy as far as the activation lets it through) in scratch memory,
// [2, channels].
template <class T>
const double* backward_sums(const Tensor& x, const Tensor& dy, const Tensor& kept, const kernels::ChannelMap<T>& map) {
  const std::int64_t channels = x.dim(-1);
  const std::int64_t rows = x.size() / channels;
  const std::int64_t block = detail::channel_rows(channels);
  const std::int64_t blocks = parallel::block_count(rows, block);
  const auto& kernels = kernels_of<T>().normalization;
  const std::int64_t period = kernels.period(channels);
  double* const partial =
      parallel::scratch<double>(detail::partial_slot, std::max<std::int64_t>(1, blocks) * 2 * channels);
  const T* const from = x.data<T>();
  const T* const up = dy.data<T>();
  std::fill_n(partial, 2 * channels, 0.0);
  parallel::for_blocks(rows, block, [&](std::int64_t begin, std::int64_t end) {
    kernels.reduce(from + begin * channels, up + begin * channels, end - begin, channels, map,
                   parallel::scratch<T>(detail::work_slot, 2 * period), partial + begin / block * 2 * channels);
  });
  parallel::tree_sum_rows(partial, blocks, 2 * channels);
  for (std::int64_t c = 0; c < channels; ++c)
    partial[channels + c] = detail::sum_along_mean<T>(partial[channels + c], partial[c], kept.data<double>()[c]);
  return partial;
}

// How the statistics depend on x.
struct Dependence {
  bool there;              // not with constant ones
  double count;            // values of each channel that were normalised together
  PartExchange* exchange;  // null: all of them in one tensor
};

template <class T>
void backward(const Tensor& x, const Tensor& kept, bool relu, const Dependence& on_x, const Tensor& dy,
              InputGrads& dx) {
  const std::int64_t channels = x.dim(-1);
  const std::int64_t rows = x.size() / channels;
  const auto& kernels = kernels_of<T>().normalization;
  const std::int64_t period = kernels.period(channels);
  const double* const inverse = kept.data<double>() + inverse_row * channels;
  const double* const scale = kept.data<double>() + scale_row * channels;

  ChannelArrays<T> arrays = detail::channel_arrays<T>(channels);
  for (std::int64_t c = 0; c < channels; ++c) arrays.set(c, terms_of(kept, c));
  const double* sums = nullptr;
  if (on_x.there || dx.wants(1) || dx.wants(2)) sums = backward_sums<T>(x, dy, kept, arrays.map(relu));
  if (dx.wants(1)) {
    Tensor dscale({channels}, x.dtype());
    for (std::int64_t c = 0; c < channels; ++c)
      dscale.mutable_data<T>()[c] = static_cast<T>(sums[channels + c] * inverse[c]);
    dx.add(1, std::move(dscale));
  }
  if (dx.wants(2)) {
    Tensor dshift({channels}, x.dtype());
    std::transform(sums, sums + channels, dshift.mutable_data<T>(), [](double v) { return static_cast<T>(v); });
    dx.add(2, std::move(dshift));
  }
  if (!dx.wants(0)) return;
  std::vector<double> of_all;
  if (on_x.there && on_x.exchange != nullptr) {
    of_all.assign(sums, sums + 2 * channels);
    on_x.exchange->sum(of_all);
    sums = of_all.data();
  }
  for (std::int64_t c = 0; on_x.there && c < channels; ++c) {
    ChannelTerms terms = terms_of(kept, c);
    terms.depend_on_x(inverse[c], scale[c] * sums[c], scale[c] * sums[channels + c], on_x.count);
    arrays.set(c, terms);
  }
  Tensor out(x.shape(), x.dtype());
  const T* const from = x.data<T>();
  const T* const up = dy.data<T>();
  T* const to = out.mutable_data<T>();
  const kernels::ChannelMap<T> map = arrays.map(relu, streams(out.size() * static_cast<std::int64_t>(sizeof(T))));
  parallel::for_blocks(rows, detail::channel_rows(channels), [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin * channels;
    kernels.backward(from + at, up + at, to + at, (end - begin) * channels, period, map, arrays.slope(),
                     arrays.offset());
  });
  dx.add(0, std::move(out));
}

// For prepared networks: with the statistics of now.
detail::Repeat repeat_of(const Tensor& kept, const BatchNormState& state, const BatchNormOptions& options) {
  const std::int64_t channels = kept.dim(1);
  const double* const k = kept.data<double>();
  Tensor map({2, channels}, DType::f64);
  double* const to = map.mutable_data<double>();
  for (std::int64_t c = 0; c < channels; ++c) {
    to[c] = k[scale_row * channels + c] * k[inverse_row * channels + c];
    to[channels + c] = k[shift_row * channels + c] - k[mean_row * channels + c] * to[c];
  }
  const Tensor mean = state.running_mean.clone(), variance = state.running_variance.clone();
  return {.again =
              [mean, variance, options](std::span<const Var> in) {
                BatchNormState same{mean, variance, {}, {}};
                return batch_norm(in[0], in[1], in[2], same, options);
              },
          .convolution = {},
          .channel_map = map,
          .statistics = {state.running_mean, state.running_variance}};
}

}  // namespace

void update_running(BatchNormState& state, const Tensor& moments, double new_weight) {
  const std::int64_t channels = moments.dim(1);
  const double* const m = moments.data<double>();
  if (m[0] < 2) fail(batch_norm_op, text("moments of ", m[0], " values for each channel"), "at least 2 values");
  Tensor mean({channels}, DType::f64), biased({channels}, DType::f64), unbiased({channels}, DType::f64);
  for (std::int64_t c = 0; c < channels; ++c) {
    mean.mutable_data<double>()[c] = m[channels + c];
    biased.mutable_data<double>()[c] = m[2 * channels + c] / m[c];
    unbiased.mutable_data<double>()[c] = m[2 * channels + c] / (m[c] - 1);
  }
  mix(state.running_mean, mean, new_weight);
  mix(state.running_variance, unbiased, new_weight);
  state.batch_mean = as_type(mean, state.running_mean.dtype());
  state.batch_variance = as_type(biased, state.running_mean.dtype());
}

Var batch_norm(const Var& x, const Var& scale, const Var& shift, BatchNormState& state,
               const BatchNormOptions& options) {
  require_arguments(x, scale, shift, state, options);
  const std::int64_t channels = x.dim(-1);
  const bool relu = options.activation == Activation::relu;
  const bool training = options.training;
  Tensor kept({kept_rows, channels}, DType::f64);
  double* const k = kept.mutable_data<double>();
  double* const variance = k + inverse_row * channels;
  take_statistics(x, state, options, k + mean_row * channels, variance);
  for (std::int64_t c = 0; c < channels; ++c) {
    variance[c] = detail::inverse_deviation(variance[c], options.eps);
    k[scale_row * channels + c] = element(scale.value(), c, 1);
    k[shift_row * channels + c] = element(shift.value(), c, 0);
  }
  const Dependence on_x{training, training ? state.moments.data<double>()[0] : 0.0, options.exchange};
  Tensor y = forward(x.value(), kept, relu);
  Var out = record(
      {relu ? "batch_norm_relu" : batch_norm_op, {{"training", training ? 1.0 : 0.0}, {"eps", options.eps}}},
      {x, scale, shift}, std::move(y), [x = Saved(x.value()), kept, relu, on_x](const Tensor& dy, InputGrads& dx) {
        dispatch(batch_norm_op, dy.dtype(), [&](auto zero) { backward<decltype(zero)>(*x, kept, relu, on_x, dy, dx); });
      });
  if (detail::op_observer != nullptr && out.tracked() && !training)
    detail::op_observer->repeat(repeat_of(kept, state, options));
  if (!relu || channels < recomputed_channels || !out.tracked()) return out;
  return std::move(out).with_recompute({.make = forward_with_relu, .from = x.value(), .terms = kept});
}

}  // namespace ebb
