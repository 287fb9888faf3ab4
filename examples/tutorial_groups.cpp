// Step 4 of docs/tutorial.md: which parameter decays how, and what came of it.
#include <exception>
#include <iostream>

#include <ebb/framework/compute/basic.h>
#include <ebb/framework/tensor/error.h>
#include <ebb/optim/report.h>
#include <ebb/optim/sgd.h>

#include "tutorial_net.h"

using namespace ebb;

namespace {

// code: norms
void print_norms(Net& net) {
  for (const NamedParameter& p : net.named_parameters())
    if (p.parameter->role() == Role::weight) std::cout << "  " << p.path << ' ' << norm(p.parameter->value()) << '\n';
}
// code: end

}  // namespace

int main() try {
  // code: batches
  const Loader batches(clothes(Split::train, 4000), {.batch = 50, .seed = 1});
  // code: end

  // code: groups
  Net net(Rng(1));
  Sgd optimizer(groups(net,
                       {
                           {"no decay", norms() || biases(), {.decay = no_decay()}},
                           {"in front of a norm", path("conv*"), {.decay = decoupled_lr(0.05)}},
                           {"head", everything_else(), {.decay = decoupled_lr(0.01)}},
                       }),
                {.lr = 0.1});
  std::cout << report(optimizer, {.steps_per_epoch = static_cast<double>(batches.batches())});
  // code: end

  // code: compare
  std::cout << "norms at the start\n";
  print_norms(net);
  for (int epoch = 0; epoch < 4; ++epoch) train(net, optimizer, batches, epoch);
  std::cout << "after four epochs with decay\n";
  print_norms(net);

  Net twin(Rng(1));  // the same numbers
  Sgd without(decay_everything(twin, no_decay()), {.lr = 0.1});
  for (int epoch = 0; epoch < 4; ++epoch) train(twin, without, batches, epoch);
  std::cout << "after four epochs without\n";
  print_norms(twin);
  // code: end

  // code: mistake
  try {
    groups(net, {{"norms", norms(), {}}, {"heads", path("head*"), {}}});
  } catch (const Error& error) {
    std::cout << error.what() << '\n';
  }
  // code: end
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
