#include "data/idx.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "data/chunks.h"
#include "data/gzip.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory_limits.h"

namespace ebb {
namespace {

constexpr std::int64_t max_count = 10'000'000;
constexpr std::int64_t max_side = 4096;

// A source whose first bytes were looked at.
class Replay : public ByteSource {
 public:
  Replay(std::span<const std::byte> first, ByteSource& rest)
      : ByteSource(rest.name()), first_(first, rest.name()), rest_(rest) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t count = first_.read(out);
    return count > 0 ? count : rest_.read(out);
  }

 private:
  MemorySource first_;
  ByteSource& rest_;
};

Shape read_header(ByteSource& source) {
  std::array<std::uint8_t, 4> magic{};
  source.read_exactly(std::as_writable_bytes(std::span(magic)), "the magic number");
  const int rank = magic[3];
  if (magic[0] != 0 || magic[1] != 0 || magic[2] != 0x08 || (rank != 1 && rank != 3))
    fail(source.name(),
         text("the first bytes ", int{magic[0]}, " ", int{magic[1]}, " ", int{magic[2]}, " ", int{magic[3]}),
         "0 0 8 1 (labels) or 0 0 8 3 (images)", "this is no IDX file of unsigned bytes");
  std::array<std::int64_t, 3> dims{};
  for (int axis = 0; axis < rank; ++axis) {
    std::array<std::uint8_t, 4> word{};
    source.read_exactly(std::as_writable_bytes(std::span(word)), "the dimensions");
    std::int64_t dim = 0;
    for (const std::uint8_t byte : word) dim = dim << 8 | byte;
    const std::int64_t most = axis == 0 ? max_count : max_side;
    const std::int64_t least = axis == 0 ? 0 : 1;
    if (dim < least || dim > most)
      fail(source.name(), text("dimension ", axis, " of ", dim), text(least, " to ", most), "the file is damaged");
    dims[static_cast<std::size_t>(axis)] = dim;
  }
  return Shape(std::span<const std::int64_t>(dims.data(), static_cast<std::size_t>(rank)));
}

// Compressed data may announce more than they hold: the tensor is made after everything was inflated and verified.
Tensor read_gzip(ByteSource& compressed) {
  GzipSource source(compressed);
  const Shape shape = read_header(source);
  require_available(source.name(), text("its contents ", shape, ", in pieces and as a whole,"), 2 * shape.size());
  Chunks chunks;
  chunks.read(source, static_cast<std::uint64_t>(shape.size()), "its contents");
  source.expect_end();
  Tensor out(shape, DType::u8);
  std::byte* to = out.mutable_bytes().data();
  chunks.consume([&to](std::span<const std::byte> piece) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  });
  return out;
}

}  // namespace

Tensor read_idx(ByteSource& source, std::uint64_t size) {
  std::array<std::uint8_t, 2> first{};
  source.read_exactly(std::as_writable_bytes(std::span(first)), "the magic number");
  Replay replay(std::as_bytes(std::span(first)), source);
  if (first[0] == 0x1F && first[1] == 0x8B) return read_gzip(replay);
  const Shape shape = read_header(replay);
  const auto bytes = static_cast<std::uint64_t>(4 + 4 * shape.rank() + shape.size());
  if (size != bytes)
    fail(source.name(), text(size, " bytes"), text(bytes, " for the shape ", shape, " it announces"),
         size < bytes ? "the file is cut off: copy or download it again" : "there is something behind its contents");
  require_available(source.name(), text("its contents ", shape), shape.size());
  Tensor out(shape, DType::u8);
  replay.read_exactly(out.mutable_bytes(), "its contents");
  replay.expect_end();
  return out;
}

std::vector<std::byte> idx_header(const Tensor& tensor) {
  std::vector<std::byte> out{std::byte{0}, std::byte{0}, std::byte{0x08}, static_cast<std::byte>(tensor.rank())};
  for (int axis = 0; axis < tensor.rank(); ++axis)
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(tensor.dim(axis) >> shift));
  return out;
}

Tensor read_idx(const std::filesystem::path& path) {
  FileSource source(path);
  return read_idx(source, source.size());
}

}  // namespace ebb
