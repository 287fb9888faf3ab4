#include "framework/parallel/team.h"

#include <chrono>
#include <thread>

namespace ebb::parallel::detail {
namespace {

// How long a thread looks for another loop: the serial parts between the loops of a training step are shorter.
constexpr std::chrono::microseconds patience(100);

void rest(int look) {
  // Where there are more threads than processors, one that waits must not keep others from theirs.
  if (look % 64 == 63) return std::this_thread::yield();
#if defined(__SSE2__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Team::run(int count, FunctionRef<void(std::int64_t)> body, FunctionRef<void(int)> invite) {
  body_ = &body;
  count_ = count;
  state_.store((state_.load(std::memory_order_relaxed) / next_loop + 1) * next_loop | open, std::memory_order_release);
  for (int place = 1; place < count; ++place) {
    std::atomic<Word>& present = present_[static_cast<std::size_t>(place / places_each)];
    const Word bit = Word{1} << (place % places_each);
    if ((present.load(std::memory_order_relaxed) & bit) != 0) continue;
    present.fetch_or(bit, std::memory_order_relaxed);
    invite(place);
  }
  body(0);
  state_.fetch_and(~open, std::memory_order_acq_rel);
  for (int look = 0; (state_.load(std::memory_order_acquire) & active) != 0; ++look) rest(look);
}

// Goes through the loop under way unless it was `last`, which it becomes.
bool Team::join(int place, Word& last) {
  Word state = state_.load(std::memory_order_acquire);
  do {
    if ((state & open) == 0 || state / next_loop == last) return false;
  } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel));
  last = state / next_loop;
  if (place < count_) (*body_)(place);
  state_.fetch_sub(1, std::memory_order_release);
  return true;
}

void Team::attend(int place) {
  using Clock = std::chrono::steady_clock;
  static const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  Word last = 0;
  auto since = Clock::now();
  for (int look = 0;; ++look) {
    if (join(place, last)) {
      if (place >= processors) break;
      since = Clock::now();
    }
    rest(look);
    if (look % 16 != 15 || Clock::now() - since <= patience) continue;
    if (!join(place, last)) break;  // a thread that was held up looks once more
    since = Clock::now();
  }
  present_[static_cast<std::size_t>(place / places_each)].fetch_and(~(Word{1} << (place % places_each)),
                                                                    std::memory_order_relaxed);
}

}  // namespace ebb::parallel::detail
