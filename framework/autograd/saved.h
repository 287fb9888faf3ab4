/// \file
/// What backward rules keep of the forward pass.
#pragma once

#include <cstdint>
#include <utility>

#include "framework/autograd/var.h"

namespace ebb {

/// A tensor that a backward rule keeps. Reading it back throws when the numbers were edited since.
class Saved {
 public:
  /// Keeps a handle and the version of its numbers.
  explicit Saved(Tensor tensor) : tensor_(std::move(tensor)), version_(tensor_.version()) {}

  /// The tensor.
  /// \throws Error naming the op whose backward runs when it was edited after it was saved.
  const Tensor& operator*() const {
    if (tensor_.version() != version_) fail_edited();
    return tensor_;
  }
  const Tensor* operator->() const { return &**this; }  ///< See operator*.

 private:
  [[noreturn]] void fail_edited() const;
  Tensor tensor_;
  std::uint64_t version_;
};

/// An input that a backward rule keeps where that may be large: its tensor, or how to make it again (Var::recompute()).
class SavedInput {
 public:
  /// Keeps what it takes.
  explicit SavedInput(const Var& input) : SavedInput(input.value(), input.recompute()) {}

  /// The tensor, made anew where there is a way.
  /// \throws Error as Saved does.
  Tensor value() const { return make_ == nullptr ? *kept_ : make_(*kept_, terms_); }

 private:
  SavedInput(const Tensor& value, const Recompute& recompute)
      : make_(recompute.version == value.version() ? recompute.make : nullptr),
        kept_(make_ == nullptr ? value : recompute.from),
        terms_(make_ == nullptr ? Tensor() : recompute.terms) {}

  Recompute::Make* make_;
  Saved kept_;
  Tensor terms_;
};

}  // namespace ebb
