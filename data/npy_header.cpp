#include "data/npy_header.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb::detail {
namespace {

// The part of Python's literals that headers have: texts without escapes, True and False, tuples of whole numbers.
class Reader {
 public:
  Reader(std::string_view all, const std::string& where) : all_(all), where_(where) {}

  // Passes over blanks and the character, if it is next.
  bool take(char wanted) {
    pass_blanks();
    if (at_ == all_.size() || all_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  void expect(char wanted) {
    if (!take(wanted)) refuse(text('"', wanted, '"'));
  }

  std::string quoted() {
    pass_blanks();
    const char quote = at_ < all_.size() ? all_[at_] : ' ';
    if (quote == '[')
      fail(where_, "an array of records", "an array of numbers", "save each of its fields as an array of its own");
    const std::size_t end = quote == '\'' || quote == '"' ? all_.find(quote, at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) refuse("a text in quotes");
    const std::string_view inside = all_.substr(at_ + 1, end - at_ - 1);
    if (inside.find_first_of("\\\n") != std::string_view::npos) refuse("a text without escapes");
    at_ = end + 1;
    return std::string(inside);
  }

  bool truth() {
    pass_blanks();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!all_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return value;
    }
    refuse("True or False");
  }

  Shape shape() {
    std::vector<std::int64_t> dims;
    bool comma = true;
    expect('(');
    while (!take(')')) {
      if (!comma) refuse("a comma");
      dims.push_back(number());
      if (dims.size() > Shape::max_rank)
        fail(where_, text("more than ", Shape::max_rank, " dimensions"), text("at most ", Shape::max_rank));
      comma = take(',');
    }
    if (dims.size() == 1 && !comma) refuse("a comma behind the only dimension");
    return Shape(dims);
  }

  void expect_end() {
    pass_blanks();
    if (at_ != all_.size()) refuse("the end");
  }

  [[noreturn]] void refuse(const std::string& wanted) const {
    fail(where_, text("a header with ", in_quotes(all_.substr(std::min(at_, all_.size()))), " at byte ", at_), wanted,
         "this is no array of NumPy's, or it is damaged");
  }

 private:
  void pass_blanks() {
    while (at_ < all_.size() && (all_[at_] == ' ' || all_[at_] == '\n')) ++at_;
  }

  std::int64_t number() {
    pass_blanks();
    std::int64_t value = 0;
    const auto read = std::from_chars(all_.data() + at_, all_.data() + all_.size(), value);
    if (read.ec != std::errc() || value < 0) refuse("a size of at least 0");
    at_ = static_cast<std::size_t>(read.ptr - all_.data());
    return value;
  }

  std::string_view all_;
  const std::string& where_;
  std::size_t at_ = 0;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view dictionary, const std::string& where) {
  if (!dictionary.ends_with('\n'))
    fail(where, "a header without a newline at its end", "one", "this is no array of NumPy's, or it is damaged");
  Reader reader(dictionary, where);
  NpyHeader out;
  bool type = false, order = false, shape = false;
  const auto once = [&](bool& seen, const std::string& key) {
    if (seen) fail(where, text("the key ", in_quotes(key), " twice"), "each key once", "the file is damaged");
    seen = true;
  };
  reader.expect('{');
  for (bool first = true; !reader.take('}'); first = false) {
    if (!first) {
      reader.expect(',');
      if (reader.take('}')) break;
    }
    const std::string key = reader.quoted();
    reader.expect(':');
    if (key == "descr") {
      once(type, key);
      out.type = reader.quoted();
    } else if (key == "fortran_order") {
      once(order, key);
      out.fortran_order = reader.truth();
    } else if (key == "shape") {
      once(shape, key);
      out.shape = reader.shape();
    } else {
      fail(where, text("the key ", in_quotes(key)), "descr, fortran_order and shape",
           "this is no array of NumPy's, or it is damaged");
    }
  }
  reader.expect_end();
  if (!type || !order || !shape) reader.refuse("descr, fortran_order and shape");
  return out;
}

}  // namespace ebb::detail
