// Step 2 of docs/tutorial.md: a net, its parameters, and what they say they are.
#include <exception>
#include <iostream>

#include <ebb/framework/nn/summary.h>

#include "tutorial_net.h"

using namespace ebb;

int main() try {
  // code: summary
  Net net(Rng(1));
  std::cout << summary(net, {1, 28, 28, 1});
  // code: end

  // code: roles
  for (const NamedParameter& p : net.named_parameters())
    std::cout << p.path << ": " << name(p.parameter->role()) << ' ' << p.parameter->shape() << '\n';
  // code: end
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
