/// \file
/// Var: a tensor with a place on a tape.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "framework/autograd/parameter.h"
#include "framework/tensor/tensor.h"

namespace ebb {

class OpLabel;
class Tape;
class Var;

namespace detail {
struct Rule;
bool should_record(const char* op, std::span<const Var> inputs);
Var append_node(const OpLabel& op, std::span<const Var> inputs, Tensor output, Rule rule);
}  // namespace detail

/// How to make a value again from what is kept anyway, instead of keeping it as well.
struct Remake {
  /// The value, from the two tensors below.
  using Make = Tensor(const Tensor& from, const Tensor& terms);
  Make* make = nullptr;       ///< Gives the same bits each time; null: there is no way.
  Tensor from;                ///< What the op that made the value keeps for itself.
  Tensor terms;               ///< Something small.
  std::uint64_t version = 0;  ///< Of the value when it was made: edited values cannot be made again.
};

/// What ops take and give: a value, and where it stands on a tape if gradients flow through it.
/// Plain tensors convert to constants, parameters to leaves of the tape that records now.
class Var {
 public:
  /// An undefined Var.
  Var() = default;

  /// A constant: no gradient flows into it.
  Var(Tensor value) : value_(std::move(value)) {}

  /// A leaf of the current tape, or a constant when none records or the parameter is frozen.
  Var(Parameter& parameter);

  const Tensor& value() const { return value_; }                 ///< The numbers.
  const Shape& shape() const { return value_.shape(); }          ///< Dimensions of the value.
  DType dtype() const { return value_.dtype(); }                 ///< Element type of the value.
  int rank() const { return value_.rank(); }                     ///< Number of dimensions.
  std::int64_t size() const { return value_.size(); }            ///< Number of elements.
  std::int64_t dim(int axis) const { return value_.dim(axis); }  ///< Dimension; negative counts from the end.
  double item() const { return value_.item(); }                  ///< The only element, e.g. of a loss.

  /// True when gradients flow through it.
  bool tracked() const { return node_ >= 0; }

  /// The same value as a constant.
  Var detach() const { return Var(value_); }

  /// Statistics of each channel (last axis) that the op which made the value computed on the way, for batch_norm:
  /// f64, `[3, channels]` with the rows count, mean and M2 (sum of squared deviations). Undefined when there are none.
  const Tensor& channel_stats() const { return channel_stats_; }

  /// Attaches channel_stats().
  Var with_channel_stats(Tensor stats) && {
    channel_stats_ = std::move(stats);
    return std::move(*this);
  }

  /// How an op that keeps this value can do without; see SavedInput.
  const Remake& remake() const { return remake_; }

  /// Attaches remake(); sets its version.
  Var with_remake(Remake remake) && {
    remake_ = std::move(remake);
    remake_.version = value_.version();
    return std::move(*this);
  }

 private:
  friend class Tape;
  friend bool detail::should_record(const char*, std::span<const Var>);
  friend Var detail::append_node(const OpLabel&, std::span<const Var>, Tensor, detail::Rule);
  Var(Tensor value, std::int32_t node, std::uint64_t tape) : value_(std::move(value)), node_(node), tape_(tape) {}

  Tensor value_;
  Tensor channel_stats_;
  Remake remake_;
  std::int32_t node_ = -1;  // position on the tape, -1 for constants
  std::uint64_t tape_ = 0;  // serial number of that tape
};

}  // namespace ebb
