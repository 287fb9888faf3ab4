#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>

#include <memory>

#include "framework/parallel/pool.h"

namespace ebb::parallel::detail {
namespace {

// One arena for the process, made anew only when the thread count changes. The control raises oneTBB's own limit
// (the number of cores) so that an arena of more threads really gets them.
struct Arena {
  explicit Arena(int threads)
      : control(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads)),
        arena(threads),
        size(threads) {}
  tbb::global_control control;
  tbb::task_arena arena;
  int size;
};

Arena& arena_of(int threads) {
  static std::unique_ptr<Arena>* const current = new std::unique_ptr<Arena>;  // workers may outlive main
  if (!*current || (*current)->size != threads) *current = std::make_unique<Arena>(threads);
  return **current;
}

}  // namespace

void run_blocks(std::int64_t blocks, int threads, FunctionRef<void(std::int64_t)> run) {
  arena_of(threads).arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<std::int64_t>(0, blocks, 1),
        [&](const tbb::blocked_range<std::int64_t>& range) {
          for (std::int64_t i = range.begin(); i != range.end(); ++i) run(i);
        },
        tbb::static_partitioner());
  });
}

const char* backend_name() { return "oneTBB"; }

}  // namespace ebb::parallel::detail
