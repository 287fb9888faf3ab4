#include "tests/fuzz/small_model.h"

#include "framework/nn/batch_norm.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/flatten.h"
#include "framework/nn/linear.h"
#include "framework/nn/sequential.h"
#include "optim/groups.h"

namespace ebb::fuzz {
namespace {

struct Small : Sequential {
  Small() : Sequential(Rng(1)) {
    add<Conv2d>("conv", {.in = 1, .out = 2});
    add<BatchNorm2d>("bn", {.channels = 2});
    add<Flatten>("flatten");
    add<Linear>("fc", {.in = 8, .out = 3});
    forward(Tensor::zeros({2, 4, 4, 1}));
  }
};

}  // namespace

Layer& small_model() {
  static Small model;
  return model;
}

const std::vector<Candidate>& candidates() {
  static const std::vector<Candidate> all = [] {
    std::vector<Candidate> out;
    const Groups table(small_model());
    for (const Group& group : table.list())
      for (const Member& member : group.members) out.push_back(member.facts);
    return out;
  }();
  return all;
}

}  // namespace ebb::fuzz
