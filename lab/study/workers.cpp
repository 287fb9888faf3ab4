#include "lab/study/workers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "framework/tensor/printable.h"

extern char** environ;

namespace ebb {
namespace {

constexpr const char* self = "/proc/self/exe";
constexpr std::string_view one_thread = "EBB_THREADS=1";
constexpr std::size_t longest_report = 65536;
constexpr int grace = 2000;  // milliseconds for an idle worker to end by itself

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = retried([&] { return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// The environment of this process with one thread.
std::vector<char*> environment_of_worker() {
  std::vector<char*> out;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::strncmp(*variable, "EBB_THREADS=", 12) != 0) out.push_back(*variable);
  out.push_back(const_cast<char*>(one_thread.data()));
  out.push_back(nullptr);
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& each : texts) out.push_back(each.data());
  out.push_back(nullptr);
  return out;
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    const char* const abbreviation = sigabbrev_np(WTERMSIG(status));
    return text("its process was ended by SIG", abbreviation == nullptr ? "?" : abbreviation);
  }
  return text("its process ended with status ", WEXITSTATUS(status));
}

// Reads one line from a socket; nothing at its end.
std::optional<std::string> line_from(int socket, std::string& heard) {
  std::array<char, 4096> part{};
  for (;;) {
    if (const std::size_t end = heard.find('\n'); end != std::string::npos) {
      std::string line = heard.substr(0, end);
      heard.erase(0, end + 1);
      return line;
    }
    const ssize_t n = retried([&] { return ::recv(socket, part.data(), part.size(), 0); });
    if (n <= 0 || heard.size() > longest_report) return std::nullopt;
    heard.append(part.data(), static_cast<std::size_t>(n));
  }
}

std::optional<TrialJob> job_of(std::string_view line) {
  TrialJob job;
  const auto [middle, error] = std::from_chars(line.data(), line.data() + line.size(), job.arm);
  if (error != std::errc() || middle == line.data() + line.size()) return std::nullopt;
  const auto [end, error2] = std::from_chars(middle + 1, line.data() + line.size(), job.pair);
  if (error2 != std::errc() || end != line.data() + line.size()) return std::nullopt;
  return job;
}

}  // namespace

Workers::Workers(std::vector<std::string> command, int count)
    : command_(std::move(command)), workers_(static_cast<std::size_t>(std::max(1, count))) {}

Workers::~Workers() {
  for (Worker& worker : workers_) {
    if (worker.process < 0) continue;
    worker.socket.reset();                            // ends the work of an idle one
    if (worker.job) ::kill(worker.process, SIGKILL);  // what it was writing is a temporary file, or in place
  }
  for (Worker& worker : workers_) {
    if (worker.process < 0) continue;
    const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, worker.process, 0)));
    pollfd end{.fd = process.get(), .events = POLLIN, .revents = 0};
    if (retried([&] { return ::poll(&end, 1, grace); }) <= 0) ::kill(worker.process, SIGKILL);
    end_of(worker);
  }
}

bool Workers::has_free() const {
  return std::ranges::any_of(workers_, [](const Worker& w) { return !w.job; });
}

bool Workers::has_busy() const {
  return std::ranges::any_of(workers_, [](const Worker& w) { return w.job.has_value(); });
}

void Workers::start(Worker& worker) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    fail("workers", refusal(errno, "making a socket"), "a process for each job", "use fewer --jobs");
  Descriptor ours(ends[0]), theirs(ends[1]);
  std::vector<char*> arguments = pointers(command_), environment = environment_of_worker();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t process = -1;
  const int error = ::posix_spawn(&process, self, &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail("workers", refusal(error, "starting a process"), "a process for each job", "use fewer --jobs");
  worker = {.process = process, .socket = std::move(ours)};
}

std::string Workers::end_of(Worker& worker) {
  int status = 0;
  retried([&] { return ::waitpid(worker.process, &status, 0); });
  worker = {};
  return how_it_ended(status);
}

void Workers::give(const TrialJob& job) {
  Worker& worker = *std::ranges::find_if(workers_, [](const Worker& w) { return !w.job; });
  if (worker.process < 0) start(worker);
  send_all(worker.socket.get(), text(job.arm, ' ', job.pair, '\n'));  // where it has died, wait() finds out
  worker.job = job;
}

std::optional<TrialReport> Workers::wait(int milliseconds) {
  std::vector<pollfd> waiting;
  std::vector<Worker*> of;
  for (Worker& worker : workers_) {
    if (!worker.job) continue;
    waiting.push_back({.fd = worker.socket.get(), .events = POLLIN, .revents = 0});
    of.push_back(&worker);
  }
  if (waiting.empty() || ::poll(waiting.data(), waiting.size(), milliseconds) <= 0) return std::nullopt;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i].revents == 0) continue;
    Worker& worker = *of[i];
    const TrialJob job = *worker.job;
    const std::optional<std::string> line = line_from(worker.socket.get(), worker.heard);
    if (!line) {
      ::kill(worker.process, SIGKILL);  // it may have closed its socket and live on
      return TrialReport{job, end_of(worker)};
    }
    worker.job.reset();
    return TrialReport{job, *line == "done" ? std::string() : *line};
  }
  return std::nullopt;
}

int serve_trials(const std::function<void(const TrialJob&)>& run) {
  const pid_t parent = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  parallel::set_thread_count(1);
  // A study that reads or prints disturbs nobody.
  const Descriptor socket(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  ::dup2(nothing.get(), STDIN_FILENO);
  if (!socket) fail("worker", refusal(errno, "taking its socket"), "a process that the runner started");
  std::string heard;
  while (const std::optional<std::string> line = line_from(socket.get(), heard)) {
    if (::getppid() != parent) return 1;  // it ended before PR_SET_PDEATHSIG was set
    const std::optional<TrialJob> job = job_of(*line);
    if (!job) fail("worker", in_quotes(*line), "the number of an arm and of a pair");
    std::string answer = "done";
    try {
      run(*job);
    } catch (const std::exception& error) {
      answer = printable_line(error.what()).substr(0, longest_report / 2);
      if (answer.empty() || answer == "done") answer = "an exception without words";
    }
    if (!send_all(socket.get(), answer + '\n')) return 1;
  }
  return 0;
}

}  // namespace ebb
