/// \file
/// The shape of a tensor: up to six dimensions, stored in place.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>

namespace ebb {

/// Dimensions of a tensor, outermost first. Images are `[batch, height, width, channels]`. Rank 0 is a scalar.
class Shape {
 public:
  /// The largest rank.
  static constexpr int max_rank = 6;

  /// The shape of a scalar: rank 0, one element.
  Shape() = default;

  /// \throws Error when there are more than six dimensions, one is negative, or their product overflows.
  Shape(std::initializer_list<std::int64_t> dims);

  /// As above, from any contiguous range.
  explicit Shape(std::span<const std::int64_t> dims);

  /// Number of dimensions, 0 to 6.
  int rank() const { return rank_; }

  /// Number of elements: the product of all dimensions (1 for a scalar).
  std::int64_t size() const;

  /// Dimension `axis`; negative axes count from the end (-1 is the last).
  /// \throws Error when the axis does not exist.
  std::int64_t operator[](int axis) const {
    const int at = axis < 0 ? axis + rank_ : axis;
    if (at < 0 || at >= rank_) fail_axis("shape", axis);
    return dims_[static_cast<std::size_t>(at)];
  }

  /// The same shape with dimension `axis` (negative: from the end) set to `size`.
  /// \throws Error as the constructor.
  Shape with(int axis, std::int64_t size) const;

  /// The same shape with a dimension inserted before `axis` (0 to rank).
  /// \throws Error as the constructor.
  Shape insert(int axis, std::int64_t size) const;

  /// The same shape without dimension `axis`.
  Shape without(int axis) const;

  /// `axis` as a number in 0 .. rank-1.
  /// \throws Error naming `op` when it is outside -rank .. rank-1.
  int axis(const char* op, int axis) const;

  /// The dimensions as a span.
  std::span<const std::int64_t> dims() const { return {dims_.data(), static_cast<std::size_t>(rank_)}; }

  /// Equal rank and dimensions.
  friend bool operator==(const Shape& a, const Shape& b);

 private:
  [[noreturn]] void fail_axis(const char* op, int axis) const;
  void assign(std::span<const std::int64_t> dims);

  std::array<std::int64_t, max_rank> dims_{};
  int rank_ = 0;
};

/// The shape that NumPy's broadcasting gives two operands: aligned at the last axis, a dimension of 1 stretches.
/// \throws Error naming `op` and both shapes when they do not broadcast.
Shape broadcast(const char* op, const Shape& a, const Shape& b);

/// Prints "[2, 3, 4]".
std::ostream& operator<<(std::ostream& out, const Shape& shape);

}  // namespace ebb
