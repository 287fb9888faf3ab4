/// \file
/// MultiHeadAttention: the tokens of a sequence look at each other.
#pragma once

#include "framework/nn/dropout.h"
#include "framework/nn/linear.h"

namespace ebb {

/// Options of MultiHeadAttention.
struct MultiHeadAttentionOptions {
  std::int64_t size = 0;   ///< Length of a token, >= 1.
  std::int64_t heads = 1;  ///< Divides `size`, >= 1.
  bool bias = true;        ///< Whether the linear maps have one.
  double dropout = 0;      ///< Probability of dropping an attention weight, in [0, 1).
  Init init = {};          ///< Of the weights; by default as Linear's.
};

/// `[n, tokens, size]` -> the same shape. Each head has queries, keys and values of d = size / heads numbers and gives
/// softmax(q k^T / sqrt(d)) v; the heads side by side go through `proj`. Source: Vaswani et al. 2017, "Attention is all
/// you need", 3.2, with queries, keys and values of the same tokens.
///
/// The loss does not feel a factor on the queries of a head that divides its keys, nor one on its values that divides
/// the rows of `proj` that they meet, nor what is added to the bias of the keys: decay alone moves these.
class MultiHeadAttention : public Layer {
 public:
  /// For Child and Sequential.
  using Options = MultiHeadAttentionOptions;

  /// \throws Error when an option is out of range.
  MultiHeadAttention(const MultiHeadAttentionOptions& options, const Rng& rng);

  Var forward(const Var& x) override;
  std::string describe() const override;
  std::int64_t multiply_adds(const Shape& x, const Shape& y) const override;

  std::int64_t heads() const { return heads_; }  ///< See the options.

  Child<Linear> qkv;   ///< To queries, keys and values: `[size, 3 size]`, each head after head.
  Child<Linear> proj;  ///< From the heads: `[size, size]`.

 private:
  std::optional<Child<Dropout>> dropout_;
  std::int64_t heads_;
};

}  // namespace ebb
