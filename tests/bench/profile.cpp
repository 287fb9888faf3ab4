#include "tests/bench/profile.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <vector>

#include "framework/autograd/tape.h"
#include "framework/ops/loss.h"
#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "tests/bench/work.h"

namespace ebb {
namespace {

using Clock = std::chrono::steady_clock;
using Times = std::vector<double>;

double median(Times times) {
  if (times.empty()) return 0;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

double bytes_of(const Tensor& tensor) {
  return static_cast<double>(tensor.size() * static_cast<std::int64_t>(size_of(tensor.dtype())));
}

// One op of the step.
struct Node {
  std::string name;
  double forward_bytes = 0, backward_bytes = 0;
  double forward_flop = 0, backward_flop = 0;
  Times forward, backward;
};

// Whole ops of one name.
struct Row {
  int calls = 0;
  double forward = 0, backward = 0;  // seconds
  double bytes = 0, flop = 0;
};

// Gives the time between two events to the op that the later one names.
class Stopwatch : public detail::OpObserver {
 public:
  Stopwatch() { detail::op_observer = this; }
  ~Stopwatch() override { detail::op_observer = nullptr; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  void start() { last_ = Clock::now(); }

  void forward(const char* op, std::size_t node, std::span<const Var> inputs, const Tensor& output) override {
    const double seconds = lap();
    auto [place, fresh] = nodes.try_emplace(node);
    place->second.forward.push_back(seconds);
    if (fresh) describe(place->second, op, inputs, output);
    last_ = Clock::now();
  }

  void backward(const char*, std::size_t node, const Tensor&) override {
    Times& times = nodes.at(node).backward;
    // A rule that gives several gradients is told of each.
    if (times.size() < nodes.at(node).forward.size()) times.push_back(0);
    times.back() += lap();
  }

  std::map<std::size_t, Node> nodes;

 private:
  double lap() {
    const auto now = Clock::now();
    return std::chrono::duration<double>(now - std::exchange(last_, now)).count();
  }

  static void describe(Node& node, const std::string& op, std::span<const Var> inputs, const Tensor& output) {
    node.name = op;
    double gradients = 0;
    node.forward_bytes = bytes_of(output);
    for (const Var& input : inputs) {
      node.forward_bytes += bytes_of(input.value());
      if (input.tracked()) gradients += bytes_of(input.value());
    }
    node.backward_bytes = node.forward_bytes + gradients;
    if (op != "conv2d" && op != "linear") return;
    const Shape& x = inputs[0].shape();
    const Shape& w = inputs[1].shape();
    const double outputs = static_cast<double>(output.shape()[output.shape().rank() - 1]);
    const double flop = 2 * static_cast<double>(output.size()) * static_cast<double>(w.size()) / outputs;
    node.forward_flop = flop;
    node.backward_flop = inputs[0].tracked() ? 2 * flop : flop;
    node.name = text(op, ' ', x[x.rank() - 1], " -> ", outputs);
    if (op != "conv2d") return;
    node.name += text(", ", x[1], 'x', x[2]);
    if (output.shape()[1] != x[1]) node.name += text(" to ", output.shape()[1], 'x', output.shape()[2]);
  }

  Clock::time_point last_;
};

void print(const std::string& name, const Row& row, double step, double peak) {
  const double seconds = row.forward + row.backward;
  std::printf("| %s | %d | %.2f | %.2f | %.1f %% | %.0f | %.1f |", name.c_str(), row.calls, row.forward * 1e3,
              row.backward * 1e3, 100 * seconds / step, row.bytes / (1 << 20), row.bytes / seconds * 1e-9);
  if (row.flop > 0)
    std::printf(" %.0f | %.0f %% |\n", row.flop / seconds * 1e-9, 100 * row.flop / seconds * 1e-9 / peak);
  else std::printf(" | |\n");
}

}  // namespace

void print_profile(const std::string& model, std::int64_t batch, double seconds, double peak) {
  const Work work = make_work(model, batch);
  Sgd optimizer(*work.model, {.lr = 0.01, .momentum = 0.9});
  for (int warm = 0; warm < 3; ++warm) work.train(optimizer);
  Times steps, updates;
  std::map<std::size_t, Node> nodes;
  {
    Stopwatch watch;
    const auto begin = Clock::now();
    while (steps.size() < 5 || std::chrono::duration<double>(Clock::now() - begin).count() < seconds) {
      const auto start = Clock::now();
      watch.start();
      {
        Tape tape;
        tape.backward(softmax_cross_entropy((*work.model)(work.images), work.labels));
      }
      const auto update = Clock::now();
      optimizer.step();
      optimizer.zero_grad();
      const auto end = Clock::now();
      updates.push_back(std::chrono::duration<double>(end - update).count());
      steps.push_back(std::chrono::duration<double>(end - start).count());
    }
    nodes = std::move(watch.nodes);
  }
  const double step = median(steps);
  std::map<std::string, Row> rows;
  double known = 0;
  for (const auto& [number, node] : nodes) {
    Row& row = rows[node.name];
    const double forward = median(node.forward), backward = median(node.backward);
    ++row.calls;
    row.forward += forward;
    row.backward += backward;
    row.bytes += node.forward_bytes + node.backward_bytes;
    row.flop += node.forward_flop + node.backward_flop;
    known += forward + backward;
  }
  std::vector<std::pair<std::string, Row>> sorted(rows.begin(), rows.end());
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) {
    return a.second.forward + a.second.backward > b.second.forward + b.second.backward;
  });
  std::printf("%s, batch %lld, %d threads: %.1f ms for a step, FMA peak %.0f GFLOP/s\n\n", model.c_str(),
              static_cast<long long>(batch), parallel::thread_count(), step * 1e3, peak);
  std::printf(
      "| op | calls | forward, ms | backward, ms | of the step | MiB | GB/s | GFLOP/s | of peak |\n"
      "|---|---|---|---|---|---|---|---|---|\n");
  for (const auto& [name, row] : sorted) print(name, row, step, peak);
  const double update = median(updates);
  std::printf("| optimizer | 1 | | %.2f | %.1f %% | | | | |\n", update * 1e3, 100 * update / step);
  std::printf("| rest | | | %.2f | %.1f %% | | | | |\n", (step - known - update) * 1e3,
              100 * (step - known - update) / step);
  std::fflush(stdout);
}

}  // namespace ebb
