// Step 3 of docs/tutorial.md: a training on four thousand images.
#include <exception>
#include <iostream>

#include <ebb/optim/sgd.h>

#include "tutorial_net.h"

using namespace ebb;

int main() try {
  // code: training
  Net net(Rng(1));
  const Loader batches(clothes(Split::train, 4000), {.batch = 50, .seed = 1});
  const Loader test(clothes(Split::test, 2000), {.batch = 500, .shuffle = false});
  Sgd optimizer(net, {.lr = 0.1, .momentum = 0.9, .schedule = cosine(6 * batches.batches())});
  for (int epoch = 0; epoch < 6; ++epoch)
    std::cout << "epoch " << epoch << ": loss " << train(net, optimizer, batches, epoch) << '\n';
  std::cout << "test accuracy " << 100 * accuracy(net, test) << " %\n";
  // code: end
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
