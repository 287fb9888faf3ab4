// A user's program: a few steps of training on made-up images.
#include <ebb/framework/autograd/tape.h>
#include <ebb/framework/compute/basic.h>
#include <ebb/framework/ops/loss.h>
#include <ebb/framework/parallel/parallel.h>
#include <ebb/models/lenet.h>
#include <ebb/optim/sgd.h>
#include <iostream>
#include <string>

#include "data/dataset.h"
#include "optim/decay.h"

namespace user {
std::string decay_in_words();
}

int main() {
  const ebb::Rng rng(1);
  ebb::LeNet model(rng);
  ebb::Sgd optimizer(ebb::groups(model, {{"all", ebb::everything_else(), {.decay = ebb::decoupled_lr(user::decay)}}}),
                     {.lr = 0.05, .momentum = 0.9});
  ebb::Tensor images({16, 28, 28, 1});
  ebb::fill_normal(images, rng.at("images"), 0, 1);
  ebb::Tensor labels = ebb::Tensor::zeros({16}, ebb::DType::i64);
  for (std::int64_t& label : labels.mutable_span<std::int64_t>())
    label = (&label - labels.data<std::int64_t>()) % user::Dataset::classes;

  double first = 0;
  double last = 0;
  for (int step = 0; step < 20; ++step) {
    ebb::Tape tape;
    const ebb::Var loss = ebb::softmax_cross_entropy(model(images), labels);
    last = loss.item();
    if (step == 0) first = last;
    tape.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
  }
  std::cout << user::decay_in_words() << ": loss " << first << " -> " << last << " on " << ebb::parallel::thread_count()
            << " threads\n";
  return last < first ? 0 : 1;
}
