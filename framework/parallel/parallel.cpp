#include "framework/parallel/parallel.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <vector>

#include "framework/parallel/cpus.h"
#include "framework/parallel/denormals.h"
#include "framework/parallel/pool.h"
#include "framework/parallel/short_loops.h"
#include "framework/tensor/error.h"
#include "framework/tensor/placement.h"

namespace ebb::parallel {
namespace {

using detail::most_threads;

std::atomic<int> threads{0};  // 0: not asked for yet
std::atomic<std::chrono::nanoseconds> short_limit{std::chrono::microseconds(25)};
std::mutex one_loop;  // loops of different threads take turns

thread_local bool inside = false;   // in a body of a parallel loop
thread_local bool summing = false;  // in a sum_blocks() called by this thread

// Each thread that ever runs a block marks itself once per census.
std::atomic<std::uint64_t> census{1};
std::atomic<int> seen{0};

void count_this_thread() {
  thread_local std::uint64_t counted = 0;
  const std::uint64_t current = census.load(std::memory_order_relaxed);
  if (counted == current) return;
  counted = current;
  seen.fetch_add(1, std::memory_order_relaxed);
}

// sum_blocks() in the body of another one, to which the scratch slot belongs: the tree of tree_sum() in a single pass.
// Level k holds the sum of 2^k blocks while bit k of the count of blocks so far is set.
double nested_sum(std::int64_t items, std::int64_t block, FunctionRef<double(std::int64_t, std::int64_t)> body) {
  std::array<double, 64> level{};
  const std::int64_t blocks = block_count(items, block);
  for (std::int64_t i = 0; i < blocks; ++i) {
    double total = body(i * block, i + 1 == blocks ? items : (i + 1) * block);
    std::size_t k = 0;
    for (; (i >> k) & 1; ++k) total = level[k] + total;
    level[k] = total;
  }
  std::size_t k = 0;
  while (!((blocks >> k) & 1)) ++k;
  double total = level[k];
  for (++k; (blocks >> k) != 0; ++k) {
    if ((blocks >> k) & 1) total = level[k] + total;
  }
  return total;
}

void require_block(std::int64_t block) {
  if (block < 1) fail("parallel loop", text("blocks of ", block, " items"), "at least 1", "see row_block()");
}

// Raises a flag for a scope.
class Flag {
 public:
  explicit Flag(bool& flag) : flag_(flag), before_(std::exchange(flag, true)) {}
  ~Flag() { flag_ = before_; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;

 private:
  bool& flag_;
  bool before_;
};

// A thread's part of the blocks, on a cache line of its own.
struct alignas(64) Part {
  std::int64_t next, end;
};

// Runs `body(i)` for all blocks on all threads and rethrows an error of one of them. Each thread goes through a part of
// its own, the same one in every loop over the same blocks, and then helps with those of others.
void share(std::int64_t blocks, int wanted, FunctionRef<void(std::int64_t)> body) {
  std::exception_ptr error;
  std::mutex error_guard;
  const std::scoped_lock lock(one_loop);
  static std::array<Part, most_threads> parts;  // under the lock
  const std::int64_t count = std::min<std::int64_t>(blocks, wanted);
  for (std::int64_t i = 0; i < count; ++i)
    parts[static_cast<std::size_t>(i)] = {blocks * i / count, blocks * (i + 1) / count};
  const auto go_through = [&](std::int64_t own) {
    const Flag mark(inside);
    const detail::DenormalsAreZero denormals;
    count_this_thread();
    try {
      for (std::int64_t i = 0; i < count; ++i) {
        Part& part = parts[static_cast<std::size_t>((own + i) % count)];
        const std::atomic_ref next(part.next);
        for (std::int64_t block; (block = next.fetch_add(1, std::memory_order_relaxed)) < part.end;) body(block);
      }
    } catch (...) {
      const std::scoped_lock hold(error_guard);
      if (!error) error = std::current_exception();
    }
  };
  static detail::Team team;
  team.run(static_cast<int>(count), go_through, [&](int place) { detail::invite(wanted, team, place); });
  if (error) std::rethrow_exception(error);
}

}  // namespace

int thread_count() {
  int count = threads.load(std::memory_order_relaxed);
  if (count == 0) {
    count = default_thread_count();
    threads.store(count, std::memory_order_relaxed);
  }
  return count;
}

void set_thread_count(int count) {
  if (count < 1 || count > most_threads)
    fail("threads", text(count), text("1 to ", most_threads), "set --threads or EBB_THREADS");
  threads.store(count, std::memory_order_relaxed);
}

std::chrono::nanoseconds short_loop() { return short_limit.load(std::memory_order_relaxed); }

void set_short_loop(std::chrono::nanoseconds limit) { short_limit.store(limit, std::memory_order_relaxed); }

void for_blocks(std::int64_t items, std::int64_t block, FunctionRef<void(std::int64_t, std::int64_t)> body) {
  if (items <= 0) return;
  require_block(block);
  const std::int64_t blocks = block_count(items, block);
  const int wanted = thread_count();
  const auto end_of = [&](std::int64_t i) { return i + 1 == blocks ? items : (i + 1) * block; };
  const auto run_alone = [&] {
    const detail::DenormalsAreZero denormals;
    count_this_thread();
    for (std::int64_t i = 0; i < blocks; ++i) body(i * block, end_of(i));
  };
  if (blocks == 1 || wanted == 1 || inside) return run_alone();
  using Clock = std::chrono::steady_clock;
  const std::chrono::nanoseconds limit = short_loop();
  detail::LoopKind& kind = detail::LoopKind::of(body.type(), items, block);
  const detail::LoopKind::Where where = kind.choose(limit);
  const auto start = Clock::now();
  if (where == detail::LoopKind::Where::alone) {
    const Flag mark(inside);
    run_alone();
  } else {
    share(blocks, wanted, [&](std::int64_t i) { body(i * block, end_of(i)); });
  }
  kind.learn(where, Clock::now() - start, limit);
}

double sum_blocks(std::int64_t items, std::int64_t block, FunctionRef<double(std::int64_t, std::int64_t)> body) {
  if (items <= 0) return 0.0;
  require_block(block);
  const std::int64_t blocks = block_count(items, block);
  if (blocks == 1) {
    const detail::DenormalsAreZero denormals;
    return body(0, items);
  }
  if (summing) return nested_sum(items, block, body);
  const Flag mark(summing);
  double* const partial = scratch<double>(scratch_slots - 1, blocks);
  for_blocks(items, block, [&](std::int64_t begin, std::int64_t end) { partial[begin / block] = body(begin, end); });
  return tree_sum({partial, static_cast<std::size_t>(blocks)});
}

double tree_sum(std::span<double> values) {
  tree_sum_rows(values.data(), static_cast<std::int64_t>(values.size()), 1);
  return values.empty() ? 0.0 : values[0];
}

void* scratch_bytes(int slot, std::size_t bytes) {
  constexpr std::size_t front = ebb::detail::placement_front;
  struct Slot {
    void* memory = nullptr;
    std::size_t size = 0;
    Slot() = default;
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() { std::free(memory); }
  };
  thread_local Slot slots[scratch_slots];
  if (slot < 0 || slot >= scratch_slots) fail("scratch", text("slot ", slot), text("0 to ", scratch_slots - 1));
  if (bytes > std::size_t{PTRDIFF_MAX} / 2) fail("scratch", text(bytes, " bytes"), "a size that memory can have");
  Slot& s = slots[slot];
  if (s.size < bytes || s.memory == nullptr) {
    std::free(std::exchange(s.memory, nullptr));
    s.size = bytes + bytes / 4 + 64;
    if (posix_memalign(&s.memory, ebb::detail::placement, front + s.size) != 0) {
      s.memory = nullptr;
      fail("scratch", text("no memory for ", bytes, " bytes"), "a smaller layer or batch");
    }
  }
  return static_cast<std::byte*>(s.memory) + front;
}

int threads_seen() { return seen.load(std::memory_order_relaxed); }

void reset_threads_seen() {
  seen.store(0, std::memory_order_relaxed);
  census.fetch_add(1, std::memory_order_relaxed);
}

const char* backend() { return detail::backend_name(); }

}  // namespace ebb::parallel
