#include "optim/change_norms.h"

#include <limits>

#include "framework/compute/basic.h"
#include "optim/optimizer.h"

namespace ebb {

ChangeNorms::ChangeNorms(Optimizer& optimizer) : optimizer_(optimizer) { optimizer_.add(*this); }

ChangeNorms::~ChangeNorms() { optimizer_.remove(*this); }

double ChangeNorms::of(const std::string& path) const {
  const auto found = norms_.find(path);
  return found == norms_.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
}

void ChangeNorms::before(const ParameterState& p, const Step&) { before_ = p.parameter->value().clone(); }

void ChangeNorms::after(const ParameterState& p, const Step&) {
  axpy(-1, p.parameter->value(), before_);
  norms_[p.path] = norm(before_);
}

}  // namespace ebb
