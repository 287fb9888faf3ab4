// Milliseconds of an optimizer step over the parameters of ResNet-18 for CIFAR (11.2 M, f32), with two groups, beside a
// parallel loop that only moves the same bytes. Medians of several rounds: optimizer_step [rounds]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
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

double milliseconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// The medians of both, in alternation: what else the machine does hits them alike.
std::pair<double, double> medians(int rounds, const std::function<void()>& first, const std::function<void()>& second) {
  std::vector<double> a, b;
  for (int round = 0; round < rounds; ++round) {
    a.push_back(milliseconds(first));
    b.push_back(milliseconds(second));
  }
  const auto median = [](std::vector<double>& times) {
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    return times[times.size() / 2];
  };
  return {median(a), median(b)};
}

#ifdef __x86_64__
#define EBB_EVERY_INSTRUCTION_SET [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
#else
#define EBB_EVERY_INSTRUCTION_SET
#endif

// Reads g, and reads and writes the others.
EBB_EVERY_INSTRUCTION_SET void move_four(const float* __restrict g, float* __restrict w, float* __restrict a,
                                         float* __restrict b, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    a[i] += g[i];
    b[i] -= g[i];
    w[i] += g[i];
  }
}

EBB_EVERY_INSTRUCTION_SET void move_three(const float* __restrict g, float* __restrict w, float* __restrict a,
                                          std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    a[i] += g[i];
    w[i] -= g[i];
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 30;
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
      float* const w = parameters[k]->value().mutable_data<float>();
      const float* const g = parameters[k]->grad().data<float>();
      float* const a = m[k].mutable_data<float>();
      float* const b = v[k].mutable_data<float>();
      parallel::for_blocks(m[k].size(), elementwise_block, [=](std::int64_t begin, std::int64_t end) {
        if (second) move_four(g + begin, w + begin, a + begin, b + begin, end - begin);
        else move_three(g + begin, w + begin, a + begin, end - begin);
      });
    }
  };
  const auto [adam_ms, four] = medians(
      rounds, [&] { adam.step(); }, [&] { loop(true); });
  const auto [sgd_ms, three] = medians(
      rounds, [&] { sgd.step(); }, [&] { loop(false); });
  std::printf(
      "{\"parameters\": %lld, \"threads\": %d, \"adamw_ms\": %.2f, \"adamw_bytes_ms\": %.2f, "
      "\"sgd_momentum_ms\": %.2f, \"sgd_momentum_bytes_ms\": %.2f}\n",
      static_cast<long long>(total), parallel::thread_count(), adam_ms, four, sgd_ms, three);
}
