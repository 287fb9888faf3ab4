#include "framework/io/own_temporaries.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstring>
#include <utility>

#include "framework/io/atomic_file.h"

namespace ebb {
namespace {

enum Stage : int { vacant, changing, announced, listed };

// Plain memory and one atomic number: all that a signal handler may look at.
struct Place {
  std::atomic<int> state{vacant};
  int directory = -1;
  dev_t device = 0;
  ino_t number = 0;
  std::array<char, NAME_MAX + 1> name{};
};
static_assert(std::atomic<int>::is_always_lock_free);

std::array<Place, 64> places;

bool is_listed(const Place& place) {
  struct stat there {};
  return ::fstatat(place.directory, place.name.data(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         there.st_dev == place.device && there.st_ino == place.number;
}

// A writer of another name space, with the same number, locks its file.
bool is_unlocked(const Place& place) {
  const int file = ::openat(place.directory, place.name.data(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return false;
  const bool unlocked = ::flock(file, LOCK_EX | LOCK_NB) == 0;
  ::close(file);
  return unlocked;
}

}  // namespace

namespace detail {

ListedTemporary::ListedTemporary(int directory, const std::string& name) {
  if (name.size() > NAME_MAX) return;
  for (std::size_t i = 0; i < places.size() && place_ < 0; ++i) {
    Place& place = places[i];
    int expected = vacant;
    if (!place.state.compare_exchange_strong(expected, changing)) continue;
    place.directory = directory;
    std::memcpy(place.name.data(), name.c_str(), name.size() + 1);
    place.state.store(announced);
    place_ = static_cast<int>(i);
  }
}

void ListedTemporary::made(int file) {
  struct stat status {};
  if (place_ < 0 || ::fstat(file, &status) != 0) return;
  Place& place = places[static_cast<std::size_t>(place_)];
  place.device = status.st_dev;
  place.number = status.st_ino;
  place.state.store(listed);
}

ListedTemporary::~ListedTemporary() {
  if (place_ >= 0) places[static_cast<std::size_t>(place_)].state.store(vacant);
}

ListedTemporary::ListedTemporary(ListedTemporary&& other) noexcept : place_(std::exchange(other.place_, -1)) {}

ListedTemporary& ListedTemporary::operator=(ListedTemporary&& other) noexcept {
  std::swap(place_, other.place_);
  return *this;
}

}  // namespace detail

void remove_own_temporaries() noexcept {
  for (const Place& place : places) {
    const int state = place.state.load();
    if (state == listed ? is_listed(place) : state == announced && is_unlocked(place))
      ::unlinkat(place.directory, place.name.data(), 0);
  }
}

}  // namespace ebb
