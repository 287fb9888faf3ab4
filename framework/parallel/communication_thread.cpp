#include "framework/parallel/communication_thread.h"

#include <chrono>
#include <utility>

namespace ebb::parallel {

CommunicationThread::~CommunicationThread() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
    jobs_.clear();
  }
  posted_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void CommunicationThread::post(std::function<void()> job) {
  {
    const std::scoped_lock lock(mutex_);
    if (error_) return;
    jobs_.push_back(std::move(job));
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  }
  posted_.notify_one();
}

void CommunicationThread::wait() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return jobs_.empty() && !working_; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void CommunicationThread::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    posted_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    working_ = true;
    lock.unlock();
    std::exception_ptr error;
    const auto begun = std::chrono::steady_clock::now();
    try {
      job();
    } catch (...) {
      error = std::current_exception();
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    lock.lock();
    working_ = false;
    busy_ += taken.count();
    if (error) {
      error_ = error;
      jobs_.clear();
    }
    if (jobs_.empty()) idle_.notify_all();
  }
}

}  // namespace ebb::parallel
