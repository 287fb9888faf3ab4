// Tells when this process dies: private to the program.
#pragma once

#include <string>

namespace ebb {

// A process that says something when this one ends without having destroyed the watch: killed, or out of memory, or by
// a defect. For ranks whose launcher ends all others then, and does not say which one was first: it takes a rank for
// running as long as its watch does. A signal to the process group reaches the watch: SIGKILL alone ends it, unheard.
class DeathWatch {
 public:
  // \param words a line for standard error. Without a process to be had there is no watch.
  explicit DeathWatch(std::string words);
  ~DeathWatch();
  DeathWatch(const DeathWatch&) = delete;
  DeathWatch& operator=(const DeathWatch&) = delete;

 private:
  int end_ = -1;  // of a pipe that the watch reads
  int watch_ = -1;
};

}  // namespace ebb
