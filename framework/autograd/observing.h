/// \file
/// Looking on for a while.
#pragma once

#include <utility>

namespace ebb::detail {

/// Puts an observer into its place in this thread (op_observer, call_observer, place_observer) while it lives. Then
/// the one that was there before is back.
template <class T>
class Observing {
 public:
  Observing(T*& place, T* observer) : place_(place), before_(std::exchange(place, observer)) {}  ///< In its thread.
  ~Observing() { place_ = before_; }
  Observing(const Observing&) = delete;
  Observing& operator=(const Observing&) = delete;

 private:
  T*& place_;
  T* before_;
};

}  // namespace ebb::detail
