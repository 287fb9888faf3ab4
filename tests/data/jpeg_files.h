// JPEG files made by hand: baseline, every colour in full, an orientation as cameras note it.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "framework/tensor/tensor.h"
#include "tests/data/png_files.h"

namespace ebb::test {

namespace jpeg {

constexpr std::array<std::size_t, 64> zigzag{0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                             12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                             35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                             58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};
constexpr int step = 8;  // of the quantiser, the same for all coefficients

// Bits of the coded pixels; a byte 0xFF is followed by 0.
class BitWriter {
 public:
  explicit BitWriter(Bytes& into) : into_(into) {}
  void put(std::uint32_t bits, int count) {
    for (int i = count - 1; i >= 0; --i) {
      byte_ = byte_ << 1 | (bits >> i & 1);
      if (++filled_ == 8) flush();
    }
  }
  void finish() {
    while (filled_ != 0) put(1, 1);
  }

 private:
  void flush() {
    into_.push_back(static_cast<std::byte>(byte_));
    if (byte_ == 0xFF) into_.push_back(std::byte{0});
    byte_ = 0;
    filled_ = 0;
  }
  Bytes& into_;
  std::uint32_t byte_ = 0;
  int filled_ = 0;
};

inline void put_segment(Bytes& into, int marker, const Bytes& data) {
  into.push_back(std::byte{0xFF});
  into.push_back(static_cast<std::byte>(marker));
  put_big_endian(into, data.size() + 2, 2);
  into.insert(into.end(), data.begin(), data.end());
}

// Codes of one length: that of symbol number i is i. DC: numbers of bits 0 .. 11, in 4 bits each. AC: the end of a
// block, 16 zeros, and each pair of up to 15 zeros and 1 .. 10 bits, in 8 bits each.
inline Bytes code_table(bool direct) {
  Bytes out{direct ? std::byte{0x00} : std::byte{0x10}};
  for (int length = 1; length <= 16; ++length)
    out.push_back(static_cast<std::byte>(direct ? (length == 4 ? 12 : 0) : (length == 8 ? 162 : 0)));
  if (direct)
    for (int bits = 0; bits < 12; ++bits) out.push_back(static_cast<std::byte>(bits));
  else {
    out.push_back(std::byte{0x00});
    out.push_back(std::byte{0xF0});
    for (int zeros = 0; zeros < 16; ++zeros)
      for (int bits = 1; bits <= 10; ++bits) out.push_back(static_cast<std::byte>(zeros << 4 | bits));
  }
  return out;
}

// How many bits a number has, and those bits as JPEG writes them (F.1.2.1).
inline int bits_of(int value) {
  int bits = 0;
  for (int rest = std::abs(value); rest > 0; rest /= 2) ++bits;
  return bits;
}
inline void put_number(BitWriter& writer, int value) {
  const int bits = bits_of(value);
  writer.put(static_cast<std::uint32_t>(value < 0 ? value + (1 << bits) - 1 : value), bits);
}

// The quantised cosine transform of 8 x 8 values.
inline std::array<int, 64> transformed(const std::array<double, 64>& block) {
  static const std::array<double, 64> waves = [] {
    std::array<double, 64> out{};
    for (std::size_t u = 0; u < 8; ++u)
      for (std::size_t x = 0; x < 8; ++x)
        out[8 * u + x] =
            (u == 0 ? std::sqrt(0.125) : 0.5) * std::cos(static_cast<double>((2 * x + 1) * u) * std::numbers::pi / 16);
    return out;
  }();
  std::array<double, 64> rows{};
  for (std::size_t y = 0; y < 8; ++y)
    for (std::size_t u = 0; u < 8; ++u)
      for (std::size_t x = 0; x < 8; ++x) rows[8 * y + u] += waves[8 * u + x] * block[8 * y + x];
  std::array<int, 64> out{};
  for (std::size_t v = 0; v < 8; ++v)
    for (std::size_t u = 0; u < 8; ++u) {
      double sum = 0;
      for (std::size_t y = 0; y < 8; ++y) sum += waves[8 * v + y] * rows[8 * y + u];
      out[8 * v + u] = static_cast<int>(std::lround(sum / step));
    }
  return out;
}

inline void put_block(BitWriter& writer, const std::array<int, 64>& block, int& direct) {
  writer.put(static_cast<std::uint32_t>(bits_of(block[0] - direct)), 4);
  put_number(writer, block[0] - direct);
  direct = block[0];
  int zeros = 0;
  for (std::size_t i = 1; i < 64; ++i) {
    const int value = block[zigzag[i]];
    if (value == 0) {
      ++zeros;
      continue;
    }
    for (; zeros > 15; zeros -= 16) writer.put(1, 8);
    writer.put(static_cast<std::uint32_t>(2 + 10 * zeros + bits_of(value) - 1), 8);
    put_number(writer, value);
    zeros = 0;
  }
  if (zeros > 0) writer.put(0, 8);
}

}  // namespace jpeg

// A picture [height, width, 1 or 3] of u8 as it is stored. \param orientation EXIF's, 1 to 8; 0: no note.
inline Bytes jpeg_file(const Tensor& picture, int orientation = 0) {
  const std::int64_t height = picture.dim(0), width = picture.dim(1), colours = picture.dim(2);
  Bytes out{std::byte{0xFF}, std::byte{0xD8}};
  if (orientation > 0) {
    Bytes note = bytes_of(std::string_view("Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01", 24));
    put_big_endian(note, static_cast<std::uint64_t>(orientation), 2);
    put_big_endian(note, 0, 6);  // the entry's other half, and no further directory
    jpeg::put_segment(out, 0xE1, note);
  }
  jpeg::put_segment(out, 0xDB, Bytes(65, std::byte{jpeg::step}));
  out[out.size() - 65] = std::byte{0};  // number and precision of the table
  Bytes frame{std::byte{8}};
  put_big_endian(frame, static_cast<std::uint64_t>(height), 2);
  put_big_endian(frame, static_cast<std::uint64_t>(width), 2);
  put_big_endian(frame, static_cast<std::uint64_t>(colours), 1);
  Bytes scan{static_cast<std::byte>(colours)};
  for (int c = 1; c <= static_cast<int>(colours); ++c) {
    for (const int value : {c, 0x11, 0}) frame.push_back(static_cast<std::byte>(value));
    for (const int value : {c, 0}) scan.push_back(static_cast<std::byte>(value));
  }
  for (const int value : {0, 63, 0}) scan.push_back(static_cast<std::byte>(value));
  jpeg::put_segment(out, 0xC0, frame);
  for (const bool direct : {true, false}) jpeg::put_segment(out, 0xC4, jpeg::code_table(direct));
  jpeg::put_segment(out, 0xDA, scan);

  jpeg::BitWriter writer(out);
  std::array<int, 3> direct{};
  const std::uint8_t* const pixels = picture.data<std::uint8_t>();
  for (std::int64_t top = 0; top < height; top += 8)
    for (std::int64_t left = 0; left < width; left += 8)
      for (std::int64_t c = 0; c < colours; ++c) {
        std::array<double, 64> block{};
        for (std::int64_t i = 0; i < 64; ++i) {
          const std::int64_t y = std::min(height - 1, top + i / 8), x = std::min(width - 1, left + i % 8);
          const std::uint8_t* const p = pixels + (y * width + x) * colours;
          const double value = colours == 1 ? p[0]
                               : c == 0     ? 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]
                               : c == 1     ? 128 - 0.168736 * p[0] - 0.331264 * p[1] + 0.5 * p[2]
                                            : 128 + 0.5 * p[0] - 0.418688 * p[1] - 0.081312 * p[2];
          block[static_cast<std::size_t>(i)] = value - 128;
        }
        jpeg::put_block(writer, jpeg::transformed(block), direct[static_cast<std::size_t>(c)]);
      }
  writer.finish();
  out.push_back(std::byte{0xFF});
  out.push_back(std::byte{0xD9});
  return out;
}

}  // namespace ebb::test
