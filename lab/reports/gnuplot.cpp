#include "lab/reports/gnuplot.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <vector>

#include "framework/tensor/printable.h"

namespace ebb::gnuplot {
namespace {

constexpr std::chrono::seconds longest{60};
constexpr std::size_t most_output = std::size_t{64} << 20;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

// A file without a name that holds `contents`, to be read from its beginning.
int file_with(const std::string& contents) {
  const int file = ::memfd_create("plot", MFD_CLOEXEC);
  for (std::size_t done = 0; file >= 0 && done < contents.size();) {
    const ssize_t count = ::write(file, contents.data() + done, contents.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      ::close(file);
      return -1;
    }
    done += static_cast<std::size_t>(count);
  }
  if (file >= 0) ::lseek(file, 0, SEEK_SET);
  return file;
}

// Starts gnuplot without a shell between; -1 when that fails.
pid_t start(std::vector<const char*> arguments, int in, int out) {
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) return -1;
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  arguments.push_back(nullptr);
  pid_t process = -1;
  const int error = ::posix_spawnp(&process, arguments.front(), &actions, nullptr,
                                   const_cast<char* const*>(arguments.data()), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? process : -1;
}

// All that comes through the pipe; false when that takes too long or is too much.
bool read_all(int pipe, std::string& out) {
  const auto end = std::chrono::steady_clock::now() + longest;
  std::array<char, 1 << 16> part;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd waiting{.fd = pipe, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || out.size() > most_output) return false;
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t count = ::read(pipe, part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0;
    out.append(part.data(), static_cast<std::size_t>(count));
  }
}

std::string run(const std::vector<const char*>& arguments, const std::string& commands) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  const Descriptor from(ends[0]), script(file_with(commands));
  Descriptor to(ends[1]);
  const pid_t process = script.number() < 0 ? -1 : start(arguments, script.number(), to.number());
  to.close();
  if (process < 0) return {};
  std::string out;
  if (!read_all(from.number(), out)) {
    ::kill(process, SIGKILL);
    out.clear();
  }
  int status = 0;
  while (::waitpid(process, &status, 0) < 0)
    if (errno != EINTR) return {};
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? out : std::string();
}

}  // namespace

bool is_there() { return !run({"gnuplot", "--version"}, {}).empty(); }

// Without the user's settings: a page does not depend on them.
std::string output_of(const std::string& commands) { return run({"gnuplot", "--default-settings"}, commands); }

std::string literal(std::string_view text) {
  std::string out = "'";
  for (const char c : printable_line(text)) c == '\'' ? out += "\u2019" : out += c;
  return out + '\'';
}

}  // namespace ebb::gnuplot
