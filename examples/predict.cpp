// Says what is on a picture.
//
//     predict MODEL PICTURE
//
// MODEL is the directory of a finished run, or its model.safetensors.
#include <algorithm>
#include <exception>
#include <iostream>

#include <ebb/data/picture.h>
#include <ebb/lab/use/predictor.h>

using namespace ebb;

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: predict MODEL PICTURE\n";
    return 1;
  }
  // code: predict
  Predictor predictor(argv[1]);
  FileSource file(argv[2]);
  const Tensor picture = predictor.fitted(read_picture(file));  // u8, in the network's size and channels
  const Tensor chances = predictor.predict(picture.reshape(picture.shape().insert(0, 1)));  // f32 [1, classes]
  const auto row = chances.span<float>();
  const auto best = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
  std::cout << predictor.classes()[best] << ", probability " << row[best] << '\n';
  // code: end
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
