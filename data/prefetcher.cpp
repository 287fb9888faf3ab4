#include "data/prefetcher.h"

#include <pthread.h>

#include <csignal>
#include <system_error>
#include <utility>

#include "framework/tensor/error.h"

namespace ebb {

Prefetcher::Prefetcher(const Epoch& epoch, std::int64_t first, std::int64_t depth)
    : epoch_(epoch), ring_(static_cast<std::size_t>(depth)) {
  // Signals are the business of the program's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this, first] { run(first); });
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    fail("loader", text("no thread to make batches ahead: ", error.what()), "one more thread", "set prefetch to 0");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Prefetcher::~Prefetcher() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Prefetcher::run(std::int64_t first) {
  for (std::int64_t position = first; position < epoch_.size(); ++position) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stop_ || made_ - taken_ < ring_.size(); });
      if (stop_) return;
    }
    Batch batch;
    std::exception_ptr error;
    try {
      batch = epoch_[position];
    } catch (...) {
      error = std::current_exception();
    }
    {
      const std::scoped_lock lock(mutex_);
      error_ = error;
      if (!error) ring_[made_++ % ring_.size()] = std::move(batch);
    }
    changed_.notify_all();
    if (error) return;
  }
}

Batch Prefetcher::next() {
  Batch batch;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return made_ > taken_ || error_; });
    if (made_ == taken_) std::rethrow_exception(error_);
    batch = std::move(ring_[taken_++ % ring_.size()]);
  }
  changed_.notify_all();
  return batch;
}

}  // namespace ebb
