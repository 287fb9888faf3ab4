#include "framework/autograd/parameter.h"

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"

namespace ebb {

const char* name(Role role) {
  switch (role) {
    case Role::weight: return "weight";
    case Role::bias: return "bias";
    case Role::norm_scale: return "norm_scale";
    case Role::norm_shift: return "norm_shift";
    case Role::embedding: return "embedding";
    case Role::scalar: return "scalar";
    case Role::other: return "other";
  }
  return "unknown";
}

Parameter::Parameter(std::string name, Role role, Tensor value)
    : name_(std::move(name)), role_(role), value_(std::move(value)) {
  require_defined("parameter", name_.c_str(), value_);
  if (!is_float(value_.dtype())) fail("parameter", text(name_, " of type ", value_.dtype()), "f32 or f64");
}

Parameter::Parameter(ParameterOwner& owner, std::string name, Role role, Tensor value)
    : Parameter(std::move(name), role, std::move(value)) {
  owner.own(*this);
}

void Parameter::set_value(const Tensor& value) {
  if (!(value.shape() == shape()) || value.dtype() != value_.dtype())
    fail("parameter", text(name_, ": ", value.shape(), ' ', value.dtype()), text(shape(), ' ', value_.dtype()));
  copy_into(value_, value);
}

void Parameter::convert(DType dtype) {
  value_ = cast(value_, dtype);
  grad_ = Tensor();
}

void Parameter::accumulate(Tensor gradient) {
  if (!(gradient.shape() == shape()) || gradient.dtype() != value_.dtype())
    fail("gradient", text("shape ", gradient.shape(), ' ', gradient.dtype(), " for parameter ", name_),
         text(shape(), ' ', value_.dtype()));
  if (grad_.defined()) {
    if (!grad_.unique()) grad_ = grad_.clone();
    add_into(grad_, gradient);
  } else {
    grad_ = gradient.unique() ? std::move(gradient) : gradient.clone();
  }
}

}  // namespace ebb
