#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "framework/parallel/pool.h"

namespace ebb::parallel::detail {
namespace {

// Workers wait for a new round; in a round every thread claims blocks until none is left.
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

  void run(std::int64_t blocks, FunctionRef<void(std::int64_t)> body) {
    {
      const std::scoped_lock lock(mutex_);
      body_ = &body;
      blocks_ = blocks;
      next_.store(0, std::memory_order_relaxed);
      working_ = count();
      ++round_;
    }
    wake_.notify_all();
    claim(blocks, body);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return working_ == 0; });
  }

 private:
  void claim(std::int64_t blocks, const FunctionRef<void(std::int64_t)>& body) {
    for (std::int64_t i = next_.fetch_add(1); i < blocks; i = next_.fetch_add(1)) body(i);
  }

  void work() {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
      const std::int64_t blocks = blocks_;
      const auto* const body = body_;
      lock.unlock();
      claim(blocks, *body);
      lock.lock();
      if (--working_ == 0) done_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<std::thread> threads_;
  const FunctionRef<void(std::int64_t)>* body_ = nullptr;
  std::int64_t blocks_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::uint64_t round_ = 0;
  int working_ = 0;
  bool stop_ = false;
};

}  // namespace

void run_blocks(std::int64_t blocks, int threads, FunctionRef<void(std::int64_t)> run) {
  static std::unique_ptr<Workers> workers;
  if (!workers || workers->count() != threads - 1) {
    workers.reset();
    workers = std::make_unique<Workers>(threads - 1);
  }
  workers->run(blocks, run);
}

const char* backend_name() { return "std::thread"; }

}  // namespace ebb::parallel::detail
