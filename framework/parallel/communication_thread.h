/// \file
/// CommunicationThread: messages that go on while others compute.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace ebb::parallel {

/// A thread that does jobs in the order in which they were given. It begins with the first job. Thread-safe but for
/// the destructor.
class CommunicationThread {
 public:
  CommunicationThread() = default;
  ~CommunicationThread();  ///< Waits for the job at hand; those behind it are dropped.
  CommunicationThread(const CommunicationThread&) = delete;
  CommunicationThread& operator=(const CommunicationThread&) = delete;

  /// Gives it a job. Behind one that failed, jobs are dropped until wait() has told of it.
  void post(std::function<void()> job);

  /// Waits until all jobs are done. \throws what a job has thrown.
  void wait();

  /// Seconds that jobs have taken. Not while there are any.
  double busy() const { return busy_; }

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable posted_, idle_;
  std::deque<std::function<void()>> jobs_;
  bool working_ = false, stop_ = false;
  double busy_ = 0;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace ebb::parallel
