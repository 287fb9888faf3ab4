#include <tbb/global_control.h>
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

void invite(int threads, Team& team, int place) {
  arena_of(threads).arena.enqueue([&team, place] { team.attend(place); });
}

const char* backend_name() { return "oneTBB"; }

}  // namespace ebb::parallel::detail
