// IDX files, plain and packed: what was read, written as IDX, is what stood there.
#include <array>

#include "data/gzip.h"
#include "data/idx.h"
#include "framework/tensor/error.h"
#include "tests/fuzz/packing.h"

namespace ebb::fuzz {
namespace {

Bytes written(const Tensor& tensor) {
  Bytes out{std::byte{0}, std::byte{0}, std::byte{8}, static_cast<std::byte>(tensor.rank())};
  for (const std::int64_t dim : tensor.shape().dims())
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(dim >> shift & 0xFF));
  out.insert(out.end(), tensor.bytes().begin(), tensor.bytes().end());
  return out;
}

Verdict run(const Bytes& input) {
  return attempt([&] {
    MemorySource source(input, "input");
    const Tensor got = read_idx(source, input.size());
    require(got.dtype() == DType::u8 && (got.rank() == 1 || got.rank() == 3), "IDX gives labels or images");
    require(written(got) == unpacked(input), "IDX is read as it stands");
  });
}

std::vector<Bytes> seeds() {
  const Bytes labels = written(Tensor::full({5}, 3, DType::u8));
  const Bytes images = written(Tensor::full({2, 3, 4}, 200, DType::u8));
  return {labels, images, packed(labels, 0), packed(images, 6), written(Tensor::zeros({0, 1, 1}, DType::u8))};
}

void mutate(Bytes& input, Dice& dice, const Blindly& blindly) { mutate_packed(input, dice, blindly, blindly); }

}  // namespace

const Target idx{"idx", run, seeds, mutate};

}  // namespace ebb::fuzz
