/// \file
/// Values joined to texts, as error messages and pages show them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ebb {

class Shape;
enum class DType : std::uint8_t;

namespace detail {
void append(std::string& out, std::string_view value);
void append(std::string& out, const char* value);
void append(std::string& out, const std::string& value);
void append(std::string& out, bool value);
void append(std::string& out, char value);
void append(std::string& out, int value);
void append(std::string& out, unsigned value);
void append(std::string& out, long value);
void append(std::string& out, unsigned long value);
void append(std::string& out, long long value);
void append(std::string& out, unsigned long long value);
void append(std::string& out, double value);
void append(std::string& out, const Shape& value);
void append(std::string& out, DType value);
}  // namespace detail

/// Joins its arguments (strings, numbers, shapes, dtypes) to one string, e.g. `text("shape ", x.shape())`.
/// Numbers print in the shortest form that reads back equal.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

/// The number with at most `digits` significant digits, as C's %g has it: "0.0005", "1e-07".
std::string rounded(double value, int digits);

/// 12345678 as "12,345,678".
std::string grouped(std::int64_t number);

}  // namespace ebb
