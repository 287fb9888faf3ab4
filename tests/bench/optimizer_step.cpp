// Milliseconds of an optimizer step over the parameters of ResNet-18 for CIFAR (11.2 M, f32), with two groups, beside a
// parallel loop that only moves the same bytes. The best of several rounds: optimizer_step [rounds]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/compute/blocks.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "optim/adam.h"
#include "optim/sgd.h"

using namespace ebb;

namespace {

// Filters, and scale and shift of the norm behind each.
std::vector<std::unique_ptr<Parameter>> resnet18() {
  std::vector<std::unique_ptr<Parameter>> list;
  const auto add = [&](const Shape& shape, Role role) {
    Tensor value(shape);
    fill_normal(value, Rng(list.size()), 0, 0.05);
    list.push_back(std::make_unique<Parameter>(text("p", list.size()), role, value));
    Tensor gradient(shape);
    fill_normal(gradient, Rng(1000 + list.size()), 0, 0.01);
    list.back()->accumulate(gradient);
  };
  const auto conv = [&](std::int64_t k, std::int64_t in, std::int64_t out) {
    add({k, k, in, out}, Role::weight);
    add({out}, Role::norm_scale);
    add({out}, Role::norm_shift);
  };
  conv(3, 3, 64);
  std::int64_t in = 64;
  for (const std::int64_t out : {64, 128, 256, 512})
    for (int block = 0; block < 2; ++block) {
      conv(3, in, out);
      conv(3, out, out);
      if (in != out) conv(1, in, out);
      in = out;
    }
  add({512, 10}, Role::weight);
  add({10}, Role::bias);
  return list;
}

double best_ms(int rounds, const std::function<void()>& work) {
  double best = 1e300;
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 30;
  const auto model = resnet18();
  std::vector<Parameter*> parameters;
  std::int64_t total = 0;
  for (const auto& p : model) {
    parameters.push_back(p.get());
    total += p->shape().size();
  }
  const Groups table = groups(parameters, {{"no decay", norms() || biases(), {.decay = no_decay()}},
                                           {"decayed", everything_else(), {.decay = decoupled_lr(0.05)}}});
  AdamW adam(table, {.lr = 1e-5});
  Sgd sgd(table, {.lr = 1e-5, .momentum = 0.9});
  adam.step();
  sgd.step();
  std::vector<Tensor> m, v;
  for (const Parameter* p : parameters) {
    m.push_back(Tensor::zeros(p->shape()));
    v.push_back(Tensor::zeros(p->shape()));
  }
  const auto loop = [&](bool second) {
    for (std::size_t k = 0; k < parameters.size(); ++k) {
      float* const __restrict w = parameters[k]->value().mutable_data<float>();
      const float* const __restrict g = parameters[k]->grad().data<float>();
      float* const __restrict a = m[k].mutable_data<float>();
      float* const __restrict b = v[k].mutable_data<float>();
      parallel::for_blocks(m[k].size(), elementwise_block, [=](std::int64_t begin, std::int64_t end) {
        if (second) {
          for (std::int64_t i = begin; i < end; ++i) {
            const float x = a[i] + g[i], y = b[i] + g[i];
            a[i] = x;
            b[i] = y;
            w[i] += 1e-9f * (x - y);
          }
        } else {
          for (std::int64_t i = begin; i < end; ++i) {
            a[i] += g[i];
            w[i] += 1e-9f * a[i];
          }
        }
      });
    }
  };
  const double adam_ms = best_ms(rounds, [&] { adam.step(); }), sgd_ms = best_ms(rounds, [&] { sgd.step(); });
  const double four = best_ms(rounds, [&] { loop(true); }), three = best_ms(rounds, [&] { loop(false); });
  std::printf(
      "{\"parameters\": %lld, \"threads\": %d, \"adamw_ms\": %.2f, \"adamw_bytes_ms\": %.2f, "
      "\"sgd_momentum_ms\": %.2f, \"sgd_momentum_bytes_ms\": %.2f}\n",
      static_cast<long long>(total), parallel::thread_count(), adam_ms, four, sgd_ms, three);
}
