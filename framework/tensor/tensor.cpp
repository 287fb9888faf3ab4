#include "framework/tensor/tensor.h"

#include <algorithm>
#include <cstring>
#include <ostream>

#include "framework/tensor/convert.h"
#include "framework/tensor/error.h"

namespace ebb {

using detail::Storage;

Tensor::Tensor(const Shape& shape, DType dtype)
    : storage_(detail::acquire(static_cast<std::size_t>(shape.size()) * size_of(dtype))),
      shape_(shape),
      size_(shape.size()),
      dtype_(dtype) {}

Tensor::Tensor(const Tensor& other) noexcept
    : storage_(other.storage_), shape_(other.shape_), size_(other.size_), dtype_(other.dtype_) {
  if (storage_ != nullptr) storage_->refs.fetch_add(1, std::memory_order_relaxed);
}

Tensor::Tensor(Tensor&& other) noexcept
    : storage_(std::exchange(other.storage_, nullptr)),
      shape_(other.shape_),
      size_(std::exchange(other.size_, 0)),
      dtype_(other.dtype_) {}

Tensor& Tensor::operator=(const Tensor& other) noexcept {
  Tensor copy(other);
  *this = std::move(copy);
  return *this;
}

Tensor& Tensor::operator=(Tensor&& other) noexcept {
  std::swap(storage_, other.storage_);
  std::swap(shape_, other.shape_);
  std::swap(size_, other.size_);
  std::swap(dtype_, other.dtype_);
  Tensor dropped;
  std::swap(dropped.storage_, other.storage_);
  other.size_ = 0;
  return *this;
}

Tensor::~Tensor() {
  if (storage_ != nullptr && storage_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) detail::release(storage_);
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) {
  Tensor out(shape, dtype);
  const auto bytes = out.mutable_bytes();
  if (!bytes.empty()) std::memset(bytes.data(), 0, bytes.size());
  return out;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype) {
  Tensor out(shape, dtype);
  dispatch_all("full", dtype, [&](auto zero) {
    using T = decltype(zero);
    std::ranges::fill(out.mutable_span<T>(), convert<T>(value));
  });
  return out;
}

Tensor Tensor::scalar(double value, DType dtype) { return full(Shape{}, value, dtype); }

Tensor Tensor::copy_of(const void* values, std::size_t count, const Shape& shape, DType dtype) {
  if (static_cast<std::int64_t>(count) != shape.size())
    fail("tensor", text(count, " values for shape ", shape), text(shape.size(), " values"));
  Tensor out(shape, dtype);
  if (count > 0) std::memcpy(out.mutable_bytes().data(), values, count * size_of(dtype));
  return out;
}

std::span<const std::byte> Tensor::bytes() const {
  if (storage_ == nullptr) return {};
  return {storage_->data(), static_cast<std::size_t>(size_) * size_of(dtype_)};
}

std::span<std::byte> Tensor::mutable_bytes() {
  if (storage_ == nullptr) return {};
  ++storage_->version;
  return {storage_->data(), static_cast<std::size_t>(size_) * size_of(dtype_)};
}

double Tensor::item() const {
  if (size_ != 1) fail("item", text("a tensor of shape ", shape_, " with ", size_, " elements"), "exactly one element");
  return dispatch_all("item", dtype_, [&](auto zero) { return static_cast<double>(*data<decltype(zero)>()); });
}

double Tensor::at(std::initializer_list<std::int64_t> index) const {
  if (static_cast<int>(index.size()) != rank())
    fail("at", text(index.size(), " indices for shape ", shape_), text(rank(), " indices"));
  std::int64_t offset = 0;
  int axis = 0;
  for (const std::int64_t i : index) {
    const std::int64_t dim = shape_[axis++];
    if (i < 0 || i >= dim) fail("at", text("index ", i, " in axis ", axis - 1), text("0 to ", dim - 1));
    offset = offset * dim + i;
  }
  return dispatch_all("at", dtype_, [&](auto zero) { return static_cast<double>(data<decltype(zero)>()[offset]); });
}

Tensor Tensor::reshape(std::initializer_list<std::int64_t> dims) const {
  std::array<std::int64_t, Shape::max_rank> resolved{};
  if (dims.size() > resolved.size()) return reshape(Shape(dims));  // throws
  std::ranges::copy(dims, resolved.begin());
  const std::span<std::int64_t> out(resolved.data(), dims.size());
  const auto open = std::ranges::find(out, -1);
  if (open != out.end()) {
    *open = 1;
    const std::int64_t rest = Shape(std::span<const std::int64_t>(out)).size();
    if (rest == 0 || size_ % rest != 0)
      fail("reshape", text("shape ", shape_, " with one dimension of -1 and the others ", rest, " elements"),
           "others that divide the number of elements");
    *open = size_ / rest;
  }
  return reshape(Shape(std::span<const std::int64_t>(out)));
}

Tensor Tensor::reshape(const Shape& shape) const {
  require_defined("reshape", "tensor", *this);
  if (shape.size() != size_) fail("reshape", text("shape ", shape_, " as ", shape), "equal numbers of elements");
  Tensor out = *this;
  out.shape_ = shape;
  return out;
}

Tensor Tensor::clone() const {
  if (storage_ == nullptr) return {};
  return copy_of(storage_->data(), static_cast<std::size_t>(size_), shape_, dtype_);
}

bool Tensor::unique() const { return storage_ != nullptr && storage_->refs.load(std::memory_order_acquire) == 1; }

void Tensor::fail_access(DType wanted) const {
  if (storage_ == nullptr) fail("tensor", "an undefined tensor", text("one of type ", wanted));
  fail("tensor", text("type ", dtype_), text("type ", wanted), "convert it with cast(tensor, dtype)");
}

namespace {

constexpr std::int64_t shown = 3;  // leading and trailing entries of a long axis

template <class T>
void print_axis(std::ostream& out, const T* data, const Shape& shape, int axis) {
  if (axis == shape.rank()) {
    if constexpr (sizeof(T) == 1) out << static_cast<int>(*data);
    else out << *data;
    return;
  }
  std::int64_t stride = 1;
  for (int inner = axis + 1; inner < shape.rank(); ++inner) stride *= shape[inner];
  out << '[';
  for (std::int64_t i = 0; i < shape[axis]; ++i) {
    if (i > 0) out << ", ";
    if (i == shown && shape[axis] > 2 * shown) {
      out << "..., ";
      i = shape[axis] - shown;
    }
    print_axis(out, data + i * stride, shape, axis + 1);
  }
  out << ']';
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  if (!tensor.defined()) return out << "Tensor(undefined)";
  out << "Tensor(" << tensor.shape() << ' ' << tensor.dtype() << ", ";
  dispatch_all("print", tensor.dtype(),
               [&](auto zero) { print_axis(out, tensor.data<decltype(zero)>(), tensor.shape(), 0); });
  return out << ')';
}

void require_defined(const char* op, const char* argument, const Tensor& tensor) {
  if (!tensor.defined()) fail(op, text("an undefined ", argument), "a tensor");
}

void require_same_shape(const char* op, const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) fail(op, text("shapes ", a.shape(), " and ", b.shape()), "equal shapes");
}

void require_same_dtype(const char* op, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype())
    fail(op, text("types ", a.dtype(), " and ", b.dtype()), "equal types", "convert one with cast(tensor, dtype)");
}

}  // namespace ebb
