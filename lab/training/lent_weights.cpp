#include "lab/training/lent_weights.h"

#include <algorithm>

namespace ebb {

void LentWeights::swap() {
  if (averages_ != nullptr) averages_->swap();
  if (model_ == nullptr) return;
  const auto exchange = [this](const std::string& path, Tensor& own) {
    std::ranges::swap_ranges(own.mutable_bytes(), weights_->at(path).mutable_bytes());
  };
  for (const NamedParameter& p : model_->named_parameters()) exchange(p.path, p.parameter->value());
  for (const NamedBuffer& b : model_->named_buffers()) exchange(b.path, b.buffer->value());
}

}  // namespace ebb
