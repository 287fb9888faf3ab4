#include "framework/io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

namespace ebb::safetensors {
namespace {

struct Type {
  Stored stored;
  const char* name;
  DType memory;
  std::uint64_t size;
};

constexpr std::array<Type, 7> types{{{Stored::f32, "F32", DType::f32, 4},
                                     {Stored::f64, "F64", DType::f64, 8},
                                     {Stored::i32, "I32", DType::i32, 4},
                                     {Stored::i64, "I64", DType::i64, 8},
                                     {Stored::u8, "U8", DType::u8, 1},
                                     {Stored::f16, "F16", DType::f32, 2},
                                     {Stored::bf16, "BF16", DType::f32, 2}}};

const Type& row(Stored type) { return types[static_cast<std::size_t>(type)]; }

constexpr const char* metadata_key = "__metadata__";

// Receives the events of the JSON parser and builds entries from them: nothing but what the grammar of a header
// allows is ever stored, and nothing nests deeper. The depth is that of the value at hand: 0 outside, 1 in the root
// object, 2 in a tensor's object or the metadata, 3 in a list.
class HeaderReader : public nlohmann::json_sax<nlohmann::ordered_json> {
 public:
  HeaderReader(std::uint64_t data_size, std::string_view where) : data_size_(data_size), where_(where) {}

  Header take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    if (depth_ >= 2) bad(text("an object for ", place()), expected());
    if (++depth_ == 1) return true;
    in_metadata_ = root_key_ == metadata_key;
    fields_ = 0;
    keys_.clear();
    if (in_metadata_) return true;
    if (header_.entries.size() == max_tensors) bad(text("more than ", max_tensors, " tensors"), "fewer");
    header_.entries.emplace_back().name = root_key_;
    return true;
  }

  bool key(std::string& name) override {
    if (depth_ == 1) {
      if (!root_keys_.insert(name).second) bad(text("the name ", in_quotes(name), " twice"), "each name once");
      if (name.size() > max_name)
        bad(text("a name of ", name.size(), " bytes, ", in_quotes(name)), text("at most ", max_name));
      root_key_ = name;
    } else if (in_metadata_) {
      if (!keys_.insert(name).second) bad(text("the metadata key ", in_quotes(name), " twice"), "each key once");
      key_ = name;
    } else {
      key_ = name;
      const Field field = name == "dtype" ? dtype : name == "shape" ? shape : name == "data_offsets" ? offsets : none;
      if (field == none) bad(text("the key ", in_quotes(name), " in ", tensor()), "dtype, shape and data_offsets");
      if ((fields_ & field) != 0) bad(text("the key ", in_quotes(name), " twice in ", tensor()), "each key once");
      fields_ |= field;
      field_ = field;
    }
    return true;
  }

  bool end_object() override {
    --depth_;
    if (depth_ == 1 && !in_metadata_) finish_entry();
    in_metadata_ = false;
    key_.clear();
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_metadata_ || field_ == dtype) bad(text("a list for ", place()), expected());
    ++depth_;
    count_ = 0;
    return true;
  }

  bool end_array() override {
    --depth_;
    if (field_ == offsets && count_ != 2)
      bad(text(count_, " data_offsets of ", tensor()), "two: where its bytes begin and end");
    if (field_ == shape) header_.entries.back().shape = checked_shape();
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    if (depth_ != 3) bad(text("the number ", value, " for ", place()), expected());
    if (field_ == shape) {
      if (count_ == Shape::max_rank) bad(text("more than ", Shape::max_rank, " dimensions of ", tensor()), "fewer");
      if (value > INT64_MAX) bad(text("the dimension ", value, " of ", tensor()), "a size that fits in 63 bits");
      dims_[static_cast<std::size_t>(count_)] = static_cast<std::int64_t>(value);
    } else if (count_ == 0) {
      header_.entries.back().begin = value;
    } else if (count_ == 1) {
      header_.entries.back().end = value;
    }
    if (count_ < Shape::max_rank) ++count_;
    return true;
  }

  bool string(std::string& value) override {
    if (depth_ == 2 && in_metadata_) {
      header_.metadata[key_] = std::move(value);
      return true;
    }
    if (depth_ != 2 || field_ != dtype) bad(text("the string ", in_quotes(value), " for ", place()), expected());
    const auto type = std::ranges::find_if(types, [&value](const Type& t) { return value == t.name; });
    if (type == types.end())
      bad(text("the dtype ", in_quotes(value), " of ", tensor()), "F32, F64, I32, I64, U8, F16 or BF16",
          "convert that tensor before saving it");
    header_.entries.back().type = type->stored;
    return true;
  }

  bool number_integer(std::int64_t value) override { refuse(text("the negative number ", value)); }
  bool number_float(double, const std::string& digits) override {
    refuse(text("the number ", in_quotes(digits), ", which is no 64-bit integer,"));
  }
  bool null() override { refuse("null"); }
  bool boolean(bool value) override { refuse(text(value)); }
  bool binary(nlohmann::ordered_json::binary_t&) override { refuse("binary data"); }

  bool parse_error(std::size_t position, const std::string& token, const nlohmann::ordered_json::exception&) override {
    bad(text("a header that is no JSON at byte ", position, ", at ", in_quotes(token)), "JSON in UTF-8",
        "the file is damaged or no safetensors file");
  }

 private:
  enum Field : unsigned { none = 0, dtype = 1, shape = 2, offsets = 4 };

