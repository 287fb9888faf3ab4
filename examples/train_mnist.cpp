// Trains LeNet-5 on MNIST with SGD, a cosine schedule, and decay for weights but not for biases.
//
//     train_mnist DIRECTORY [EPOCHS]
//
// The directory holds MNIST's four files, or Fashion-MNIST's, which have the same names.
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>

#include <ebb/data/loader.h>
#include <ebb/data/mnist.h>
#include <ebb/framework/ops/loss.h>
#include <ebb/models/lenet.h>
#include <ebb/optim/report.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

// Share of the samples whose largest logit is that of their label. No tape lives here, so nothing is recorded.
double accuracy(Layer& model, const Loader& batches) {
  model.eval();
  std::int64_t right = 0;
  for (const auto& [images, labels] : batches.epoch(0)) {
    const Tensor logits = model(images).value();
    const std::int64_t classes = logits.dim(-1);
    for (std::int64_t i = 0; i < labels.size(); ++i) {
      const float* row = logits.data<float>() + i * classes;
      if (std::max_element(row, row + classes) - row == labels.data<std::int64_t>()[i]) ++right;
    }
  }
  model.train();
  return static_cast<double>(right) / static_cast<double>(batches.samples());
}

int main(int argc, char** argv) try {
  // code: loop
  const std::string directory = argc > 1 ? argv[1] : "";  // where the files are
  const int epochs = argc > 2 ? std::atoi(argv[2]) : 5;
  Rng rng(1);
  LeNet model(rng);
  Loader batches(Mnist(directory, Split::train), {.batch = 128, .seed = 1});
  Loader test(Mnist(directory, Split::test), {.batch = 500, .shuffle = false});
  Sgd optimizer(decay_weights_only(model, decoupled_lr(5e-4)),  // norms and biases do not decay
                {.lr = 0.02, .momentum = 0.9, .schedule = cosine(epochs * batches.batches())});
  std::cout << report(optimizer);
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (const auto& [images, labels] : batches.epoch(epoch)) {
      Tape tape;
      Var loss = softmax_cross_entropy(model(images), labels);
      tape.backward(loss);
      optimizer.step();
      optimizer.zero_grad();
    }
  std::cout << "test accuracy " << 100 * accuracy(model, test) << " %\n";
  // code: end
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
