// Makes system calls fail on purpose. A test program that links failing_calls.cpp has open, openat, read, write, fsync,
// close, rename and renameat replaced by versions that normally pass the call on.
#pragma once

namespace ebb::test {

// What happens to the chosen call.
enum class Failure {
  error,        // it does nothing and returns an error
  half,         // a read or write moves only half of the bytes (at least one); others are not concerned
  kill_before,  // the process is killed before the call
  kill_after,   // ... and after it
};

// While it lives, call number `k` (from 1) of this thread fails; all calls when k is 0.
class FailingCall {
 public:
  explicit FailingCall(int k, Failure failure, int error = 0);
  ~FailingCall();
  FailingCall(const FailingCall&) = delete;
  FailingCall& operator=(const FailingCall&) = delete;

  int calls() const;     // calls made so far
  bool reached() const;  // whether a call failed
};

}  // namespace ebb::test