  [[noreturn]] void bad(std::string_view got, std::string_view wanted, std::string_view remedy = {}) const {
    fail(where_, got, wanted, remedy);
  }
  [[noreturn]] void refuse(std::string_view value) const { bad(text(value, " for ", place()), expected()); }

  std::string tensor() const { return text("tensor ", in_quotes(root_key_)); }

  std::string place() const {
    if (depth_ <= 1) return root_key_.empty() ? "the header" : in_quotes(root_key_);
    if (in_metadata_) return text("the metadata entry ", in_quotes(key_));
    return text("the ", key_.empty() ? "header" : key_, " of ", tensor());
  }

  const char* expected() const {
    if (depth_ <= 1) return "an object";
    if (in_metadata_) return "a string";
    return field_ == dtype ? "a string" : "a list of integers of 0 or more";
  }

  Shape checked_shape() const {
    std::int64_t bytes = 16;  // above the size of every dtype, as Shape demands
    for (int i = 0; i < count_; ++i) {
      const std::int64_t dim = dims_[static_cast<std::size_t>(i)];
      if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(dim, 1), &bytes))
        bad(text("a shape of ", tensor(), " whose size overflows"), "a size in bytes that fits in 63 bits");
    }
    return Shape(std::span<const std::int64_t>(dims_.data(), static_cast<std::size_t>(count_)));
  }

  void finish_entry() const {
    const Entry& entry = header_.entries.back();
    if (fields_ != (dtype | shape | offsets))
      bad(text(tensor(), " without ",
               (fields_ & dtype) == 0   ? "dtype"
               : (fields_ & shape) == 0 ? "shape"
                                        : "data_offsets"),
          "dtype, shape and data_offsets");
    if (entry.begin > entry.end || entry.end > data_size_)
      bad(text("the data_offsets ", entry.begin, " and ", entry.end, " of ", tensor()),
          text("offsets in ascending order within the ", data_size_, " bytes of data"), "the file may be cut off");
    const std::uint64_t bytes = static_cast<std::uint64_t>(entry.shape.size()) * row(entry.type).size;
    if (entry.end - entry.begin != bytes)
      bad(text(entry.end - entry.begin, " bytes for ", tensor()),
          text(bytes, " for its shape ", entry.shape, " of ", row(entry.type).name));
  }

  std::uint64_t data_size_;
  std::string_view where_;
  Header header_;
  int depth_ = 0;
  bool in_metadata_ = false;
  std::set<std::string> root_keys_;
  std::set<std::string> keys_;  // of the metadata
  std::string root_key_;
  std::string key_;
  unsigned fields_ = none;
  Field field_ = none;
  int count_ = 0;  // numbers in the list at hand
  std::array<std::int64_t, Shape::max_rank> dims_{};
};

}  // namespace

const char* name(Stored type) { return row(type).name; }
DType in_memory(Stored type) { return row(type).memory; }
std::uint64_t size_of(Stored type) { return row(type).size; }

Stored stored_as(DType dtype) {
  for (const Type& type : types)
    if (type.memory == dtype) return type.stored;
  fail("safetensors", "an unknown element type", "f32, f64, i32, i64 or u8");
}

Header parse_header(std::string_view json, std::uint64_t data_size, std::string_view where) {
  if (json.size() > max_header) fail(where, text("a header of ", json.size(), " bytes"), text("at most ", max_header));
  if (json.empty() || json.front() != '{')
    fail(where, "a header that does not begin with a brace", "a JSON object", "this is no safetensors file");
  HeaderReader reader(data_size, where);
  nlohmann::ordered_json::sax_parse(json.begin(), json.end(), &reader);
  Header header = reader.take();
  std::ranges::sort(header.entries, [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t end = 0;
  for (const Entry& entry : header.entries) {
    if (entry.begin != end)
      fail(where, text("tensor ", in_quotes(entry.name), " at byte ", entry.begin, " of the data"),
           text("byte ", end, ", where the one before ends"), "gaps and overlaps are refused");
    end = entry.end;
  }
  if (end != data_size)
    fail(where, text(data_size, " bytes of data"), text(end, ", where the last tensor ends"),
         "the file is cut off, or there is something behind its tensors");
  return header;
}

std::string write_header(const Header& header, std::string_view where) {
  if (header.entries.size() > max_tensors)
    fail(where, text(header.entries.size(), " tensors"), text("at most ", max_tensors));
  std::string out(1, '{');
  try {
    const auto item = [&out](std::string_view name, const nlohmann::ordered_json& value) {
      if (out.size() > 1) out += ',';
      out += text(nlohmann::ordered_json(name).dump(), ":", value.dump());
    };
    if (!header.metadata.empty()) item(metadata_key, header.metadata);
    for (const Entry& entry : header.entries) {
      if (entry.name.size() > max_name || entry.name == metadata_key)
        fail(where, text("the name ", in_quotes(entry.name)),
             text("a name of at most ", max_name, " bytes, not ", metadata_key));
      item(entry.name, {{"dtype", row(entry.type).name},
                        {"shape", nlohmann::ordered_json(entry.shape.dims())},
                        {"data_offsets", {entry.begin, entry.end}}});
    }
    out += '}';
  } catch (const nlohmann::ordered_json::exception&) {
    fail(where, "a name or metadata string that is not UTF-8", "UTF-8");
  }
  out.resize((out.size() + 7) / 8 * 8, ' ');
  if (out.size() > max_header) fail(where, text("a header of ", out.size(), " bytes"), text("at most ", max_header));
  return out;
}

}  // namespace ebb::safetensors
