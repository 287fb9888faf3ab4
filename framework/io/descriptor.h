/// \file
/// System calls on files: a descriptor that closes itself, interrupted calls, words for failed ones.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "framework/tensor/error.h"

namespace ebb {

/// Owns a file descriptor, or none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}  ///< Takes it over; -1 is none.
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}  ///< Leaves the other without.
  /// As above; what was open here is closed.
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset();
    number_ = std::exchange(other.number_, -1);
    return *this;
  }

  int get() const { return number_; }                      ///< The number, -1 for none.
  explicit operator bool() const { return number_ >= 0; }  ///< Whether there is one.

  /// Closes it.
  void reset() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_ = -1;
};

/// Calls `call`, a system call that returns a number, until no signal interrupts it.
template <class Call>
auto retried(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// Why a call failed, for messages: `"No space left on device" on writing`.
/// \param error of errno. \param action what was tried.
inline std::string refusal(int error, std::string_view action) {
  return text('"', std::generic_category().message(error), "\" on ", action);
}

}  // namespace ebb
