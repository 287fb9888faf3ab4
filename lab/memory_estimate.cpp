#include "lab/memory_estimate.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>

#include "framework/ops/loss.h"
#include "framework/tensor/error.h"
#include "framework/tensor/memory.h"

namespace ebb {
namespace {

constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t largest_probe = 128;
// The pool hands out blocks of size classes an eighth of an octave apart; on average half of that is unused.
constexpr double pool_rounding = 1.0625;

std::int64_t bytes_of(const State& state) {
  std::int64_t bytes = 0;
  for (const auto& entry : state) bytes += static_cast<std::int64_t>(entry.second.bytes().size());
  return bytes;
}

// The largest use of memory within a step beyond what was there before.
double probe(Layer& model, const Shape& sample, std::int64_t batch) {
  const auto before = memory::stats().live_bytes;
  memory::reset_peak();
  {
    const Tensor images = Tensor::zeros(sample.insert(0, batch));
    Tape tape;
    tape.backward(softmax_cross_entropy(model(images), Tensor::zeros({batch}, DType::i64)));
    model.zero_grad();
  }
  return static_cast<double>(memory::stats().peak_bytes - before);
}

// The number after `key` in a file of lines "key value", or the only number of a file when the key is empty.
std::int64_t number_in(const std::filesystem::path& path, const std::string& key) {
  std::ifstream file(path);
  std::string word;
  if (!key.empty())
    while (file >> word && word != key) continue;
  std::int64_t value = 0;
  return file >> value ? value : unlimited;
}

// What the control groups leave, from the process's own up to the root.
std::int64_t left_by_groups() {
  std::int64_t left = unlimited;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool old = controllers == "memory";
    if (!old && !controllers.empty()) continue;
    const std::filesystem::path root = old ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup";
    for (std::filesystem::path group = line.substr(second + 1);; group = group.parent_path()) {
      const std::filesystem::path at = root / group.relative_path();
      const std::int64_t limit = number_in(at / (old ? "memory.limit_in_bytes" : "memory.max"), "");
      const std::int64_t used = number_in(at / (old ? "memory.usage_in_bytes" : "memory.current"), "");
      if (limit != unlimited && used != unlimited) left = std::min(left, std::max<std::int64_t>(0, limit - used));
      if (group.empty() || group == group.parent_path()) break;
    }
  }
  return left;
}

std::int64_t left_of_address_space() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return unlimited;
  const std::int64_t used = number_in("/proc/self/status", "VmSize:");
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(limit.rlim_cur) - (used == unlimited ? 0 : used * 1024));
}

}  // namespace

MemoryEstimate estimate_memory(Layer& model, const Optimizer& optimizer, const TrainerOptions& options,
                               const Shape& sample, std::int64_t batch) {
  const std::int64_t weights = bytes_of(model.state());
  MemoryEstimate out{.batch = batch};
  out.state = optimizer.state_bytes() + (options.ema ? weights : 0) + (options.lookahead ? weights : 0) +
              (options.keep_best ? weights : 0);
  out.checkpoint = 2 * (out.state + weights);  // the copy that is written, and the one that is read back
  if (options.non_finite == OnNonFinite::rollback) out.state += out.state + weights;

  const bool training = model.training();
  BufferSnapshot buffers(model);
  buffers.take();
  model.train();
  const std::int64_t large = std::min(batch, largest_probe), small = std::max<std::int64_t>(2, large / 2);
  const double at_large = probe(model, sample, large);
  const double at_small = large > small ? probe(model, sample, small) : at_large;
  model.train(training);
  buffers.restore();

  out.step_for_image =
      large > small ? std::max(0.0, at_large - at_small) / static_cast<double>(large - small) : at_large;
  out.step_constant = std::max(0.0, at_large - out.step_for_image * static_cast<double>(large));
  out.step = std::llround(pool_rounding * (out.step_constant + out.step_for_image * static_cast<double>(batch)));
  return out;
}

std::int64_t available_memory() {
  const std::int64_t free = number_in("/proc/meminfo", "MemAvailable:");
  const std::int64_t machine = free == unlimited ? unlimited : free * 1024;
  return std::min({machine, left_by_groups(), left_of_address_space()});
}

std::int64_t largest_batch(const MemoryEstimate& estimate, std::int64_t available) {
  const double left =
      static_cast<double>(available - estimate.state - estimate.checkpoint) / pool_rounding - estimate.step_constant;
  if (left <= 0 || estimate.step_for_image <= 0) return 0;
  return static_cast<std::int64_t>(left / estimate.step_for_image);
}

void require_memory(const MemoryEstimate& estimate, std::int64_t available) {
  if (estimate.total() <= available) return;
  const std::int64_t batch = largest_batch(estimate, available);
  fail("memory",
       text("a need of about ", bytes_text(estimate.total()), " for batches of ", estimate.batch, ", with ",
            bytes_text(available), " available"),
       "a training that fits",
       batch > 0 ? text("the largest batch that fits is ", batch, ": --batch ", batch)
                 : std::string("use a smaller model"));
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  char out[32];
  std::snprintf(out, sizeof out, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return out;
}

}  // namespace ebb
