// Pictures: Pillow's pixels, sizes and orientations, and everything that is no picture.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "data/picture.h"
#include "data/resize.h"
#include "framework/io/safetensors.h"
#include "tests/data/png_files.h"
#include "tests/support/allocations.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_directory.h"

namespace ebb {
namespace {

using test::Bytes;
using test::bytes_of;
using test::fails_with;

Tensor read(std::span<const std::byte> bytes, const PictureOptions& options = {}) {
  MemorySource source(bytes, "picture");
  return read_picture(source, options);
}

std::vector<int> pixels_of(const Tensor& picture) {
  const auto all = picture.span<std::uint8_t>();
  return {all.begin(), all.end()};
}

TensorFile load_golden(const char* name) {
  return load_safetensors(std::filesystem::path(EBB_SOURCE_DIR) / "tests" / "golden" / name);
}

// Pictures of the golden file, with what Pillow shows.
struct Golden {
  std::string name;
  Bytes file;
  Tensor wanted;
  int tolerance;
};

std::vector<Golden> golden(const char* file_name = "pictures.safetensors") {
  const TensorFile all = load_golden(file_name);
  const Tensor table = all.tensors.at("table");
  const auto files = all.tensors.at("files").bytes(), pixels = all.tensors.at("pixels").bytes();
  const std::string names = test::text_of(all.tensors.at("names").bytes());
  std::vector<Golden> out;
  std::size_t name = 0;
  for (std::int64_t i = 0; i < table.dim(0); ++i) {
    const std::int64_t* const row = table.data<std::int64_t>() + 7 * i;
    const auto file = files.subspan(static_cast<std::size_t>(row[0]), static_cast<std::size_t>(row[1]));
    Tensor wanted({row[3], row[4], row[5]}, DType::u8);
    std::ranges::copy(pixels.subspan(static_cast<std::size_t>(row[2]), static_cast<std::size_t>(wanted.size())),
                      wanted.mutable_bytes().begin());
    const std::size_t end = std::min(names.find('\n', name), names.size());
    out.push_back({names.substr(name, end - name), {file.begin(), file.end()}, wanted, static_cast<int>(row[6])});
    name = end + 1;
  }
  return out;
}

// Compares with what Pillow shows.
void look_at(const std::vector<Golden>& pictures) {
  double jpeg_sum = 0, jpeg_count = 0;
  for (const Golden& picture : pictures) {
    const Tensor got = read(picture.file);
    BOOST_REQUIRE_MESSAGE(got.shape() == picture.wanted.shape(), picture.name);
    int largest = 0;
    for (std::int64_t i = 0; i < got.size(); ++i) {
      const int off = std::abs(int{got.data<std::uint8_t>()[i]} - int{picture.wanted.data<std::uint8_t>()[i]});
      largest = std::max(largest, off);
      if (picture.name.starts_with("jpeg")) jpeg_sum += off, jpeg_count += 1;
    }
    BOOST_TEST(largest <= picture.tolerance, picture.name << ": " << largest);
  }
  BOOST_TEST(jpeg_sum / jpeg_count < 0.2);
}

BOOST_AUTO_TEST_SUITE(pictures)

BOOST_AUTO_TEST_CASE(four_hundred_pictures_are_those_that_pillow_shows) {
  const std::vector<Golden> all = golden();
  BOOST_TEST(all.size() == 400U);
  look_at(all);
}

BOOST_AUTO_TEST_CASE(large_pictures_are_those_that_pillow_shows) {
  const std::vector<Golden> all = golden("large_pictures.safetensors");
  BOOST_TEST(all.size() == 4U);
  for (const Golden& picture : all) BOOST_TEST(picture.wanted.dim(0) + picture.wanted.dim(1) >= 498);
  look_at(all);
}

BOOST_AUTO_TEST_CASE(two_hundred_sizes_are_those_of_pillow) {
  const TensorFile all = load_golden("resized.safetensors");
  const Tensor table = all.tensors.at("table");
  BOOST_TEST(table.dim(0) == 200);
  for (std::int64_t i = 0; i < table.dim(0); ++i) {
    const std::int64_t* const row = table.data<std::int64_t>() + 7 * i;
    Tensor picture({row[0], row[1], row[2]}, DType::u8);
    std::uint8_t* into = picture.mutable_data<std::uint8_t>();
    for (std::int64_t y = 0; y < row[0]; ++y)
      for (std::int64_t x = 0; x < row[1]; ++x)
        for (std::int64_t c = 0; c < row[2]; ++c)
          *into++ = static_cast<std::uint8_t>((x * x * 3 + y * 7 + x * y * 5 + c * 41 + (x / 5 + y / 3) * 90) % 256);
    constexpr std::array fits{Fit::crop, Fit::pad, Fit::stretch};
    const Tensor got = resize(picture, row[3], row[4], {.fit = fits.at(static_cast<std::size_t>(row[5]))});
    const std::uint8_t* const wanted = all.tensors.at("pixels").data<std::uint8_t>() + row[6];
    int largest = 0;
    for (std::int64_t p = 0; p < got.size(); ++p)
      largest = std::max(largest, std::abs(int{got.data<std::uint8_t>()[p]} - int{wanted[p]}));
    BOOST_TEST(largest <= 1, "pair " << i << ": " << picture.shape() << " to " << got.shape() << ", fit " << row[5]);
  }
}

BOOST_AUTO_TEST_CASE(sizes_at_their_ends) {
  const Tensor line = Tensor::full({1, 4096, 1}, 7, DType::u8);
  BOOST_TEST(resize(line, 4096, 1).span<std::uint8_t>()[4095] == 7);  // whole it would have 16 million columns
  BOOST_TEST(pixels_of(resize(Tensor::full({2, 2, 3}, 9, DType::u8), 1, 3,
                              {.fit = Fit::pad, .background = {1, 2, 3}})) == (std::vector{1, 2, 3, 9, 9, 9, 1, 2, 3}),
             boost::test_tools::per_element());
  const Tensor same = Tensor::from({std::uint8_t{1}, std::uint8_t{250}}, {1, 2, 1});
  BOOST_TEST(pixels_of(resize(same, 1, 2)) == pixels_of(same), boost::test_tools::per_element());
  BOOST_TEST(fails_with({"resize", "a side of 0", "1 to 4096"}, [&] { resize(same, 0, 4); }));
  BOOST_TEST(fails_with({"a side of 4097"}, [&] { resize(same, 4, 4097); }));
  BOOST_TEST(fails_with({"[2, 2]"}, [] { resize(Tensor::zeros({2, 2}, DType::u8), 4, 4); }));
  BOOST_TEST(fails_with({"f32"}, [] { resize(Tensor::zeros({2, 2, 3}), 4, 4); }));
}

BOOST_AUTO_TEST_CASE(transparent_pixels_lie_on_the_background) {
  // Grey 100 at alpha 0, 51 and 255.
  const Bytes file = test::png_file(test::png_header(3, 1, 8, 4), bytes_of(std::string_view("\0d\0d3d\xFF", 7)));
  BOOST_TEST(pixels_of(read(file)) == (std::vector{255, 224, 100}), boost::test_tools::per_element());
  BOOST_TEST(pixels_of(read(file, {.background = {0, 0, 0}})) == (std::vector{0, 20, 100}),
             boost::test_tools::per_element());
  BOOST_TEST(pixels_of(read(file, {.background = {200, 0, 0}})) == (std::vector{200, 0, 0, 180, 20, 20, 100, 100, 100}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(grey_and_colour) {
  Tensor colours({1, 3, 3}, DType::u8);
  std::ranges::copy(std::array<std::uint8_t, 9>{255, 0, 0, 0, 255, 0, 10, 20, 30},
                    colours.mutable_data<std::uint8_t>());
  const Tensor grey = with_channels(colours, 1);
  BOOST_TEST(pixels_of(grey) == (std::vector{76, 150, 18}), boost::test_tools::per_element());
  BOOST_TEST(pixels_of(with_channels(grey, 3)) == (std::vector{76, 76, 76, 150, 150, 150, 18, 18, 18}),
             boost::test_tools::per_element());
  BOOST_TEST(with_channels(grey, 1).shares(grey));
  BOOST_TEST(fails_with({"2 channels", "1 or 3"}, [&] { with_channels(grey, 2); }));
  BOOST_TEST(fails_with({"[1, 3, 2]"}, [] { with_channels(Tensor::zeros({1, 3, 2}, DType::u8), 1); }));
}

BOOST_AUTO_TEST_CASE(what_is_no_picture_is_named) {
  const auto refusal = [](std::string_view bytes) { return test::message_of([&] { read(bytes_of(bytes)); }); };
  const auto has = [](const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; };
  using std::string_view_literals::operator""sv;
  for (const auto& [bytes, name] :
       std::vector<std::pair<std::string_view, std::string_view>>{{"GIF89a......", "a GIF"},
                                                                  {"RIFF\1\0\0\0WEBPVP8 "sv, "WebP"},
                                                                  {"BM\x36\0\0"sv, "BMP"},
                                                                  {"\0\0\0\x18"
                                                                   "ftypheic"sv,
                                                                   "HEIC"},
                                                                  {"\0\0\0\x1C"
                                                                   "ftypavif"sv,
                                                                   "AVIF"},
                                                                  {"II*\0...."sv, "TIFF"},
                                                                  {"<!DOCTYPE html><html>", "HTML"},
                                                                  {"<svg xmlns=", "SVG"},
                                                                  {"%PDF-1.7", "PDF"},
                                                                  {"hello, world", "no picture"}}) {
    const std::string said = refusal(bytes);
    BOOST_TEST(has(said, name), said);
    BOOST_TEST(has(said, "PNG or JPEG"), said);
    BOOST_TEST(has(said, "convert it to PNG"), said);
  }
  BOOST_TEST(has(refusal(""), "0 bytes"));
}

// What stands in a file's name does not count: a JPEG is read as one whatever it is called.
BOOST_AUTO_TEST_CASE(files_are_known_by_their_contents) {
  const test::TemporaryDirectory folder;
  const std::vector<Golden> all = golden();
  const Golden& jpeg = *std::ranges::find_if(all, [](const Golden& g) { return g.name.starts_with("jpeg"); });
  const auto from_file = [](const std::filesystem::path& path) {
    FileSource source(path);
    return read_picture(source);
  };
  test::put_file(folder / "photo.png", jpeg.file);
  BOOST_TEST((from_file(folder / "photo.png").shape() == jpeg.wanted.shape()));
  std::filesystem::create_directory(folder / "folder.png");
  BOOST_TEST(fails_with({"folder.png"}, [&] { from_file(folder / "folder.png"); }));
  BOOST_REQUIRE(mkfifo((folder / "pipe.png").c_str(), 0600) == 0);
  BOOST_TEST(fails_with({"pipe.png"}, [&] { from_file(folder / "pipe.png"); }));
  BOOST_TEST(fails_with({"nowhere.png"}, [&] { from_file(folder / "nowhere.png"); }));
  test::put_file(folder / "large.png", "x");
  std::filesystem::resize_file(folder / "large.png", (32U << 20) + 1);
  BOOST_TEST(fails_with({"more than 32 MiB"}, [&] { from_file(folder / "large.png"); }));
}

BOOST_AUTO_TEST_CASE(bytes_behind_a_picture_do_not_count) {
  Bytes file = test::png_file(test::png_header(1, 1, 8, 0), bytes_of(std::string_view("\0\x7B", 2)));
  const Bytes archive = bytes_of("PK\3\4 and so on");
  file.insert(file.end(), archive.begin(), archive.end());
  BOOST_TEST(pixels_of(read(file)) == std::vector{123}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(damaged_pngs_say_what_is_wrong) {
  using test::png_file;
  using test::png_header;
  using test::put_png_chunk;
  const Bytes rows = bytes_of(std::string_view("\0\1\2\0\3\4", 6));  // 2 x 2, grey
  const auto refused = [](std::initializer_list<std::string_view> parts, const Bytes& file) {
    return fails_with(parts, [&] { read(file); });
  };
  BOOST_TEST(refused({"30000 x 30000", "1 to 4096"}, png_file(png_header(30000, 30000, 8, 2), rows)));
  BOOST_TEST(refused({"0 x 2"}, png_file(png_header(0, 2, 8, 0), rows)));
  BOOST_TEST(refused({"fewer pixels"}, png_file(png_header(4096, 4096, 8, 2), rows)));
  BOOST_TEST(refused({"fewer pixels"}, png_file(png_header(2, 3, 8, 0), rows)));
  BOOST_TEST(refused({"more pixels"}, png_file(png_header(2, 1, 8, 0), rows)));
  BOOST_TEST(refused({"colour type 5"}, png_file(png_header(2, 2, 8, 5), rows)));
  BOOST_TEST(refused({"colour type 2 of 4 bits"}, png_file(png_header(2, 2, 4, 2), rows)));
  BOOST_TEST(refused({"no palette"}, png_file(png_header(2, 2, 8, 3), rows)));
  BOOST_TEST(refused({"palette of 4 bytes"}, png_file(png_header(2, 2, 8, 3), rows, bytes_of("abcd"))));
  BOOST_TEST(refused({"unknown interlacing"}, png_file(png_header(2, 2, 8, 0, 2), rows)));
  BOOST_TEST(
      refused({"damaged pixels"}, png_file(png_header(2, 2, 8, 0), bytes_of(std::string_view("\7\1\2\0\3\4", 6)))));

  const auto with = [&](std::string_view type, const Bytes& data, std::uint32_t spoil = 0) {
    Bytes out = test::png_signature();
    put_png_chunk(out, "IHDR", png_header(2, 2, 8, 0));
    put_png_chunk(out, type, data, spoil);
    put_png_chunk(out, "IDAT", test::deflated(rows));
    put_png_chunk(out, "IEND", {});
    return out;
  };
  BOOST_TEST(pixels_of(read(with("tEXt", bytes_of("a comment")))) == (std::vector{1, 2, 3, 4}),
             boost::test_tools::per_element());
  BOOST_TEST(refused({"chunk tEXt", "CRC-32"}, with("tEXt", bytes_of("a comment"), 1)));
  BOOST_TEST(refused({"an animation"}, with("acTL", Bytes(8))));
  BOOST_TEST(refused({"critical chunk ABCD"}, with("ABCD", {})));
  BOOST_TEST(refused({"two headers"}, with("IHDR", png_header(2, 2, 8, 0))));
  BOOST_TEST(refused({"four letters"}, with("t\1xt", {})));

  // An index beyond a short palette is the first colour that is not there: black, and the same in every run.
  const Bytes short_palette =
      png_file(png_header(2, 1, 8, 3), bytes_of(std::string_view("\0\0\x05", 3)), bytes_of("abc"));
  for (int turn = 0; turn < 20; ++turn)
    BOOST_TEST(pixels_of(read(short_palette)) == (std::vector{'a' + 0, 'b' + 0, 'c' + 0, 0, 0, 0}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(damaged_jpegs_say_what_is_wrong) {
  const std::vector<Golden> all = golden();
  const Golden& good = *std::ranges::find_if(all, [](const Golden& g) {
    return g.name.starts_with("jpeg") && g.wanted.dim(2) == 3 &&
           g.name.find("'progressive': False") != std::string::npos;
  });
  const auto refused = [](std::initializer_list<std::string_view> parts, const Bytes& file) {
    return fails_with(parts, [&] { read(file); });
  };
  const auto find = [&](std::initializer_list<unsigned char> what) {
    const auto at = std::search(good.file.begin(), good.file.end(), what.begin(), what.end(),
                                [](std::byte a, unsigned char b) { return a == std::byte{b}; });
    BOOST_REQUIRE(at != good.file.end());
    return static_cast<std::size_t>(at - good.file.begin());
  };
  const std::size_t frame = find({0xFF, 0xC0, 0x00, 0x11, 0x08});
  const auto changed = [&](std::size_t at, int value) {
    Bytes file = good.file;
    file.at(at) = static_cast<std::byte>(value);
    return file;
  };
  BOOST_TEST(refused({"lossless"}, changed(frame + 1, 0xC3)));
  BOOST_TEST(refused({"arithmetic"}, changed(frame + 1, 0xC9)));
  BOOST_TEST(refused({"12 bits"}, changed(frame + 4, 12)));
  BOOST_TEST(refused({"CMYK"}, changed(frame + 9, 4)));
  BOOST_TEST(refused({"2 colours"}, changed(frame + 9, 2)));
  BOOST_TEST(refused({"1 to 4096"}, changed(frame + 5, 0xFF)));
  Bytes twice = good.file;
  twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(frame),
               good.file.begin() + static_cast<std::ptrdiff_t>(frame),
               good.file.begin() + static_cast<std::ptrdiff_t>(frame) + 19);
  BOOST_TEST(refused({"two frames"}, twice));
  // The decoder would write behind the end of its table.
  const std::size_t codes = find({0xFF, 0xC4});
  Bytes many = good.file;
  for (std::size_t length = 1; length <= 16; ++length)
    many.at(codes + 4 + length) = length < 9 ? std::byte{0} : std::byte{0xFF};
  BOOST_TEST(refused({"codes"}, many));
  Bytes crowded = good.file;
  crowded.at(codes + 5) = std::byte{3};
  BOOST_TEST(refused({"more codes of a length"}, crowded));
  Bytes cut(good.file.begin(), good.file.end() - 2);
  BOOST_TEST(refused({"an end before its last marker"}, cut));
}

// Ten of either kind.
BOOST_AUTO_TEST_CASE(every_beginning_of_a_picture_is_an_error) {
  for (const std::string_view kind : {"png", "jpeg"}) {
    int pictures = 0, seen = 0;
    for (const Golden& picture : golden()) {
      if (!picture.name.starts_with(kind) || picture.file.size() > 700) continue;
      if (++seen % 4 != 0 || pictures == 10) continue;  // neighbours are much alike
      ++pictures;
      for (std::size_t size = 0; size < picture.file.size(); ++size) {
        const std::string said = test::message_of([&] { read(std::span(picture.file).first(size)); });
        BOOST_REQUIRE_MESSAGE(said != "no error", picture.name << ", " << size << " of " << picture.file.size());
        BOOST_REQUIRE(said == test::message_of([&] { read(std::span(picture.file).first(size)); }));
      }
    }
    BOOST_TEST(pictures == 10, kind);
  }
}

// Beside its pixels in all forms that they take on the way a picture needs no memory.
BOOST_AUTO_TEST_CASE(memory_is_bounded_by_the_pixels) {
  constexpr std::int64_t side = 1500;
  Bytes rows;
  for (std::int64_t y = 0; y < side; ++y) rows.resize(rows.size() + 1 + 3 * side);
  const Bytes file = test::png_file(test::png_header(side, side, 8, 2), rows);
  const test::AllocationWatch watch;
  BOOST_TEST((read(file).shape() == Shape({side, side, 3})));
  BOOST_TEST(watch.peak_bytes() < 5 * rows.size() + (1U << 20));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ebb
