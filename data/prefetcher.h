// Batches made ahead by a thread.
#pragma once

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "data/loader.h"

namespace ebb {

class Prefetcher {
 public:
  // Starts making the batches of `epoch`, which must outlive it, from position `first` on, `depth` (at least 1) ahead.
  Prefetcher(const Epoch& epoch, std::int64_t first, std::int64_t depth);

  // Ends the thread after the batch that it is making.
  ~Prefetcher();

  // The next batch, or what its making threw. To be called for batches that exist, and not after an exception.
  Batch next();

 private:
  void run(std::int64_t first);

  const Epoch& epoch_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Batch> ring_;
  std::size_t taken_ = 0, made_ = 0;  // batches so far; made_ - taken_ lie in the ring
  std::exception_ptr error_;          // of the batch behind them
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace ebb
