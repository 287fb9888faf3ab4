// Packed sets of pictures: what is read is what is written again.
#include "data/packed_set.h"
#include "tests/fuzz/tensor_file.h"

namespace ebb::fuzz {
namespace {

Verdict run(const Bytes& input) {
  return attempt([&] {
    const PictureSet set = picture_set_from(parse_safetensors(input, "input"), "input");
    for (const auto* split : {&set.train, &set.test})
      for (std::int64_t i = 0; i < split->labels.size(); ++i)
        require(static_cast<std::size_t>(label_of(*split, i)) < set.classes.size(), "every picture has a class");
    const TensorFile written = to_tensors(set);
    require(same(written, to_tensors(picture_set_from(written, "what was written"))), "what is written reads back");
  });
}

PictureSplit split(std::int64_t n, std::int64_t channels, DType labels) {
  return {.pixels = Tensor::full({n, 2, 3, channels}, 7, DType::u8),
          .labels = Tensor::full({n}, 1, labels),
          .sources = std::vector<std::string>(static_cast<std::size_t>(n), "a/1.png"),
          .sha256 = std::vector<std::string>(static_cast<std::size_t>(n), std::string(64, 'a'))};
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> out;
  for (const std::int64_t channels : {1, 3}) {
    const DType labels = channels == 1 ? DType::u8 : DType::i32;
    const TensorFile file = to_tensors({.classes = {"cat", "dog", "fish"},
                                        .train = split(3, channels, labels),
                                        .test = split(1, channels, labels),
                                        .fit = Fit::pad});
    out.push_back(serialize_safetensors(file.tensors, file.metadata));
  }
  return out;
}

}  // namespace

const Target picture_set{"picture_set", run, seeds, mutate_contents};

}  // namespace ebb::fuzz
