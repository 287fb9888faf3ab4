/// \file
/// Element types of tensors, chosen at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <type_traits>

namespace ebb {

/// The element type of a Tensor. Computation is done in `f32` or `f64`; the integer types hold labels,
/// counters and raw pixels.
enum class DType : std::uint8_t {
  f32,  ///< 32-bit IEEE float, the default.
  f64,  ///< 64-bit IEEE float, for gradient checks and exact studies.
  i32,  ///< 32-bit signed integer.
  i64,  ///< 64-bit signed integer (class labels, counters).
  u8,   ///< 8-bit unsigned integer (raw pixels).
};

/// Bytes of one element.
std::size_t size_of(DType dtype);

/// The type's name as printed in messages: "f32", "f64", "i32", "i64", "u8".
const char* name(DType dtype);

/// True for `f32` and `f64`.
constexpr bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }

/// Prints name(dtype).
std::ostream& operator<<(std::ostream& out, DType dtype);

namespace detail {
template <class T>
constexpr bool always_false = false;
[[noreturn]] void fail_dispatch(const char* op, DType got, const char* wanted);
}  // namespace detail

/// The DType of a C++ element type (`float`, `double`, `std::int32_t`, `std::int64_t`, `std::uint8_t`).
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  else if constexpr (std::is_same_v<T, double>) return DType::f64;
  else if constexpr (std::is_same_v<T, std::int32_t>) return DType::i32;
  else if constexpr (std::is_same_v<T, std::int64_t>) return DType::i64;
  else if constexpr (std::is_same_v<T, std::uint8_t>) return DType::u8;
  else static_assert(detail::always_false<T>, "Tensor elements are float, double, int32_t, int64_t or uint8_t");
}

/// Calls `f(T{})` with the floating-point type T that `dtype` names and returns its result.
/// \param op the caller's name for the message.
/// \throws Error when `dtype` is not a floating-point type.
template <class F>
decltype(auto) dispatch(const char* op, DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
    default: detail::fail_dispatch(op, dtype, "f32 or f64");
  }
}

/// As dispatch(), over all five element types.
template <class F>
decltype(auto) dispatch_all(const char* op, DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: return f(std::int64_t{});
    case DType::u8: return f(std::uint8_t{});
  }
  detail::fail_dispatch(op, dtype, "a known element type");
}

}  // namespace ebb
