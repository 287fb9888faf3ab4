/// \file
/// A rank that counts what it says.
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "framework/parallel/communicator.h"

namespace ebb::test {

/// Hands all calls on to another communicator, and notes bytes to other ranks and the threads that have called.
class CountedRanks : public parallel::Communicator {
 public:
  /// \param turns what takes_turns() says.
  explicit CountedRanks(parallel::Communicator& ranks, bool turns = true) : ranks_(ranks), turns_(turns) {}

  int rank() const override { return ranks_.rank(); }
  int size() const override { return ranks_.size(); }
  bool takes_turns() const override { return turns_; }
  void abandon() override { ranks_.abandon(); }

  void broadcast(std::span<std::byte> bytes, int from) override {
    note(from == rank() ? static_cast<std::int64_t>(bytes.size()) * (size() - 1) : 0);
    ranks_.broadcast(bytes, from);
  }
  void gather(std::span<const std::byte> own, std::span<const std::int64_t> bytes, std::span<std::byte> all) override {
    note(static_cast<std::int64_t>(own.size()) * (size() - 1));
    ranks_.gather(own, bytes, all);
  }
  void exchange(std::span<const std::byte> own, std::span<const std::int64_t> sizes, std::span<std::byte> got,
                std::span<const std::int64_t> got_sizes) override {
    note(static_cast<std::int64_t>(own.size()) - sizes[static_cast<std::size_t>(rank())]);
    ranks_.exchange(own, sizes, got, got_sizes);
  }

  std::int64_t sent() const { return sent_; }    ///< Bytes to others.
  std::int64_t calls() const { return calls_; }  ///< Begun so far.
  std::set<std::thread::id> threads() const {    ///< Which have called.
    const std::scoped_lock lock(mutex_);
    return threads_;
  }

 private:
  void note(std::int64_t bytes) {
    sent_ += bytes;
    ++calls_;
    const std::scoped_lock lock(mutex_);
    threads_.insert(std::this_thread::get_id());
  }

  parallel::Communicator& ranks_;
  bool turns_;
  std::atomic<std::int64_t> sent_ = 0, calls_ = 0;
  mutable std::mutex mutex_;
  std::set<std::thread::id> threads_;
};

}  // namespace ebb::test
