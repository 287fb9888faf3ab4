#include "framework/compute/kept_weights.h"

#include <algorithm>
#include <utility>

namespace ebb::detail {
namespace {

thread_local KeptWeights* newest = nullptr;

}  // namespace

KeptWeights::KeptWeights(std::vector<Tensor> weights) : before_(std::exchange(newest, this)) {
  for (Tensor& weight : weights) weights_.push_back({std::move(weight), {}});
}

KeptWeights::~KeptWeights() { newest = before_; }

KeptWeights::Entry* KeptWeights::find(const Tensor& weight, int kind) {
  if (newest == nullptr) return nullptr;
  const auto known = std::ranges::find_if(newest->weights_, [&](const Weight& one) {
    return one.weight.bytes().data() == weight.bytes().data() && one.weight.shape() == weight.shape();
  });
  if (known == newest->weights_.end()) return nullptr;
  const auto entry = std::ranges::find(known->entries, kind, &Entry::kind);
  return entry != known->entries.end() ? &*entry
                                       : &known->entries.emplace_back(Entry{.kind = kind, .version = 0, .made = {}});
}

}  // namespace ebb::detail
