// Weight decay for weights, none for batch norm and biases: the table, what it selects, and what one step does.
#include <cstdio>

#include <ebb/framework/nn/batch_norm.h>
#include <ebb/framework/nn/conv2d.h>
#include <ebb/framework/nn/linear.h>
#include <ebb/framework/nn/pooling.h>
#include <ebb/framework/nn/sequential.h>
#include <ebb/optim/report.h>
#include <ebb/optim/sgd.h>

using namespace ebb;

int main() {
  const Rng rng(1);
  Sequential net(rng);
  net.add<Conv2d>("conv", {.in = 3, .out = 8, .bias = false});
  net.add<BatchNorm2d>("bn", {.channels = 8});
  net.add<Linear>("fc", {.in = 8, .out = 10});

  // code: table
  Sgd optimizer(groups(net,
                       {
                           {"no decay", norms() || biases(), {.decay = no_decay()}},
                           {"decayed", everything_else(), {.decay = decoupled_lr(5e-4)}},
                       }),
                {.lr = 0.1, .momentum = 0.9, .schedule = cosine(4690)});
  std::printf("%s", report(optimizer, {.steps_per_epoch = 469, .steps = 4690}).c_str());
  // code: end

  // A gradient of zero everywhere: whatever moves now was moved by decay.
  const State before = net.state();
  for (Parameter* p : net.parameters()) p->accumulate(Tensor::zeros(p->shape()));
  optimizer.step();
  bool right = true;
  for (const NamedParameter& p : net.named_parameters()) {
    const float was = before.at(p.path).data<float>()[0], is = p.parameter->value().data<float>()[0];
    const bool moved = was != is;
    std::printf("%-12s %-10s %s\n", p.path.c_str(), name(p.parameter->role()), moved ? "decayed" : "as before");
    right = right && moved == (p.parameter->role() == Role::weight);
  }
  return right ? 0 : 1;
}
