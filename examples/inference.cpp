// Loads a model from a safetensors file and predicts.
//
//     inference [MODEL.safetensors [DIRECTORY]]
//
// The file holds the weights of LeNet-5 as Ebb saves them, the directory MNIST's test images. Without arguments the
// program saves an untrained model and shows it synthetic images.
#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>

#include "data/loader.h"
#include "data/mnist.h"
#include "framework/compute/basic.h"
#include "framework/io/safetensors.h"
#include "framework/ops/loss.h"
#include "models/lenet.h"

using namespace ebb;

namespace {

Tensor images_of(int argc, char** argv) {
  if (argc > 2) return Loader(Mnist(argv[2], Split::test), {.batch = 8, .shuffle = false}).epoch(0)[0].images;
  Tensor images({8, 28, 28, 1});
  fill_normal(images, Rng(5), 0, 1);
  return images;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::filesystem::path file =
      argc > 1 ? std::filesystem::path(argv[1]) : std::filesystem::temp_directory_path() / "ebb_lenet.safetensors";
  if (argc < 2) save_safetensors(file, LeNet(Rng(1)).state());

  // code: load
  LeNet model(Rng(1));
  model.load_state(load_safetensors(file).tensors);  // throws, listing all names that do not fit
  model.eval();                                      // batch norm and dropout, where a model has them
  // code: end

  // code: predict
  const Tensor images = images_of(argc, argv);
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
