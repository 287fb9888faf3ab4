/// \file
/// Tensor: a shared handle to a contiguous block of numbers with a shape and an element type.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <utility>

#include "framework/tensor/dtype.h"
#include "framework/tensor/shape.h"
#include "framework/tensor/storage.h"

namespace ebb {

/// Data without a place on a tape. Elements are contiguous, the last dimension fastest.
/// Copying a Tensor copies the handle: both see the same numbers; clone() copies the numbers.
/// Threads: handles may be copied and dropped in any thread; the numbers are not guarded.
class Tensor {
 public:
  /// An undefined tensor: no storage; only defined(), assignment and comparison of handles make sense.
  Tensor() = default;

  /// Uninitialised numbers from the pool.
  explicit Tensor(const Shape& shape, DType dtype = DType::f32);

  Tensor(const Tensor& other) noexcept;             ///< Shares the numbers.
  Tensor(Tensor&& other) noexcept;                  ///< Leaves `other` undefined.
  Tensor& operator=(const Tensor& other) noexcept;  ///< Shares the numbers.
  Tensor& operator=(Tensor&& other) noexcept;       ///< Leaves `other` undefined.
  ~Tensor();                                        ///< The last handle gives the block back to the pool.

  /// All zero.
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32);

  /// All equal to `value`, rounded to `dtype`.
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32);

  /// Rank 0 with one number.
  static Tensor scalar(double value, DType dtype = DType::f32);

  /// A copy of `values`, whose element type gives the dtype.
  /// \throws Error when their number is not shape.size().
  template <class T>
  static Tensor from(std::span<const T> values, const Shape& shape) {
    return copy_of(values.data(), values.size(), shape, dtype_of<T>());
  }

  /// As above from a list: `Tensor::from({1.0f, 2.0f}, {2})`.
  template <class T>
  static Tensor from(std::initializer_list<T> values, const Shape& shape) {
    return copy_of(values.begin(), values.size(), shape, dtype_of<T>());
  }

  /// False for a default-constructed or moved-from tensor.
  bool defined() const { return storage_ != nullptr; }

  const Shape& shape() const { return shape_; }              ///< Dimensions.
  DType dtype() const { return dtype_; }                     ///< Element type.
  int rank() const { return shape_.rank(); }                 ///< Number of dimensions.
  std::int64_t size() const { return size_; }                ///< Number of elements; 0 when undefined.
  std::int64_t dim(int axis) const { return shape_[axis]; }  ///< Dimension; negative counts from the end.

  /// The numbers, read-only.
  /// \throws Error when the tensor is undefined or T is not its element type.
  template <class T>
  const T* data() const {
    return static_cast<const T*>(raw(dtype_of<T>()));
  }

  /// The numbers, to be written: counts as an edit (see version()). All handles see the change.
  template <class T>
  T* mutable_data() {
    return static_cast<T*>(mutable_raw(dtype_of<T>()));
  }

  /// data() with its length.
  template <class T>
  std::span<const T> span() const {
    return {data<T>(), static_cast<std::size_t>(size_)};
  }

  /// mutable_data() with its length.
  template <class T>
  std::span<T> mutable_span() {
    return {mutable_data<T>(), static_cast<std::size_t>(size_)};
  }

  /// The bytes of the numbers, whatever their type (for files and checksums).
  std::span<const std::byte> bytes() const;

  /// As bytes(), to be written.
  std::span<std::byte> mutable_bytes();

  /// The only element, as a double.
  /// \throws Error when there is not exactly one.
  double item() const;

  /// Element at the given indices (one for each axis), as a double. For tests and printing; slow.
  double at(std::initializer_list<std::int64_t> index) const;

  /// The same numbers under another shape; one dimension may be -1 and is computed. Free: shares storage.
  /// \throws Error when the numbers of elements differ.
  Tensor reshape(std::initializer_list<std::int64_t> dims) const;

  /// As above with a complete shape.
  Tensor reshape(const Shape& shape) const;

  /// A copy of the numbers in a block of its own.
  Tensor clone() const;

  /// Number of edits so far of the shared numbers; lets autograd notice an edit of something it saved.
  std::uint64_t version() const { return storage_ == nullptr ? 0 : storage_->version; }

  /// True when no other handle shares the numbers.
  bool unique() const;

  /// True when both handles see the same numbers.
  bool shares(const Tensor& other) const { return storage_ == other.storage_; }

 private:
  static Tensor copy_of(const void* values, std::size_t count, const Shape& shape, DType dtype);
  const void* raw(DType wanted) const {
    if (storage_ == nullptr || dtype_ != wanted) fail_access(wanted);
    return storage_->data();
  }
  void* mutable_raw(DType wanted) {
    if (storage_ == nullptr || dtype_ != wanted) fail_access(wanted);
    ++storage_->version;
    return storage_->data();
  }
  [[noreturn]] void fail_access(DType wanted) const;

  detail::Storage* storage_ = nullptr;
  Shape shape_;
  std::int64_t size_ = 0;
  DType dtype_ = DType::f32;
};

/// Prints shape, dtype and the elements (long axes shortened), as NumPy does.
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

/// \throws Error naming `op` and `argument` when `tensor` is undefined.
void require_defined(const char* op, const char* argument, const Tensor& tensor);

/// \throws Error naming `op` and both shapes when they differ.
void require_same_shape(const char* op, const Tensor& a, const Tensor& b);

/// \throws Error naming `op` and both element types when they differ.
void require_same_dtype(const char* op, const Tensor& a, const Tensor& b);

}  // namespace ebb
