#include "data/picture_file.h"

#include <array>
#include <charconv>

#include "data/picture.h"
#include "framework/io/checksum.h"
#include "framework/tensor/random.h"

namespace ebb::detail {
namespace {

// A source whose bytes are summed as they are read.
class SummedSource : public ByteSource {
 public:
  explicit SummedSource(ByteSource& from) : ByteSource(from.name()), from_(from) {}
  std::size_t read(std::span<std::byte> out) override {
    const std::size_t count = from_.read(out);
    sum_.add(out.first(count));
    return count;
  }
  std::string sha256() { return sum_.hex(); }

 private:
  ByteSource& from_;
  Sha256 sum_;
};

}  // namespace

PictureFile read_picture_file(const std::filesystem::path& path) {
  FileSource file(path);
  SummedSource source(file);
  Tensor pixels = read_picture(source);
  return {std::move(pixels), source.sha256()};
}

std::string pixel_sha256(const Tensor& picture) {
  Sha256 sum;
  const std::array<std::int64_t, 2> size{picture.dim(0), picture.dim(1)};
  sum.add(std::as_bytes(std::span(size)));
  sum.add(with_channels(picture, 3).bytes());
  return sum.hex();
}

bool is_held_out(const std::string& pixel_sha256, double share, std::uint64_t seed) {
  std::uint64_t number = 0;
  std::from_chars(pixel_sha256.data(), pixel_sha256.data() + 16, number, 16);
  return Rng(seed).at("test half").uniform(number) < share;
}

}  // namespace ebb::detail
