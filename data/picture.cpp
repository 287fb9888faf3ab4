#include "data/picture.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "data/pictures/decode.h"
#include "data/pictures/jpeg.h"
#include "data/pictures/pixels.h"
#include "data/pictures/png.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace detail {

void check_size(const EncodedPicture& picture, std::int64_t height, std::int64_t width) {
  if (height < 1 || width < 1 || height > longest_picture_side || width > longest_picture_side)
    fail(picture.name, text("a picture of ", width, " x ", height, " pixels"),
         text("sides of 1 to ", longest_picture_side), "make it smaller");
  if (height * width > picture.most_pixels)
    fail(picture.name, text("a picture of ", width, " x ", height, " pixels"),
         text("at most ", picture.most_pixels, " in all"), "make it smaller, or allow more pixels");
}

std::uint32_t big_endian(std::span<const std::byte> from, std::size_t at, std::size_t bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<std::uint32_t>(from[at + i]);
  return value;
}

}  // namespace detail

namespace {

constexpr std::size_t most_bytes = std::size_t{32} << 20;

detail::PictureBytes contents(ByteSource& source) {
  constexpr std::size_t piece = std::size_t{1} << 16;
  detail::PictureBytes out;
  for (;;) {
    const std::size_t had = out.size();
    out.resize(had + piece);
    const std::size_t count = source.read(std::span(out).subspan(had));
    out.resize(had + count);
    if (count == 0) return out;
    if (out.size() > most_bytes)
      fail(source.name(), text("more than ", most_bytes >> 20, " MiB"), "a picture of at most that", "make it smaller");
  }
}

// What bytes are that are neither PNG nor JPEG, for messages.
std::string_view kind_of(std::string_view bytes) {
  struct Sign {
    std::size_t at;
    std::string_view begin, name;
  };
  using std::string_view_literals::operator""sv;
  constexpr Sign signs[] = {{0, "GIF8"sv, "a GIF"},
                            {8, "WEBP"sv, "a WebP picture"},
                            {0, "BM"sv, "a BMP picture"},
                            {4, "ftypheic"sv, "a HEIC picture"},
                            {4, "ftypheix"sv, "a HEIC picture"},
                            {4, "ftypmif1"sv, "a HEIF picture"},
                            {4, "ftypavif"sv, "an AVIF picture"},
                            {4, "ftyp"sv, "a film"},
                            {0, "II*\0"sv, "a TIFF picture"},
                            {0, "MM\0*"sv, "a TIFF picture"},
                            {0, "8BPS"sv, "a Photoshop document"},
                            {0, "%PDF"sv, "a PDF document"},
                            {0, "\xFF\x0A"sv, "a JPEG XL picture"},
                            {4, "JXL "sv, "a JPEG XL picture"},
                            {4, "jP  "sv, "a JPEG 2000 picture"},
                            {0, "PK\3\4"sv, "a ZIP archive"},
                            {0, "\x1F\x8B"sv, "a gzip file"},
                            {0, "P5"sv, "a PNM picture"},
                            {0, "P6"sv, "a PNM picture"},
                            {0, "<?xml"sv, "an XML or SVG file"},
                            {0, "<svg"sv, "an SVG picture"},
                            {0, "<!"sv, "a web page (HTML)"},
                            {0, "<html"sv, "a web page (HTML)"},
                            {0, "<HTML"sv, "a web page (HTML)"}};
  for (const Sign& sign : signs)
    if (bytes.size() > sign.at && bytes.substr(sign.at).starts_with(sign.begin)) return sign.name;
  return "bytes that no picture begins with";
}

// What of a file may be decoded. Its bytes have gone when this returns: they can be as many as those of the pixels.
detail::CheckedPicture checked_picture(ByteSource& source, const PictureOptions& options) {
  const detail::PictureBytes bytes = contents(source);
  if (bytes.empty()) fail(source.name(), "nothing (0 bytes)", "a PNG or JPEG picture");
  const detail::EncodedPicture encoded{
      .bytes = bytes, .name = source.name(), .most_pixels = std::clamp<std::int64_t>(options.most_pixels, 1, 1 << 24)};
  const bool png = detail::is_png(bytes);
  if (!png && !detail::is_jpeg(bytes))
    fail(source.name(), kind_of({reinterpret_cast<const char*>(bytes.data()), std::min<std::size_t>(64, bytes.size())}),
         "a PNG or JPEG picture", "convert it to PNG");
  return png ? detail::check_png(encoded) : detail::check_jpeg(encoded);
}

}  // namespace

Tensor read_picture(ByteSource& source, const PictureOptions& options) {
  detail::CheckedPicture checked = checked_picture(source, options);
  const Tensor pixels = detail::decode(checked, source.name());
  checked.bytes = {};
  return detail::oriented(detail::without_alpha(pixels, options.background), checked.orientation);
}

Tensor with_channels(const Tensor& picture, std::int64_t channels) {
  require_defined("picture", "picture", picture);
  const std::int64_t has = picture.rank() == 3 ? picture.dim(2) : 0;
  if (picture.dtype() != DType::u8 || (has != 1 && has != 3))
    fail("picture", text(picture.shape(), " of ", picture.dtype()), "[height, width, 1 or 3] of u8");
  if (channels != 1 && channels != 3) fail("picture", text(channels, " channels"), "1 or 3");
  if (has == channels) return picture;
  const std::int64_t pixels = picture.dim(0) * picture.dim(1);
  Tensor out({picture.dim(0), picture.dim(1), channels}, DType::u8);
  const std::uint8_t* const from = picture.data<std::uint8_t>();
  std::uint8_t* const into = out.mutable_data<std::uint8_t>();
  for (std::int64_t i = 0; i < pixels; ++i) {
    if (channels == 3) std::fill_n(into + 3 * i, 3, from[i]);
    else
      into[i] = static_cast<std::uint8_t>(
          (19595U * from[3 * i] + 38470U * from[3 * i + 1] + 7471U * from[3 * i + 2] + 32768U) >> 16);
  }
  return out;
}

}  // namespace ebb
