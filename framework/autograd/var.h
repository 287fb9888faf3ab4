/// \file
/// Var: a tensor with a place on a tape.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "framework/autograd/notes.h"
#include "framework/autograd/parameter.h"
#include "framework/tensor/pool_allocator.h"
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
  Tensor channel_stats() const { return notes_ == nullptr ? Tensor() : notes_->channel_stats; }

  /// Attaches channel_stats().
  Var with_channel_stats(Tensor stats) && {
    Notes notes = this->notes();
    notes.channel_stats = std::move(stats);
    return std::move(*this).with_notes(std::move(notes));
  }

  /// How an op that keeps this value can do without; see SavedInput.
  Recompute recompute() const { return notes_ == nullptr ? Recompute() : notes_->recompute; }

  /// Attaches recompute(); sets its version.
  Var with_recompute(Recompute recompute) && {
    Notes notes = this->notes();
    notes.recompute = std::move(recompute);
    notes.recompute.version = value_.version();
    return std::move(*this).with_notes(std::move(notes));
  }

 private:
  friend class Tape;
  friend bool detail::should_record(const char*, std::span<const Var>);
  friend Var detail::append_node(const OpLabel&, std::span<const Var>, Tensor, detail::Rule);
  Var(Tensor value, std::int32_t node, std::uint64_t tape) : value_(std::move(value)), node_(node), tape_(tape) {}

  Notes notes() const { return notes_ == nullptr ? Notes() : *notes_; }
  Var with_notes(Notes notes) && {
    notes_ = std::allocate_shared<const Notes>(detail::PoolAllocator<Notes>(), std::move(notes));
    return std::move(*this);
  }

  Tensor value_;
  std::shared_ptr<const Notes> notes_;  // null for most values
  std::int32_t node_ = -1;              // position on the tape, -1 for constants
  std::uint64_t tape_ = 0;              // serial number of that tape
};

// Ops copy their inputs: what few of them need goes into Notes.
static_assert(sizeof(Var) <= sizeof(Tensor) + 4 * sizeof(std::uint64_t));

}  // namespace ebb
