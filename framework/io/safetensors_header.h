/// \file
/// The header of a safetensors file: what it says, checked, and how it is written. Readers use safetensors.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/tensor/dtype.h"
#include "framework/tensor/shape.h"

namespace ebb::safetensors {

constexpr std::uint64_t max_header = std::uint64_t{16} << 20;  ///< Bytes of JSON.
constexpr std::size_t max_tensors = 65536;                     ///< Tensors in a file.
constexpr std::size_t max_name = 512;                          ///< Bytes of a tensor's name.

/// How a file stores numbers. The half-precision types exist in files only: reading converts them to f32.
enum class Stored : std::uint8_t { f32, f64, i32, i64, u8, f16, bf16 };

/// "F32", "F64", "I32", "I64", "U8", "F16", "BF16".
const char* name(Stored type);

/// The type that holds the numbers in memory.
DType in_memory(Stored type);

/// Bytes of one stored number.
std::uint64_t size_of(Stored type);

/// How numbers of `dtype` are written.
Stored stored_as(DType dtype);

/// One tensor of a file.
struct Entry {
  std::string name;           ///< At most 512 bytes of UTF-8.
  Stored type = Stored::f32;  ///< Element type in the file.
  Shape shape;                ///< At most six dimensions.
  std::uint64_t begin = 0;    ///< Where its bytes begin, counted from the end of the header.
  std::uint64_t end = 0;      ///< Where they end.
};

/// A checked header.
struct Header {
  std::vector<Entry> entries;                   ///< In the order of their bytes, without gaps or overlaps.
  std::map<std::string, std::string> metadata;  ///< The strings of `__metadata__`.
};

/// Reads and checks the JSON of a header, whose tensors must fill `data_size` bytes exactly.
/// \param json from the brace to the last padding blank.
/// \param where the file's name for messages.
/// \throws Error for everything that is not as the format and the limits above demand: bad JSON or UTF-8, duplicate
/// keys, unknown dtypes, negative, fractional or too large numbers, sizes that contradict each other, gaps, overlaps.
Header parse_header(std::string_view json, std::uint64_t data_size, std::string_view where);

/// The JSON of a header, padded with blanks to a multiple of eight bytes. The entries' offsets are taken as they are.
/// \throws Error when a limit is broken or a string is not UTF-8.
std::string write_header(const Header& header, std::string_view where);

}  // namespace ebb::safetensors
