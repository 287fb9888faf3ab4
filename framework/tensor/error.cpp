#include "framework/tensor/error.h"

#include <charconv>

#include "framework/tensor/dtype.h"
#include "framework/tensor/shape.h"

namespace ebb {

namespace {

std::string message(std::string_view where, std::string_view got, std::string_view wanted, std::string_view remedy) {
  std::string out = text("[", where, "] got ", got);
  if (!wanted.empty()) out += text("; wanted ", wanted);
  if (!remedy.empty()) out += text("; ", remedy);
  return out;
}

template <class Number>
void append_number(std::string& out, Number value) {
  char digits[40];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, result.ptr);
}

}  // namespace

Error::Error(std::string_view where, std::string_view got, std::string_view wanted, std::string_view remedy)
    : std::runtime_error(message(where, got, wanted, remedy)), where_(where) {}

void fail(std::string_view where, std::string_view got, std::string_view wanted, std::string_view remedy) {
  throw Error(where, got, wanted, remedy);
}

namespace detail {

void append(std::string& out, std::string_view value) { out += value; }
void append(std::string& out, const char* value) { out += value; }
void append(std::string& out, const std::string& value) { out += value; }
void append(std::string& out, bool value) { out += value ? "true" : "false"; }
void append(std::string& out, char value) { out += value; }
void append(std::string& out, int value) { append_number(out, value); }
void append(std::string& out, unsigned value) { append_number(out, value); }
void append(std::string& out, long value) { append_number(out, value); }
void append(std::string& out, unsigned long value) { append_number(out, value); }
void append(std::string& out, long long value) { append_number(out, value); }
void append(std::string& out, unsigned long long value) { append_number(out, value); }
void append(std::string& out, double value) { append_number(out, value); }
void append(std::string& out, DType value) { out += name(value); }

void append(std::string& out, const Shape& value) {
  out += '[';
  for (int axis = 0; axis < value.rank(); ++axis) {
    if (axis > 0) out += ", ";
    append_number(out, value[axis]);
  }
  out += ']';
}

}  // namespace detail
}  // namespace ebb
