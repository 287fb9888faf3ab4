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

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) {
  std::vector<Chunk> chunks = chunks_of(input);
  if (chunks.empty() || dice.chance(10)) {
    blindly(input);
    return;
  }
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

}  // namespace

const Target picture{"picture", run, seeds, mutate};

}  // namespace ebb::fuzz
