#include "framework/tensor/text.h"

#include <charconv>

#include "framework/tensor/dtype.h"
#include "framework/tensor/shape.h"

namespace ebb::detail {

namespace {

template <class Number>
void append_number(std::string& out, Number value) {
  char digits[40];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, result.ptr);
}

}  // namespace

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

}  // namespace ebb::detail

namespace ebb {

std::string rounded(double value, int digits) {
  char out[40];
  const auto result = std::to_chars(out, out + sizeof out, value, std::chars_format::general, digits);
  return {out, result.ptr};
}

std::string grouped(std::int64_t number) {
  std::string digits = text(number);
  const std::string sign = number < 0 ? "-" : "";
  digits.erase(0, sign.size());
  std::string out = sign;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

}  // namespace ebb
