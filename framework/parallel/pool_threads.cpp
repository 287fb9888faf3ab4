#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "framework/parallel/pool.h"

namespace ebb::parallel::detail {
namespace {

// Workers wait for invitations and follow them, each whichever comes.
class Workers {
 public:
  explicit Workers(int count) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
  }

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

  int count() const { return static_cast<int>(threads_.size()); }

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
  static std::unique_ptr<Workers> workers;
  if (!workers || workers->count() != threads - 1) {
    workers.reset();
    workers = std::make_unique<Workers>(threads - 1);
  }
  workers->invite(team, place);
}

const char* backend_name() { return "std::thread"; }

}  // namespace ebb::parallel::detail
