// Pictures: what is read has the announced size, and is the same when read again.
#include <algorithm>
#include <array>

#include "data/picture.h"
#include "data/resize.h"
#include "framework/tensor/error.h"
#include "tests/data/png_files.h"
#include "tests/fuzz/target.h"

namespace ebb::fuzz {
namespace {

Tensor read(const Bytes& input) {
  MemorySource source(input, "input");
  return read_picture(source, {.most_pixels = std::int64_t{1} << 18});
}

Verdict run(const Bytes& input) {
  return attempt([&] {
    const Tensor picture = read(input);
    require(picture.dtype() == DType::u8 && picture.rank() == 3 && picture.size() > 0 &&
                (picture.dim(2) == 1 || picture.dim(2) == 3),
            "a picture is [height, width, 1 or 3] of u8");
    require(std::ranges::equal(picture.bytes(), read(input).bytes()), "a picture is the same when read again");
    require(resize(picture, 4, 4).size() == 16 * picture.dim(2), "a picture has any size that is wanted");
  });
}

// A grey and a colour JPEG of 8 x 8 pixels, baseline and progressive, as a common encoder writes them.
constexpr auto baseline = std::to_array<unsigned char>({
#include "tests/fuzz/baseline_jpeg.inc"
});
constexpr auto progressive = std::to_array<unsigned char>({
#include "tests/fuzz/progressive_jpeg.inc"
});

template <class Array>
Bytes as_bytes(const Array& numbers) {
  Bytes out;
  for (const unsigned char number : numbers) out.push_back(std::byte{number});
  return out;
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> out{as_bytes(baseline), as_bytes(progressive)};
  struct Kind {
    int depth, colour;
    std::size_t row;  // bytes of 5 pixels
  };
  for (const Kind& k : {Kind{1, 0, 1}, Kind{4, 0, 3}, Kind{8, 0, 5}, Kind{16, 0, 10}, Kind{8, 2, 15}, Kind{16, 2, 30},
                        Kind{2, 3, 2}, Kind{8, 4, 10}, Kind{8, 6, 20}, Kind{16, 6, 40}}) {
    Bytes rows;
    for (std::size_t y = 0; y < 3; ++y) {
      rows.push_back(static_cast<std::byte>(y));
      for (std::size_t x = 0; x < k.row; ++x) rows.push_back(static_cast<std::byte>(37 * y + 11 * x));
    }
    const Bytes palette = k.colour == 3 ? test::bytes_of("abcdefghijkl") : Bytes{};
    out.push_back(test::png_file(test::png_header(5, 3, k.depth, k.colour), rows, palette));
  }
  return out;
}

// A PNG in its chunks; empty when it is none.
struct Chunk {
  std::string type;
  Bytes data;
};

std::vector<Chunk> chunks_of(const Bytes& input) {
  const Bytes signature = test::png_signature();
  std::vector<Chunk> out;
  if (input.size() < 8 || !std::equal(signature.begin(), signature.end(), input.begin())) return out;
  for (std::size_t at = 8; at + 12 <= input.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<std::size_t>(input[at + i]);
    length = std::min(length, input.size() - at - 12);
    const auto begin = input.begin() + static_cast<std::ptrdiff_t>(at);
    out.push_back(
        {test::text_of({begin + 4, begin + 8}), {begin + 8, begin + 8 + static_cast<std::ptrdiff_t>(length)}});
    at += 12 + length;
  }
  return out;
}

Bytes inflated_rows(const Bytes& packed) {
  Bytes out(std::size_t{1} << 16);
  uLongf size = out.size();
  if (uncompress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                 static_cast<uLong>(packed.size())) != Z_OK)
    return {};
  out.resize(size);
  return out;
}

void mutate_png(Bytes& input, std::vector<Chunk> chunks, Dice& dice, const Blindly& blindly) {
  Chunk& chunk = chunks[dice.below(chunks.size())];
  switch (dice.below(6)) {
    case 0: chunks.insert(chunks.begin() + static_cast<std::ptrdiff_t>(dice.below(chunks.size())), chunk); break;
    case 1: chunks.erase(chunks.begin() + static_cast<std::ptrdiff_t>(dice.below(chunks.size()))); break;
    case 2: std::swap(chunk, chunks[dice.below(chunks.size())]); break;
    case 3: {
      constexpr std::array types{"tRNS", "PLTE", "eXIf", "gAMA", "IDAT"};
      chunk.type = types.at(dice.below(types.size()));
      break;
    }
    default: {
      Bytes rows = chunk.type == "IDAT" && dice.chance(80) ? inflated_rows(chunk.data) : Bytes{};
      if (rows.empty()) blindly(chunk.data);
      else {
        blindly(rows);
        chunk.data = test::deflated(rows, 0);
      }
    }
  }
  input = test::png_signature();
  for (const Chunk& c : chunks) test::put_png_chunk(input, c.type, c.data);
}

// A JPEG in its segments, behind a scan's header its coded pixels; empty when it is none.
struct Segment {
  int marker;
  Bytes data, coded;
};

std::vector<Segment> segments_of(const Bytes& input) {
  const auto number = [&input](std::size_t at) { return at < input.size() ? std::to_integer<int>(input[at]) : -1; };
  const auto slice = [&input](std::size_t from, std::size_t to) {
    return Bytes(input.begin() + static_cast<std::ptrdiff_t>(from), input.begin() + static_cast<std::ptrdiff_t>(to));
  };
  std::vector<Segment> out;
  if (number(0) != 0xFF || number(1) != 0xD8) return out;
  for (std::size_t at = 2; number(at) == 0xFF;) {
    while (number(at) == 0xFF) ++at;
    const int marker = number(at), high = number(at + 1), low = number(at + 2);
    if (marker == 0xD9 || low < 0) break;
    const std::size_t end = at + 1 + std::max<std::size_t>(2, static_cast<std::size_t>(256 * high + low));
    if (end > input.size()) break;
    out.push_back({marker, slice(at + 3, end), {}});
    at = end;
    if (marker != 0xDA) continue;
    while (at < input.size() && (number(at) != 0xFF || number(at + 1) == 0 || (number(at + 1) & 0xF8) == 0xD0)) ++at;
    out.back().coded = slice(end, at);
  }
  return out;
}

// One change of what a header says: sides, colours, how often they are sampled, tables, the part that a scan codes.
void mutate_header(Bytes& data, Dice& dice) {
  constexpr std::array values{0, 1, 2, 3, 4, 8, 15, 16, 17, 18, 31, 32, 33, 34, 63, 64, 68, 127, 128, 255};
  if (!data.empty()) data[dice.below(data.size())] = static_cast<std::byte>(values.at(dice.below(values.size())));
}

void mutate_jpeg(Bytes& input, std::vector<Segment> segments, Dice& dice, const Blindly& blindly) {
  constexpr std::array markers{0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC9, 0xCC, 0xD8,
                               0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xEE, 0xFE};
  Segment& segment = segments[dice.below(segments.size())];
  switch (dice.below(8)) {
    case 0:
      segments.insert(segments.begin() + static_cast<std::ptrdiff_t>(dice.below(segments.size())), segment);
      break;
    case 1: segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(dice.below(segments.size()))); break;
    case 2: std::swap(segment, segments[dice.below(segments.size())]); break;
    case 3: segment.marker = markers.at(dice.below(markers.size())); break;
    case 4: mutate_header(segment.data, dice); break;
    case 5: blindly(segment.data); break;
    default:
      for (Segment& s : segments)
        if (s.marker == 0xDA && dice.chance(60)) blindly(s.coded);
  }
  input = {std::byte{0xFF}, std::byte{0xD8}};
  for (const Segment& s : segments) {
    input.push_back(std::byte{0xFF});
    input.push_back(static_cast<std::byte>(s.marker));
    test::put_big_endian(input, s.data.size() + 2, 2);
    input.insert(input.end(), s.data.begin(), s.data.end());
    // Within coded pixels 0xFF is followed by 0 or by the number of a restart, else it would end them.
    for (std::size_t i = 0; i < s.coded.size(); ++i) {
      input.push_back(s.coded[i]);
      if (s.coded[i] != std::byte{0xFF}) continue;
      const int next = i + 1 < s.coded.size() ? std::to_integer<int>(s.coded[i + 1]) : -1;
      if (next != 0 && (next & ~7) != 0xD0) input.push_back(std::byte{0});
    }
  }
  input.push_back(std::byte{0xFF});
  input.push_back(std::byte{0xD9});
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  std::vector<Chunk> chunks = chunks_of(input);
  std::vector<Segment> segments = segments_of(input);
  if ((chunks.empty() && segments.empty()) || dice.chance(10)) blindly(input);
  else if (!chunks.empty()) mutate_png(input, std::move(chunks), dice, blindly);
  else mutate_jpeg(input, std::move(segments), dice, blindly);
}

}  // namespace

const Target picture{"picture", run, seeds, mutate};

}  // namespace ebb::fuzz
