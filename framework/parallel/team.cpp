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
  // Here and in attend(): either the caller sees that a place is left, or who leaves it sees the loop.
  state_.store((state_.load(std::memory_order_relaxed) / next_loop + 1) * next_loop | open);
  for (int place = 1; place < count; ++place)
    if (!is_present(place) && enter(place)) invite(place);
  body(0);
  state_.fetch_and(~open, std::memory_order_acq_rel);
  for (int look = 0; (state_.load(std::memory_order_acquire) & active) != 0; ++look) rest(look);
}

bool Team::is_present(int place) const { return (present_[word_of(place)].load() & bit_of(place)) != 0; }
bool Team::enter(int place) { return (present_[word_of(place)].fetch_or(bit_of(place)) & bit_of(place)) == 0; }
void Team::leave(int place) { present_[word_of(place)].fetch_and(~bit_of(place)); }

// Whether another loop than `last` is under way.
bool Team::is_open_beyond(Word last) const {
  const Word state = state_.load();
  return (state & open) != 0 && state / next_loop != last;
}

// Goes through the loop under way unless it was `last`, which it becomes.
bool Team::join(int place, Word& last) {
  Word state = state_.load();
  do {
    if ((state & open) == 0 || state / next_loop == last) return false;
  } while (!state_.compare_exchange_weak(state, state + 1));
  last = state / next_loop;
  if (place < count_) (*body_)(place);
  state_.fetch_sub(1, std::memory_order_release);
  return true;
}

void Team::attend(int place) {
  using Clock = std::chrono::steady_clock;
  static const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  Word last = 0;
  do {
    auto since = Clock::now();
    for (int look = 0;; ++look) {
      if (join(place, last)) {
        if (place >= processors) break;
        since = Clock::now();
      }
      rest(look);
      if (look % 16 == 15 && Clock::now() - since > patience) break;
    }
    leave(place);
  } while (is_open_beyond(last) && enter(place));
}

}  // namespace ebb::parallel::detail
