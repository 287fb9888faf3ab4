#include "lab/audit/in_f64.h"

#include <algorithm>
#include <utility>

#include "framework/compute/basic.h"

namespace ebb {
namespace {

// cast() shares what has the type already: the original would be written to.
Tensor copy_in_f64(const Tensor& x) {
  return is_float(x.dtype()) && x.dtype() != DType::f64 ? cast(x, DType::f64) : x.clone();
}

}  // namespace

InF64::InF64(Module& model) {
  for (Parameter* const p : model.parameters()) {
    gradients_.emplace_back(p, p->grad());
    p->zero_grad();
    kept_.push_back({&p->value(), p->value(), {}});
    p->value() = copy_in_f64(p->value());
  }
  for (const NamedBuffer& b : model.named_buffers()) {
    Tensor& value = b.buffer->value();
    kept_.push_back({&value, value, copy_in_f64(value)});
    value = kept_.back().f64.clone();
  }
}

InF64::~InF64() {
  for (const Kept& k : kept_) *k.place = k.own;
  kept_.clear();
  for (auto& [parameter, gradient] : gradients_) {
    parameter->zero_grad();
    if (gradient.defined()) parameter->accumulate(std::move(gradient));
  }
}

void InF64::reset_buffers() const {
  for (const Kept& k : kept_)
    if (k.f64.defined()) std::ranges::copy(k.f64.bytes(), k.place->mutable_bytes().begin());
}

}  // namespace ebb
