#include "framework/parallel/short_loops.h"

#include <array>

namespace ebb::parallel::detail {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;  // a lost measurement does no harm

}  // namespace

LoopKind& LoopKind::of(const void* place, std::int64_t items, std::int64_t block) {
  static std::array<LoopKind, 1024> kinds;
  std::uint64_t key = reinterpret_cast<std::uintptr_t>(place);
  for (const std::int64_t number : {items, block}) {
    key = (key ^ static_cast<std::uint64_t>(number)) * 0x9E3779B97F4A7C15;
    key ^= key >> 29;
  }
  LoopKind& kind = kinds[key % kinds.size()];
  if (kind.key_.exchange(key, relaxed) != key) kind.state_.store(State::unknown, relaxed);
  return kind;
}

LoopKind::Where LoopKind::choose(std::chrono::nanoseconds limit) const {
  const State state = state_.load(relaxed);
  const bool alone = state == State::perhaps_short || state == State::is_short;
  return limit.count() > 0 && alone ? Where::alone : Where::shared;
}

// A loop is shared at first. Where that was quick it is tried alone, which decides.
void LoopKind::learn(Where where, std::chrono::nanoseconds time, std::chrono::nanoseconds limit) {
  if (limit.count() == 0) return;
  const auto become = [this](State state) { state_.store(state, relaxed); };
  constexpr int often = 64;
  switch (state_.load(relaxed)) {
    case State::unknown: return become(time <= 4 * limit ? State::perhaps_short : State::is_long);
    case State::perhaps_short:
      if (where == Where::alone) become(time <= limit ? State::is_short : State::is_long);
      return;
    case State::is_short:
      if (2 * time > 3 * limit) become(State::unknown);
      return;
    case State::is_long:  // perhaps by mistake: the first loop also made its memory, or the thread was held up
      if (time > limit || quick_.fetch_add(1, relaxed) % often != often - 1) return;
      return become(State::perhaps_short);
  }
}

}  // namespace ebb::parallel::detail
