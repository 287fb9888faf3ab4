#include "data/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "data/npy_header.h"
#include "framework/io/half.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"
#include "framework/tensor/printable.h"

static_assert(std::endian::native == std::endian::little, "files hold little-endian numbers");

namespace ebb {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t largest_header = 10'000;
constexpr std::string_view half = "<f2";

const char* type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return "<f4";
    case DType::f64: return "<f8";
    case DType::i32: return "<i4";
    case DType::i64: return "<i8";
    case DType::u8: break;
  }
  return "|u1";
}

// What holds the numbers in memory.
DType dtype_from(const std::string& type, const std::string& where) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8})
    if (type == type_of(dtype)) return dtype;
  if (type == half) return DType::f32;
  if (type.find('O') != std::string::npos)
    fail(where, "an array of Python objects, which are programs", "numbers", "save it with its dtype: float32");
  if (type.starts_with('>'))
    fail(where, text("big-endian numbers (", in_quotes(type), ")"), "little-endian ones",
         "convert it before: array.astype('<f4')");
  fail(where, text("numbers of the type ", in_quotes(type)), "<f4, <f8, <f2, <i4, <i8 or |u1",
       "convert it before: array.astype('<f4')");
}

Tensor from_halves(const Tensor& stored, const Shape& shape) {
  Tensor out(shape);
  const std::byte* from = stored.bytes().data();
  for (float& to : out.mutable_span<float>()) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, from, sizeof bits);
    from += sizeof bits;
    to = from_f16(bits);
  }
  return out;
}

// The same numbers, where the first dimension ran fastest.
Tensor in_c_order(const Tensor& fortran) {
  const Shape& shape = fortran.shape();
  const std::size_t width = size_of(fortran.dtype());
  Tensor out(shape, fortran.dtype());
  std::array<std::int64_t, Shape::max_rank> index{}, stride{};
  std::int64_t from = 0, step = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    stride[static_cast<std::size_t>(axis)] = step;
    step *= shape[axis];
  }
  const std::byte* const numbers = fortran.bytes().data();
  std::byte* to = out.mutable_bytes().data();
  for (std::int64_t i = 0; i < out.size(); ++i, to += width) {
    std::memcpy(to, numbers + static_cast<std::size_t>(from) * width, width);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      const auto a = static_cast<std::size_t>(axis);
      from += stride[a];
      if (++index[a] < shape[axis]) break;
      from -= stride[a] * shape[axis];
      index[a] = 0;
    }
  }
  return out;
}

std::string dictionary_of(ByteSource& source) {
  std::array<std::byte, 8> begin{};
  source.read_exactly(begin, "the header of an array");
  if (std::memcmp(begin.data(), magic.data(), magic.size()) != 0)
    fail(source.name(), "something else than an array of NumPy's", "a file of numpy.save()");
  const auto version = std::to_integer<unsigned>(begin[6]);
  if (version < 1 || version > 3 || begin[7] != std::byte{0})
    fail(source.name(), text("version ", version, '.', std::to_integer<unsigned>(begin[7])), "1.0, 2.0 or 3.0");
  std::array<std::byte, 4> length{};
  source.read_exactly(std::span(length).first(version == 1 ? 2 : 4), "the length of its header");
  const auto size = std::bit_cast<std::uint32_t>(length);
  if (size > largest_header)
    fail(source.name(), text("a header of ", size, " bytes"), text("at most ", largest_header));
  std::vector<std::byte> bytes(size);
  source.read_exactly(bytes, "its header");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Tensor read_npy(ByteSource& source, std::uint64_t most) {
  const detail::NpyHeader header = detail::parse_npy_header(dictionary_of(source), source.name());
  const DType dtype = dtype_from(header.type, source.name());
  const bool halves = header.type == half;
  const std::uint64_t width = halves ? 2 : size_of(dtype);
  const auto count = static_cast<std::uint64_t>(header.shape.size());
  if (count > most / width)
    fail(source.name(), text("a shape ", header.shape, " of ", header.type), text("what ", most, " bytes hold"),
         "the file is damaged");
  const memory::Guard guard;
  Tensor stored = halves ? Tensor({2 * header.shape.size()}, DType::u8) : Tensor(header.shape, dtype);
  source.read_exactly(stored.mutable_bytes(), "its numbers");
  source.expect_end();
  if (halves) stored = from_halves(stored, header.shape);
  return header.fortran_order && header.shape.rank() > 1 ? in_c_order(stored) : stored;
}

std::string npy_header(const Tensor& tensor) {
  std::string shape;
  for (const std::int64_t dim : tensor.shape().dims()) shape += text(dim, ", ");
  if (tensor.rank() > 1) shape.resize(shape.size() - 2);
  else if (tensor.rank() == 1) shape.pop_back();
  std::string dictionary =
      text("{'descr': '", type_of(tensor.dtype()), "', 'fortran_order': False, 'shape': (", shape, "), }");
  constexpr std::size_t multiple = 64;
  const std::size_t size = magic.size() + 4 + dictionary.size() + 1;
  dictionary.append((multiple - size % multiple) % multiple, ' ');
  dictionary += '\n';
  std::string out(magic);
  out += '\x01';
  out += '\0';
  out += static_cast<char>(dictionary.size() & 0xFF);
  out += static_cast<char>(dictionary.size() >> 8);
  return out + dictionary;
}

}  // namespace ebb
