#include "lab/program/death_watch.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace ebb {
namespace {

// Other threads may have held locks at the fork: nothing but system calls from there on.

// Whether a process died by itself and not by a kill; /proc/PID/stat ends with how.
bool died_by_itself(int stat) {
  std::array<char, 1024> line{};
  const ssize_t length = ::read(stat, line.data(), line.size());
  ssize_t at = length;
  while (at > 0 && line[static_cast<std::size_t>(at - 1)] != ' ') --at;
  int status = 0;
  for (; at > 0 && at < length && line[static_cast<std::size_t>(at)] >= '0'; ++at)
    status = (status * 10 + line[static_cast<std::size_t>(at)] - '0') & 0xffff;
  return WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL;
}

[[noreturn]] void watch(int pipe, int stat, const std::string& words) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
  ::prctl(PR_SET_NAME, "ebb watch");
  char last = 0;
  ssize_t got = 0;
  do got = ::read(pipe, &last, 1);
  while (got < 0 && errno == EINTR);
  if (got == 0) {
    // MPI may abort for no other reason than that another rank has died: that one's watch is first.
    constexpr timespec while_others_tell{.tv_sec = 1, .tv_nsec = 0};
    if (died_by_itself(stat)) ::nanosleep(&while_others_tell, nullptr);
    got = ::write(STDERR_FILENO, words.data(), words.size());
  }
  ::_exit(got < 0 ? 1 : 0);
}

}  // namespace

DeathWatch::DeathWatch(std::string words) {
  words += '\n';
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
  const int stat = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  watch_ = ::fork();
  if (watch_ == 0) {
    ::close(ends[1]);
    watch(ends[0], stat, words);
  }
  ::close(ends[0]);
  ::close(stat);
  if (watch_ > 0) end_ = ends[1];
  else ::close(ends[1]);
}

DeathWatch::~DeathWatch() {
  if (end_ < 0) return;
  ::kill(watch_, SIGKILL);  // reaches one that is stopped, too
  ::close(end_);
  while (::waitpid(watch_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace ebb
