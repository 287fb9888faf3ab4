#include "data/csv.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr std::int64_t most_lines = 10'000'000;

// Characters one at a time, and where they stand.
class Reader {
 public:
  explicit Reader(ByteSource& source) : source_(source) {}

  // The next character without taking it; -1 at the end.
  int peek() {
    if (at_ == filled_) {
      filled_ = source_.read(buffer_);
      at_ = 0;
    }
    return filled_ == 0 ? -1 : static_cast<int>(buffer_[at_]);
  }

  void take() {
    if (peek() == '\n') ++line_;
    ++at_;
  }

  [[noreturn]] void refuse(const std::string& wanted) {
    const int c = peek();
    const std::string got = c < 0               ? "the end"
                            : c > 32 && c < 127 ? text("\"", static_cast<char>(c), "\"")
                                                : text("the byte ", c);
    fail(source_.name(), text(got, " in line ", line_, ", column ", column_ + 1), wanted);
  }

  int number() {
    int value = 0;
    int digits = 0;
    for (int c = peek(); c >= '0' && c <= '9'; c = peek(), ++digits) {
      value = 10 * value + (c - '0');
      if (value > 255 || (digits == 1 && value < 10)) refuse("a number from 0 to 255 without leading zeros");
      take();
    }
    if (digits == 0) refuse("a number from 0 to 255");
    return value;
  }

  // The numbers of a line, and its end.
  void line(std::int64_t columns, std::vector<std::uint8_t>& out) {
    for (column_ = 0; column_ < columns; ++column_) {
      out.push_back(static_cast<std::uint8_t>(number()));
      if (column_ + 1 == columns) break;
      if (peek() != ',') refuse(text("a comma: there are ", columns, " numbers in a line"));
      take();
    }
    const bool carriage = peek() == '\r';
    if (carriage) take();
    if (peek() == '\n') take();
    else if (carriage || peek() >= 0) refuse(text("the end of a line of ", columns, " numbers"));
  }

 private:
  ByteSource& source_;
  std::array<std::byte, 4096> buffer_{};
  std::size_t at_ = 0, filled_ = 0;
  std::int64_t line_ = 1, column_ = 0;
};

}  // namespace

Tensor read_csv(ByteSource& source, std::int64_t columns) {
  if (columns < 1 || columns > 65'536) fail("read_csv", text(columns, " columns"), "1 to 65536");
  Reader reader(source);
  std::vector<std::uint8_t> numbers;
  std::int64_t lines = 0;
  do {
    if (lines == most_lines) fail(source.name(), text("more than ", most_lines, " lines"), "a smaller table");
    reader.line(columns, numbers);
    ++lines;
  } while (reader.peek() >= 0);
  return Tensor::from(std::span<const std::uint8_t>(numbers), {lines, columns});
}

}  // namespace ebb
