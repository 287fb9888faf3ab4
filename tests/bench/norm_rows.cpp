#include "tests/bench/norm_rows.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <vector>

#include "framework/compute/basic.h"
#include "framework/nn/batch_norm.h"
#include "framework/ops/pooling.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/random.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The lower quartile: what a pass takes when nobody disturbs it.
double undisturbed(std::vector<double>& times) {
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4);
  std::ranges::nth_element(times, at);
  return *at;
}

struct Passes {
  double forward = 0, backward = 0;  // seconds
};

Passes measure(const Tensor& x, const Tensor& dy, double seconds, const std::function<Var(const Var&)>& op) {
  std::vector<double> forward, backward;
  const auto start = Clock::now();
  while (forward.size() < 8 || seconds_since(start) < seconds) {
    Tape tape;
    const Var input = tape.input(x);
    const auto begin = Clock::now();
    const Var y = op(input);
    const auto middle = Clock::now();
    tape.backward(y, dy);
    backward.push_back(seconds_since(middle));
    forward.push_back(std::chrono::duration<double>(middle - begin).count());
  }
  return {undisturbed(forward), undisturbed(backward)};
}

void print(const char* op, const Tensor& x, const Passes& passes, bool json) {
  const double mib = static_cast<double>(x.size()) * sizeof(float) / (1 << 20);
  if (json)
    std::printf(
        "{\"op\": \"%s\", \"batch\": %lld, \"size\": %lld, \"channels\": %lld, \"threads\": %d, \"forward_ms\": %.4f, "
        "\"backward_ms\": %.4f}\n",
        op, static_cast<long long>(x.dim(0)), static_cast<long long>(x.dim(1)), static_cast<long long>(x.dim(3)),
        parallel::thread_count(), 1e3 * passes.forward, 1e3 * passes.backward);
  else
    std::printf("%-18s %lld x %lldx%lld, %4lld channels (%5.1f MiB)  forward %8.3f ms  backward %8.3f ms\n", op,
                static_cast<long long>(x.dim(0)), static_cast<long long>(x.dim(1)), static_cast<long long>(x.dim(2)),
                static_cast<long long>(x.dim(3)), mib, 1e3 * passes.forward, 1e3 * passes.backward);
  std::fflush(stdout);
}

}  // namespace

void print_norm_rows(std::int64_t batch, double seconds, bool json) {
  constexpr std::array<std::array<std::int64_t, 2>, 7> shapes{
      {{32, 16}, {16, 32}, {8, 64}, {32, 64}, {16, 128}, {8, 256}, {4, 512}}};
  for (const auto& [size, channels] : shapes) {
    Tensor x({batch, size, size, channels}), dy(x.shape()), pooled({batch, size / 2, size / 2, channels});
    fill_normal(x, Rng(1), 0, 1);
    fill_normal(dy, Rng(2), 0, 1);
    fill_normal(pooled, Rng(3), 0, 1);
    BatchNorm2d norm({.channels = channels, .activation = Activation::relu});
    print("batch norm, relu", x, measure(x, dy, seconds, [&](const Var& v) { return norm(v); }), json);
    print("max pool 2x2", x,
          measure(x, pooled, seconds,
                  [](const Var& v) {
                    return max_pool2d(v, {.kernel = {2, 2}});
                  }),
          json);
  }
}

}  // namespace ebb
