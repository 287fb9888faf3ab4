/// \file
/// Sums over the output channels of a parameter: rows of embeddings, else indices of the last axis; parameters of
/// rank 0 or 1 are one channel.
#pragma once

#include "framework/autograd/parameter.h"

namespace ebb {

/// A parameter as a matrix whose channels are its columns, or its rows.
struct ChannelView {
  std::int64_t rows = 1;     ///< Numbers of a channel; of rows when by_row: channels.
  std::int64_t columns = 1;  ///< Channels; numbers of a channel when by_row.
  bool by_row = false;       ///< Channels are rows.
  std::int64_t channels() const { return by_row ? rows : columns; }  ///< Number of channels.
  std::int64_t values() const { return by_row ? columns : rows; }    ///< Numbers of a channel.
};

/// How `parameter` divides into channels.
ChannelView channel_view(const Parameter& parameter);

/// into[c] = sum over channel c of a b. Deterministic; `into` has view.channels() numbers.
void channel_dots(const ChannelView& view, const Tensor& a, const Tensor& b, double* into);

/// y = alpha[c] y on every channel c.
void channel_scale(const ChannelView& view, const double* alpha, Tensor& y);

/// y = y + alpha[c] x on every channel c.
void channel_axpy(const ChannelView& view, const double* alpha, const Tensor& x, Tensor& y);

}  // namespace ebb
