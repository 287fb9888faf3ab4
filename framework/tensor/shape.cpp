#include "framework/tensor/shape.h"

#include <algorithm>
#include <ostream>
#include <vector>

#include "framework/tensor/error.h"

namespace ebb {

Shape::Shape(std::initializer_list<std::int64_t> dims) { assign({dims.begin(), dims.size()}); }

Shape::Shape(std::span<const std::int64_t> dims) { assign(dims); }

void Shape::assign(std::span<const std::int64_t> dims) {
  if (dims.size() > static_cast<std::size_t>(max_rank))
    fail("shape", text(dims.size(), " dimensions"), text("at most ", max_rank));
  rank_ = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), dims_.begin());
  std::int64_t size = 1;
  for (const std::int64_t dim : dims) {
    if (dim < 0) fail("shape", text("dimension ", dim, " in ", *this), "dimensions of 0 or more");
    // Sixteen bytes an element is above every dtype, so that byte counts cannot overflow either.
    if (__builtin_mul_overflow(size, std::max<std::int64_t>(dim, 1), &size) || size > INT64_MAX / 16)
      fail("shape", text(*this), "a size in bytes that fits in 63 bits");
  }
}

std::int64_t Shape::size() const {
  std::int64_t size = 1;
  for (const std::int64_t dim : dims()) size *= dim;
  return size;
}

Shape Shape::with(int axis, std::int64_t size) const {
  Shape out = *this;
  out.dims_[static_cast<std::size_t>(this->axis("shape", axis))] = size;
  return Shape(out.dims());
}

Shape Shape::insert(int axis, std::int64_t size) const {
  if (axis < 0 || axis > rank_ || rank_ == max_rank) fail_axis("shape", axis);
  Shape out = *this;
  std::copy_backward(out.dims_.begin() + axis, out.dims_.begin() + rank_, out.dims_.begin() + rank_ + 1);
  out.dims_[static_cast<std::size_t>(axis)] = size;
  ++out.rank_;
  return Shape(out.dims());  // checks it
}

Shape Shape::without(int axis) const {
  const int at = this->axis("shape", axis);
  Shape out = *this;
  std::copy(out.dims_.begin() + at + 1, out.dims_.begin() + rank_, out.dims_.begin() + at);
  out.dims_[static_cast<std::size_t>(--out.rank_)] = 0;
  return out;
}

int Shape::axis(const char* op, int axis) const {
  if (axis < -rank_ || axis >= rank_) fail_axis(op, axis);
  return axis < 0 ? axis + rank_ : axis;
}

void Shape::fail_axis(const char* op, int axis) const {
  fail(op, text("axis ", axis, " of shape ", *this), text("an axis from ", -rank_, " to ", rank_ - 1));
}

bool operator==(const Shape& a, const Shape& b) { return std::ranges::equal(a.dims(), b.dims()); }

Shape broadcast(const char* op, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::array<std::int64_t, Shape::max_rank> dims{};
  for (int back = 1; back <= rank; ++back) {
    const std::int64_t x = back <= a.rank() ? a[-back] : 1;
    const std::int64_t y = back <= b.rank() ? b[-back] : 1;
    if (x != y && x != 1 && y != 1)
      fail(op, text("shapes ", a, " and ", b), "shapes that broadcast (equal or 1, aligned at the last axis)");
    dims[static_cast<std::size_t>(rank - back)] = x == 1 ? y : x;
  }
  return Shape(std::span<const std::int64_t>(dims.data(), static_cast<std::size_t>(rank)));
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << text(shape); }

}  // namespace ebb
