#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "framework/parallel/pool.h"

namespace ebb::parallel::detail {
namespace {

// Workers wait for invitations and follow them, each whichever comes.
class Workers {
 public:
  Workers() = default;
  ~Workers() {
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // None ends before the process does: it may be in a loop.
  void grow_to(std::size_t count) {
    while (threads_.size() < count) threads_.emplace_back([this] { work(); });
  }

  void invite(Team& team, int place) {
    {
      const std::scoped_lock lock(mutex_);
      invitations_.push_back({&team, place});
    }
    wake_.notify_one();
  }

 private:
  struct Invitation {
    Team* team;
    int place;
  };

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stop_ || !invitations_.empty(); });
      if (invitations_.empty()) return;
      const Invitation next = invitations_.front();
      invitations_.pop_front();
      lock.unlock();
      next.team->attend(next.place);
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> threads_;
  std::deque<Invitation> invitations_;
  bool stop_ = false;
};

}  // namespace

void invite(int threads, Team& team, int place) {
  static Workers workers;
  workers.grow_to(static_cast<std::size_t>(threads - 1));
  workers.invite(team, place);
}

const char* backend_name() { return "std::thread"; }

}  // namespace ebb::parallel::detail
