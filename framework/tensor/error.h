/// \file
/// The one exception type of Ebb, and the helpers that build its message.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ebb {

class Shape;
enum class DType : std::uint8_t;

/// What every function of Ebb throws on bad input. `what()` reads
/// "[where] got ...; wanted ...; remedy".
class Error : public std::runtime_error {
 public:
  /// \param where the op, layer, file or option concerned, e.g. "conv2d".
  /// \param got the value seen.
  /// \param wanted the value that would have been right.
  /// \param remedy what the user can do; may be empty.
  Error(std::string_view where, std::string_view got, std::string_view wanted, std::string_view remedy = {});

  /// The op, layer, file or option the message is about.
  const std::string& where() const noexcept { return where_; }

 private:
  std::string where_;
};

/// Throws an Error; see its constructor.
[[noreturn]] void fail(std::string_view where, std::string_view got, std::string_view wanted,
                       std::string_view remedy = {});

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

}  // namespace ebb
