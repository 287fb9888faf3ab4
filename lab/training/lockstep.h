/// \file
/// Lockstep: several passes through one model that go along together. Private to the trainer.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace ebb {

/// Runs passes in threads of their own, of which one computes at a time: from one meeting to the next in the order of
/// their numbers. So they may share a model, and what they do to it has one order. Threads are kept for the next run.
class Lockstep {
 public:
  Lockstep() = default;
  ~Lockstep();
  Lockstep(const Lockstep&) = delete;
  Lockstep& operator=(const Lockstep&) = delete;

  /// Runs `pass(0)` in the calling thread and `pass(1)` .. `pass(count - 1)` in others.
  /// \param enter called with a pass's number whenever it begins or goes on, \param leave whenever it waits or ends.
  /// \throws what a pass throws, that of the lowest number; the others end at their next meeting then.
  void run(std::size_t count, const std::function<void(std::size_t)>& pass,
           const std::function<void(std::size_t)>& enter, const std::function<void(std::size_t)>& leave);

  /// Called by pass number `pass`: waits for all to come here. The last one calls `together` before they go on.
  /// \throws Error when one has ended and will not come.
  void meet(std::size_t pass, const std::function<void()>& together);

 private:
  struct Place {
    std::condition_variable woken;
    std::thread thread;
    std::uint64_t meetings = 0;
    bool done = false;
    std::exception_ptr error;
  };
  struct Broken {};  // what ends the passes beside one that failed
  static constexpr auto nobody = static_cast<std::size_t>(-1);

  void add_places(std::size_t count);
  void go_through(std::size_t pass);
  void hand_on(std::size_t pass);
  [[noreturn]] void fail_without_company(std::size_t pass) const;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Place>> places_;
  const std::function<void(std::size_t)>* pass_ = nullptr;
  const std::function<void(std::size_t)>* enter_ = nullptr;
  const std::function<void(std::size_t)>* leave_ = nullptr;
  std::size_t count_ = 0;        // passes of the current run
  std::size_t turn_ = nobody;    // who computes
  std::uint64_t completed_ = 0;  // meetings of the current run
  bool broken_ = false, stop_ = false;
};

}  // namespace ebb
