#include "tests/fuzz/packing.h"

#include <algorithm>

namespace ebb::fuzz {
namespace {

void put_little(Bytes& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> 8 * i & 0xFF));
}

Bytes stored(const Bytes& plain) {
  Bytes out;
  for (const int byte : {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3}) out.push_back(static_cast<std::byte>(byte));
  std::size_t at = 0;
  do {
    const std::size_t size = std::min<std::size_t>(plain.size() - at, 0xFFFF);
    out.push_back(static_cast<std::byte>(at + size == plain.size() ? 1 : 0));
    put_little(out, static_cast<std::uint32_t>(size), 2);
    put_little(out, static_cast<std::uint32_t>(~size), 2);
    out.insert(out.end(), plain.begin() + static_cast<std::ptrdiff_t>(at),
               plain.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
  } while (at < plain.size());
  const auto* const bytes = reinterpret_cast<const Bytef*>(plain.data());
  put_little(out, static_cast<std::uint32_t>(::crc32(0, bytes, static_cast<uInt>(plain.size()))), 4);
  put_little(out, static_cast<std::uint32_t>(plain.size()), 4);
  return out;
}

}  // namespace

Bytes packed(const Bytes& plain, int level) { return level == 0 ? stored(plain) : test::gzip(plain, level); }

std::optional<Bytes> inflated(const Bytes& input) {
  z_stream stream{};
  if (inflateInit2(&stream, 31) != Z_OK) return std::nullopt;
  Bytes copy = input, out(std::max<std::size_t>(256, 2 * input.size()));
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = static_cast<uInt>(copy.size());
  int status = Z_OK;
  while (status == Z_OK && out.size() <= largest) {
    if (stream.total_out == out.size()) out.resize(4 * out.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data()) + stream.total_out;
    stream.avail_out = static_cast<uInt>(out.size() - stream.total_out);
    status = inflate(&stream, Z_NO_FLUSH);
  }
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return status == Z_STREAM_END ? std::optional(out) : std::nullopt;
}

void mutate_packed(Bytes& input, Dice& dice, const Blindly& blindly, const Blindly& change) {
  if (!looks_packed(input)) {
    change(input);
    if (dice.chance(20)) input = packed(input, 0);
    return;
  }
  const std::optional<Bytes> plain = dice.chance(20) ? std::nullopt : inflated(input);
  if (!plain) return blindly(input);
  Bytes inside = *plain;
  if (dice.chance(5)) {
    input = inside;
    return;
  }
  change(inside);
  input = packed(inside, dice.chance(95) ? 0 : 1);
}

}  // namespace ebb::fuzz
