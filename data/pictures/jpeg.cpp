#include "data/pictures/jpeg.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "data/pictures/exif.h"
#include "framework/tensor/error.h"

namespace ebb::detail {
namespace {

// Second bytes of markers.
constexpr std::uint32_t start = 0xD8, end = 0xD9, scan = 0xDA, application_1 = 0xE1, arithmetic_tables = 0xCC,
                        huffman_tables = 0xC4, extension = 0xC8;

bool is_frame(std::uint32_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != huffman_tables && marker != extension &&
         marker != arithmetic_tables;
}

class JpegChecker {
 public:
  explicit JpegChecker(const EncodedPicture& picture) : picture_(picture) {}

  CheckedPicture check() {
    std::size_t at = 2;
    for (;;) {
      const std::uint32_t marker = marker_at(at);
      if (marker == end) break;
      if (marker == start) refuse("two starts", "one picture");
      const std::size_t length = number(at, 2);
      if (length < 2 || length > left(at)) refuse(text("a segment at byte ", at, " that ends outside"), "a whole file");
      const auto data = picture_.bytes.subspan(at + 2, length - 2);
      at += length;
      if (is_frame(marker)) take_frame(marker, data);
      else if (marker == arithmetic_tables) refuse("arithmetic coding", "Huffman coding");
      else if (marker == huffman_tables) check_tables(data);
      else if (marker == application_1) take_exif(data);
      else if (marker == scan) take_scan(at);
    }
    if (scans_ == 0) refuse("no pixels", "some");
    out_.bytes.assign(picture_.bytes.begin(), picture_.bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view got, std::string_view wanted, std::string_view remedy = {}) const {
    fail(picture_.name, text("a JPEG with ", got), wanted,
         remedy.empty() ? "save it again, or download it again" : remedy);
  }

  std::size_t left(std::size_t at) const { return picture_.bytes.size() - at; }

  std::uint32_t number(std::size_t at, std::size_t bytes) const {
    if (left(at) < bytes) refuse("an end before its last marker", "a whole file");
    return big_endian(picture_.bytes, at, bytes);
  }

  // The marker at `at`, behind which it leaves `at`. Any number of bytes 0xFF may fill the place in front of it.
  std::uint32_t marker_at(std::size_t& at) const {
    if (number(at, 1) != 0xFF) refuse(text("no marker at byte ", at), "a marker");
    while (number(at, 1) == 0xFF) ++at;
    return number(at++, 1);
  }

  void take_frame(std::uint32_t marker, std::span<const std::byte> data) {
    constexpr std::string_view remedy = "save it as baseline or progressive JPEG, or as PNG";
    if (out_.height > 0) refuse("two frames", "one");
    if (marker > 0xC2)
      refuse(marker >= 0xC9 ? "arithmetic coding" : "lossless or hierarchical coding", "baseline or progressive coding",
             remedy);
    if (data.size() < 6) refuse("a header cut short", "a whole one");
    const std::uint32_t bits = big_endian(data, 0, 1), components = big_endian(data, 5, 1);
    if (bits != 8) refuse(text(bits, " bits"), "8", remedy);
    if (components == 4) refuse("four colours (CMYK)", "grey or RGB", "save it in RGB");
    if (components != 1 && components != 3) refuse(text(components, " colours"), "grey or RGB", remedy);
    if (data.size() != 6 + 3 * components) refuse(text("a header of ", data.size(), " bytes"), "one of its length");
    out_.height = big_endian(data, 1, 2);
    out_.width = big_endian(data, 3, 2);
    check_size(picture_, out_.height, out_.width);
    out_.channels = components;
    // The decoder holds each colour in whole blocks of up to 32 pixels as bytes, if progressive as 16-bit coefficients
    // too, beside the result.
    const auto padded = static_cast<std::size_t>((out_.height + 31) * (out_.width + 31));
    out_.most_bytes = padded * components * 4 + (std::size_t{1} << 18);
  }

  // Tables of codes (B.2.4.2): the decoder believes their counts.
  void check_tables(std::span<const std::byte> data) const {
    constexpr std::size_t head = 17, most_codes = 256, most_bits = 15;
    for (std::size_t at = 0; at < data.size();) {
      if (data.size() - at < head) refuse("a table of codes cut short", "a whole one");
      const bool direct = big_endian(data, at, 1) >> 4 == 0;  // of DC coefficients: values are numbers of bits
      std::size_t codes = 0, room = 1;                        // room: codes of this length that are not taken
      for (std::size_t length = 1; length <= 16; ++length) {
        const std::size_t count = big_endian(data, at + length, 1);
        room *= 2;
        if (count > room) refuse("more codes of a length than there can be", "a table of prefix codes");
        room -= count;
        codes += count;
      }
      at += head;
      if (codes > most_codes || codes > data.size() - at)
        refuse(text("a table of ", codes, " codes"), "at most 256, which stand in it");
      for (std::size_t i = 0; direct && i < codes; ++i)
        if (big_endian(data, at + i, 1) > most_bits) refuse("a number of more than 15 bits", "at most that");
      at += codes;
    }
  }

  void take_exif(std::span<const std::byte> data) {
    constexpr std::array<char, 6> sign{'E', 'x', 'i', 'f', 0, 0};
    if (data.size() < sign.size()) return;
    if (std::ranges::equal(data.first(sign.size()), sign, [](std::byte a, char b) { return a == std::byte(b); }))
      out_.orientation = exif_orientation(data.subspan(sign.size()));
  }

  // Goes on to the next marker: within the coded pixels 0xFF is followed by 0 or by the number of a restart.
  void take_scan(std::size_t& at) {
    // Programs write some ten; each may make the decoder walk over the whole picture.
    constexpr int most_scans = 64;
    if (out_.height == 0) refuse("pixels in front of the header", "the header first");
    if (++scans_ > most_scans) refuse(text("more than ", most_scans, " scans"), "fewer");
    for (;; ++at) {
      if (number(at, 1) != 0xFF) continue;
      const std::uint32_t next = number(at + 1, 1);
      if (next != 0 && (next < 0xD0 || next > 0xD7) && next != 0xFF) return;
    }
  }

  const EncodedPicture& picture_;
  CheckedPicture out_;
  int scans_ = 0;
};

}  // namespace

bool is_jpeg(std::span<const std::byte> bytes) {
  return bytes.size() >= 3 && big_endian(bytes, 0, 3) == (0xFF0000 | start << 8 | 0xFF);
}

CheckedPicture check_jpeg(const EncodedPicture& picture) { return JpegChecker(picture).check(); }

}  // namespace ebb::detail
