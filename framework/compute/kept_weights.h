/// \file
/// KeptWeights: what convolutions make of their weights, kept for passes that follow. Not part of the public interface.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "framework/tensor/tensor.h"

namespace ebb::detail {

/// While it lives, the convolutions of this thread keep the transforms of these weights, and take them again while
/// nobody has edited the weights: for the shards of a batch, which all see the same ones. No bit depends on it. The
/// newest one of a thread counts.
class KeptWeights {
 public:
  explicit KeptWeights(std::vector<Tensor> weights);
  ~KeptWeights();
  KeptWeights(const KeptWeights&) = delete;
  KeptWeights& operator=(const KeptWeights&) = delete;

  /// The `numbers` that `make(float*)` writes, or has written for these weights and this `kind` before. Null where
  /// there is no KeptWeights in this thread, or it does not know the weights.
  template <class Make>
  static const float* take(const Tensor& weight, int kind, std::int64_t numbers, const Make& make) {
    Entry* const entry = find(weight, kind);
    if (entry == nullptr) return nullptr;
    if (!entry->made.defined() || entry->version != weight.version() || entry->made.size() != numbers) {
      Tensor made({numbers}, DType::f32);
      make(made.mutable_data<float>());
      entry->made = std::move(made);
      entry->version = weight.version();
    }
    return entry->made.data<float>();
  }

 private:
  struct Entry {
    int kind = 0;
    std::uint64_t version = 0;  // of the weights
    Tensor made;
  };
  struct Weight {
    Tensor weight;
    std::vector<Entry> entries;
  };

  static Entry* find(const Tensor& weight, int kind);

  std::vector<Weight> weights_;
  KeptWeights* before_;
};

}  // namespace ebb::detail
