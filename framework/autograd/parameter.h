/// \file
/// A learnable tensor: value, gradient, and the role that decides how optimizers treat it.
#pragma once

#include <string>
#include <string_view>

#include "framework/tensor/tensor.h"

namespace ebb {

class Parameter;

namespace detail {
/// Tells the tapes of this thread that `parameter` ends.
void parameter_ends(const Parameter& parameter) noexcept;
}  // namespace detail

/// What a parameter is. The layer that creates it says so; optimizer groups select by it.
enum class Role : std::uint8_t {
  weight,      ///< Matrices and filters of linear maps.
  bias,        ///< Additive term of a linear map.
  norm_scale,  ///< Multiplier of a normalisation layer.
  norm_shift,  ///< Additive term of a normalisation layer.
  embedding,   ///< Table of vectors, one a row.
  scalar,      ///< Slopes, layer scales, temperatures.
  other,       ///< Anything else.
};

/// "weight", "bias", "norm_scale", "norm_shift", "embedding", "scalar", "other".
const char* name(Role role);

/// Something that learns of a parameter when the parameter is declared as its member; Module is one.
class ParameterOwner {
 public:
  virtual ~ParameterOwner() = default;

 private:
  friend class Parameter;
  virtual void own(Parameter& parameter) = 0;
};

/// A learnable tensor. Neither copied nor moved: optimizers and tapes refer to it. It outlives the optimizers that have
/// it, and ends in a thread whose tapes alone have recorded it, or after theirs.
class Parameter {
 public:
  /// Without an owner, as small experiments need it.
  /// \param name the last part of its path, e.g. "weight".
  /// \param value initial numbers, f32 or f64.
  Parameter(std::string name, Role role, Tensor value);

  /// Declared as a member of a module: `Parameter weight{*this, "weight", Role::weight, value}`.
  Parameter(ParameterOwner& owner, std::string name, Role role, Tensor value);

  ~Parameter() { detail::parameter_ends(*this); }
  Parameter(const Parameter&) = delete;
  Parameter& operator=(const Parameter&) = delete;

  const std::string& name() const { return name_; }      ///< Last part of the path.
  Role role() const { return role_; }                    ///< What it is.
  const Shape& shape() const { return value_.shape(); }  ///< Shape of value and gradient.

  const Tensor& value() const { return value_; }  ///< The numbers.
  Tensor& value() { return value_; }              ///< The numbers, for optimizers and loaders.

  /// Replaces the numbers.
  /// \throws Error when shape or dtype differ; convert the model with Module::to() instead.
  void set_value(const Tensor& value);

  /// Converts the numbers to `dtype` and drops the gradient. Not after an optimizer was made.
  void convert(DType dtype);

  /// The gradient: the sum over all backward passes since zero_grad(). Undefined when there was none, which
  /// is not the same as a gradient of zero.
  const Tensor& grad() const { return grad_; }

  /// Adds to the gradient. Takes the numbers over where it is the first and nobody else holds them.
  void accumulate(Tensor gradient);

  /// Forgets the gradient.
  void zero_grad() { grad_ = Tensor(); }

  bool frozen() const { return frozen_; }  ///< Frozen parameters get no gradient and no update, decay included.
  void freeze() { frozen_ = true; }        ///< See frozen().
  void unfreeze() { frozen_ = false; }     ///< See frozen().

 private:
  std::string name_;
  Role role_;
  bool frozen_ = false;
  Tensor value_;
  Tensor grad_;
};

}  // namespace ebb
