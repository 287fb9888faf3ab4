#include "data/pictures/png.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include "data/pictures/exif.h"
#include "framework/tensor/error.h"

namespace ebb::detail {
namespace {

constexpr std::array<std::uint8_t, 8> signature{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
constexpr std::size_t stored_most = 65535;  // bytes of a stored block of deflate

struct Chunk {
  std::string type;
  std::span<const std::byte> data;
};

struct Header {
  std::int64_t width = 0, height = 0;
  std::uint32_t depth = 0, colour = 0;
  bool interlaced = false;

  bool palette() const { return colour == 3; }
  std::int64_t samples() const { return colour == 2 ? 3 : colour == 4 ? 2 : colour == 6 ? 4 : 1; }  // of a pixel
};

class PngChecker {
 public:
  explicit PngChecker(const EncodedPicture& picture) : picture_(picture) {}

  CheckedPicture check() {
    std::size_t at = signature.size();
    for (bool ended = false; !ended;) {
      const Chunk chunk = chunk_at(at);
      at += 12 + chunk.data.size();
      ended = chunk.type == "IEND";
      take(chunk);
    }
    if (compressed_.empty()) refuse("no pixels (chunk IDAT)", "some");
    if (header_->palette() && palette_.empty()) refuse("no palette (chunk PLTE)", "one in front of the pixels");
    return rebuilt();
  }

 private:
  [[noreturn]] void refuse(std::string_view got, std::string_view wanted, std::string_view remedy = {}) const {
    fail(picture_.name, text("a PNG with ", got), wanted,
         remedy.empty() ? "save it again, or download it again" : remedy);
  }

  Chunk chunk_at(std::size_t at) const {
    const std::size_t left = picture_.bytes.size() - at;
    if (left < 12) refuse("an end before its last chunk (IEND)", "a whole file");
    const std::size_t length = big_endian(picture_.bytes, at, 4);
    Chunk out;
    for (std::size_t i = 4; i < 8; ++i) {
      const char letter = static_cast<char>(picture_.bytes[at + i]);
      if (!((letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z')))
        refuse(text("a chunk at byte ", at, " whose type is not four letters"), "a chunk");
      out.type += letter;
    }
    if (length > left - 12) refuse(text("an end within chunk ", out.type), "a whole file");
    out.data = picture_.bytes.subspan(at + 8, length);
    const auto checked = picture_.bytes.subspan(at + 4, length + 4);
    if (crc32_z(0, reinterpret_cast<const Bytef*>(checked.data()), checked.size()) !=
        big_endian(picture_.bytes, at + 8 + length, 4))
      refuse(text("damaged bytes in chunk ", out.type), "bytes with the CRC-32 that stands behind them");
    return out;
  }

  void take(const Chunk& chunk) {
    if (!header_ && chunk.type != "IHDR") refuse(text("chunk ", chunk.type, " first"), "chunk IHDR first");
    if (chunk.type == "IHDR") take_header(chunk.data);
    else if (chunk.type == "PLTE") take_palette(chunk.data);
    else if (chunk.type == "tRNS") take_transparency(chunk.data);
    else if (chunk.type == "eXIf") orientation_ = exif_orientation(chunk.data);
    else if (chunk.type == "IDAT") take_pixels(chunk.data);
    else if (chunk.type == "acTL") refuse("an animation", "a still picture", "save one of its pictures as PNG");
    else if (chunk.type != "IEND" && chunk.type[0] >= 'A' && chunk.type[0] <= 'Z')
      refuse(text("the unknown critical chunk ", chunk.type), "chunks of the standard");
    if (chunk.type != "IDAT" && !compressed_.empty()) pixels_ended_ = true;
  }

  void take_header(std::span<const std::byte> data) {
    if (header_) refuse("two headers", "one");
    if (data.size() != 13) refuse(text("a header of ", data.size(), " bytes"), "13");
    Header h{.width = big_endian(data, 0, 4),
             .height = big_endian(data, 4, 4),
             .depth = big_endian(data, 8, 1),
             .colour = big_endian(data, 9, 1),
             .interlaced = big_endian(data, 12, 1) == 1};
    check_size(picture_, h.height, h.width);
    const bool small = h.depth == 1 || h.depth == 2 || h.depth == 4, whole = h.depth == 8, wide = h.depth == 16;
    const bool known = h.colour == 0   ? small || whole || wide
                       : h.colour == 3 ? small || whole
                                       : (h.colour == 2 || h.colour == 4 || h.colour == 6) && (whole || wide);
    if (!known) refuse(text("colour type ", h.colour, " of ", h.depth, " bits"), "a pair of the standard");
    if (big_endian(data, 10, 2) != 0) refuse("an unknown compression or filter", "those of the standard");
    if (big_endian(data, 12, 1) > 1) refuse("an unknown interlacing", "none or Adam7");
    header_ = h;
  }

  void take_palette(std::span<const std::byte> data) {
    if (!palette_.empty() || !compressed_.empty()) refuse("a second or late palette", "one in front of the pixels");
    if (data.empty() || data.size() % 3 != 0 || data.size() > 768)
      refuse(text("a palette of ", data.size(), " bytes"), "3 for each of 1 to 256 colours");
    if (header_->palette() && data.size() / 3 > std::size_t{1} << header_->depth)
      refuse(text("a palette of ", data.size() / 3, " colours"), "no more than an index can have");
    palette_ = data;
  }

  void take_transparency(std::span<const std::byte> data) {
    const Header& h = *header_;
    if (!transparency_.empty() || !compressed_.empty()) refuse("second or late transparency", "one before the pixels");
    const bool right = h.palette()     ? !data.empty() && data.size() <= palette_.size() / 3
                       : h.colour == 0 ? data.size() == 2
                                       : h.colour == 2 && data.size() == 6;
    if (!right) refuse(text("transparency of ", data.size(), " bytes"), "what its kind has");
    transparency_ = data;
  }

  void take_pixels(std::span<const std::byte> data) {
    if (pixels_ended_) refuse("pixels in two places", "all IDAT chunks in a row");
    if (!data.empty()) compressed_.push_back(data);
  }

  // Bytes of the pixels: each row begins with the number of its filter.
  std::size_t inflated_size() const {
    const Header& h = *header_;
    const auto rows = [&](std::int64_t width, std::int64_t height) {
      const std::int64_t bits = width * h.samples() * static_cast<std::int64_t>(h.depth);
      return width > 0 && height > 0 ? static_cast<std::size_t>(height * (1 + (bits + 7) / 8)) : 0;
    };
    if (!h.interlaced) return rows(h.width, h.height);
    struct Pass {
      std::int64_t x, y, every_x, every_y;
    };
    constexpr std::array<Pass, 7> adam7{
        {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};
    std::size_t sum = 0;
    for (const Pass& p : adam7)
      sum += rows((h.width - p.x + p.every_x - 1) / p.every_x, (h.height - p.y + p.every_y - 1) / p.every_y);
    return sum;
  }

  PictureBytes inflated() const {
    const std::size_t size = inflated_size();
    std::size_t packed = 0;
    for (const auto& part : compressed_) packed += part.size();
    constexpr std::size_t best_ratio = 1040;  // of deflate, rounded up
    if (size / best_ratio > packed) refuse("fewer pixels than it announces", "all of them");
    PictureBytes out(size + 1);  // the byte more tells who has too many
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) fail(picture_.name, "a refusal of zlib to start", "memory for it");
    const std::unique_ptr<z_stream, decltype(&inflateEnd)> closer(&stream, inflateEnd);
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    int result = Z_OK;
    for (const auto& part : compressed_) {
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(part.data()));
      stream.avail_in = static_cast<uInt>(part.size());
      while (result == Z_OK && stream.avail_in > 0) result = inflate(&stream, Z_NO_FLUSH);
    }
    if (stream.total_out > size) refuse("more pixels than it announces", "as many");
    if (result != Z_STREAM_END && result != Z_OK && result != Z_BUF_ERROR)
      refuse(text("damaged pixels (", stream.msg != nullptr ? stream.msg : "zlib error", ")"), "a deflate stream");
    if (result != Z_STREAM_END || stream.total_out < size) refuse("fewer pixels than it announces", "all of them");
    out.resize(size);
    return out;
  }

  CheckedPicture rebuilt() const {
    const Header& h = *header_;
    const bool alpha = !transparency_.empty();
    const PictureBytes pixels = inflated();
    CheckedPicture out;
    out.height = h.height;
    out.width = h.width;
    out.orientation = orientation_;
    out.channels = (h.palette() ? 3 : h.samples()) + (alpha ? 1 : 0);
    out.bytes.reserve(stored_size(pixels.size()) + 2048);  // the other chunks have less
    for (const std::uint8_t byte : signature) out.bytes.push_back(std::byte{byte});
    put_chunk(out.bytes, "IHDR", picture_.bytes.subspan(16, 13));
    if (h.palette()) {
      std::vector<std::byte> all(3 * (std::size_t{1} << h.depth));
      std::ranges::copy(palette_, all.begin());
      put_chunk(out.bytes, "PLTE", all);
    }
    if (alpha) put_chunk(out.bytes, "tRNS", transparency_);
    put_beginning(out.bytes, "IDAT", stored_size(pixels.size()));
    put_stored(out.bytes, pixels);
    put_number(out.bytes, 0);
    put_chunk(out.bytes, "IEND", {});
    const std::size_t pixel_bytes =
        static_cast<std::size_t>(h.height * h.width * out.channels) * (h.depth == 16 ? 5 : 3);
    out.most_bytes = 4 * out.bytes.size() + pixel_bytes + (std::size_t{1} << 16);
    return out;
  }

  static void put_number(PictureBytes& into, std::size_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) into.push_back(static_cast<std::byte>(value >> shift & 0xFF));
  }

  static void put_beginning(PictureBytes& into, std::string_view type, std::size_t length) {
    put_number(into, length);
    for (const char letter : type) into.push_back(static_cast<std::byte>(letter));
  }

  // The decoder looks at no checksum; theirs were compared above.
  static void put_chunk(PictureBytes& into, std::string_view type, std::span<const std::byte> data) {
    put_beginning(into, type, data.size());
    into.insert(into.end(), data.begin(), data.end());
    put_number(into, 0);
  }

  // Of so many bytes as put_stored() writes them.
  static std::size_t stored_size(std::size_t bytes) {
    return bytes + 5 * ((bytes + stored_most - 1) / stored_most) + 6;
  }

  // Blocks of deflate (RFC 1951, 3.2.4) that hold the bytes as they are.
  static void put_stored(PictureBytes& out, std::span<const std::byte> bytes) {
    out.push_back(std::byte{0x78});
    out.push_back(std::byte{0x01});
    for (std::size_t at = 0; at < bytes.size(); at += stored_most) {
      const std::size_t count = std::min(stored_most, bytes.size() - at);
      const std::size_t inverse = ~count & 0xFFFF;
      out.push_back(static_cast<std::byte>(at + count == bytes.size()));
      for (const std::size_t number : {count, inverse}) {
        out.push_back(static_cast<std::byte>(number & 0xFF));
        out.push_back(static_cast<std::byte>(number >> 8));
      }
      const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(count));
    }
    put_number(out, 0);
  }

  const EncodedPicture& picture_;
  std::optional<Header> header_;
  std::span<const std::byte> palette_, transparency_;
  std::vector<std::span<const std::byte>> compressed_;
  int orientation_ = 1;
  bool pixels_ended_ = false;
};

}  // namespace

bool is_png(std::span<const std::byte> bytes) {
  return bytes.size() >= signature.size() &&
         std::ranges::equal(bytes.first(signature.size()), signature,
                            [](std::byte a, std::uint8_t b) { return a == std::byte{b}; });
}

CheckedPicture check_png(const EncodedPicture& picture) { return PngChecker(picture).check(); }

}  // namespace ebb::detail
