// Loads a model from a safetensors file and predicts.
//
//     inference [MODEL.safetensors [DIRECTORY]]
//
// The file holds the weights of LeNet-5 as a training of Ebb saves them, the directory MNIST's test images. Without
// arguments the program saves an untrained model and shows it synthetic images.
#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <span>

#include <ebb/data/mnist.h>
#include <ebb/data/pixel_statistics.h>
#include <ebb/data/split.h>
#include <ebb/framework/io/safetensors.h>
#include <ebb/framework/ops/loss.h>
#include <ebb/models/lenet.h>

using namespace ebb;

namespace {

constexpr std::int64_t count = 8;

// Bytes [n, height, width, channels] as they come from a camera or a file.
Tensor pixels_of(int argc, char** argv) {
  if (argc > 2) {
    std::vector<std::int64_t> first(count);
    std::iota(first.begin(), first.end(), std::int64_t{0});
    return select(Mnist(argv[2], Split::test), Tensor::from(std::span<const std::int64_t>(first), {count})).pixels();
  }
  Tensor pixels({count, 28, 28, 1}, DType::u8);
  for (std::int64_t i = 0; i < pixels.size(); ++i)
    pixels.mutable_data<std::uint8_t>()[i] =
        static_cast<std::uint8_t>(Rng(5).below(256, static_cast<std::uint64_t>(i)));
  return pixels;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::filesystem::path path =
      argc > 1 ? std::filesystem::path(argv[1]) : std::filesystem::temp_directory_path() / "ebb_lenet.safetensors";
  if (argc < 2) save_safetensors(path, LeNet(Rng(1)).state(), to_metadata({.mean = {0.1307}, .deviation = {0.3081}}));

  // code: load
  const TensorFile file = load_safetensors(path);
  LeNet model(Rng(1));
  model.load_state(file.tensors);  // throws, listing all names that do not fit
  model.eval();                    // batch norm and dropout, where a model has them
  // A training writes down how it standardised its images; other files leave pixels at 0 to 1.
  const PixelStatistics statistics = statistics_from(file.metadata, path.string()).value_or(PixelStatistics{});
  // code: end

  // code: predict
  const Tensor images = standardise(pixels_of(argc, argv), statistics);
  const Tensor chances = softmax(model(images)).value();  // no tape, so nothing is recorded
  for (std::int64_t i = 0; i < chances.dim(0); ++i) {
    const float* const row = chances.data<float>() + i * chances.dim(1);
    const auto best = std::max_element(row, row + chances.dim(1)) - row;
    std::cout << "image " << i << ": class " << best << ", probability " << row[best] << '\n';
  }
  // code: end
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
