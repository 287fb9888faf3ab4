#include "lab/format/png.h"

#include <zlib.h>

#include <cstring>
#include <span>
#include <string_view>

#include "framework/io/checksum.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

using Bytes = std::vector<std::byte>;

void put(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(value >> shift));
}

void put(Bytes& out, std::string_view text) {
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
}

// Length, type, contents, checksum of type and contents.
void put_chunk(Bytes& out, std::string_view type, std::span<const std::byte> contents) {
  put(out, static_cast<std::uint32_t>(contents.size()));
  const std::size_t begin = out.size();
  put(out, type);
  out.insert(out.end(), contents.begin(), contents.end());
  put(out, crc32(std::span(out).subspan(begin)));
}

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

Bytes png(const Tensor& pixels) {
  if (pixels.rank() != 3 || pixels.dtype() != DType::u8 || (pixels.dim(2) != 1 && pixels.dim(2) != 3) ||
      pixels.size() == 0)
    fail("png", text("pixels ", pixels.shape(), ' ', pixels.dtype()), "u8 [height, width, 1 or 3]");
  const auto height = static_cast<std::size_t>(pixels.dim(0));
  const auto row = static_cast<std::size_t>(pixels.dim(1) * pixels.dim(2));

  Bytes head;
  put(head, static_cast<std::uint32_t>(pixels.dim(1)));
  put(head, static_cast<std::uint32_t>(pixels.dim(0)));
  // Eight bits, grey or colour, deflate, the standard's filters, not interlaced.
  for (const int value : {8, pixels.dim(2) == 1 ? 0 : 2, 0, 0, 0}) head.push_back(static_cast<std::byte>(value));

  Bytes raw;
  raw.reserve(height * (row + 1));
  for (std::size_t y = 0; y < height; ++y) {
    raw.push_back(std::byte{0});  // no filter
    const auto line = pixels.bytes().subspan(y * row, row);
    raw.insert(raw.end(), line.begin(), line.end());
  }
  uLongf size = compressBound(raw.size());
  Bytes packed(size);
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(raw.data()), raw.size(),
                Z_BEST_COMPRESSION) != Z_OK)
    fail("png", "no memory to compress a picture", "a smaller one");

  Bytes out;
  put(out, std::string_view("\x89PNG\r\n\x1a\n", 8));
  put_chunk(out, "IHDR", head);
  put_chunk(out, "IDAT", std::span(packed).first(size));
  put_chunk(out, "IEND", {});
  return out;
}

std::string base64(const Bytes& bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (k < count ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k) out += k <= count ? letters[three >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::vector<std::byte> from_base64(std::string_view text_of_bytes) {
  const auto refuse = [] { fail("base64", "a text that is none", "letters, digits, + and / in fours, = at the end"); };
  if (text_of_bytes.size() % 4 != 0) refuse();
  const std::string_view text = text_of_bytes.substr(0, text_of_bytes.find('='));
  const std::size_t filled = text_of_bytes.size() - text.size();
  if (filled > 2 || text_of_bytes.substr(text.size()).find_first_not_of('=') != std::string_view::npos) refuse();
  Bytes out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::size_t value = letters.find(c);
    if (value == std::string_view::npos) refuse();
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<std::byte>(bits >> count));
    bits &= (1U << count) - 1;
  }
  if (bits != 0) refuse();  // of what is not a whole byte
  return out;
}

}  // namespace ebb
