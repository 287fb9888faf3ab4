#include "lab/program/fetch.h"

#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <system_error>

#include "framework/io/directory.h"
#include "framework/tensor/error.h"

extern char** environ;

namespace ebb {
namespace {

namespace fs = std::filesystem;

// Runs a program without a shell; its exit status, 128 + signal when one ended it.
int run_program(std::vector<std::string> arguments) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  if (const int error = ::posix_spawnp(&child, pointers[0], nullptr, nullptr, pointers.data(), environ); error != 0)
    fail("fetch", text("\"", std::generic_category().message(error), "\" on starting ", arguments[0]),
         "the program curl",
         "install it (apt install curl), or download the files by hand: see `ebb data fetch --help`");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("fetch", "a child process that was lost", "its exit status");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Empty when everything that belongs into the file is as published.
std::string problem_of(const PublishedSet& set, const fs::path& file) {
  const std::vector<fs::path> files{file};
  const std::vector<ContentCheck> checks = check_contents(set, files);
  if (checks.empty()) return "not the file that it should be";
  for (const ContentCheck& check : checks)
    if (!check.problem.empty()) return text(check.name, ": ", check.problem);
  return {};
}

class Download {
 public:
  Download(const PublishedSet& set, const FetchOptions& options, const std::string& name)
      : set_(set),
        options_(options),
        name_(name),
        file_(options.directory / name),
        part_(options.directory / ".partial" / name) {}

  fs::path run() {
    std::error_code error;
    if (fs::exists(file_, error)) {
      const std::string problem = problem_of(set_, file_);
      if (problem.empty()) return say("is there and as published"), file_;
      say(text("is there, but damaged (", problem, ")"));
    }
    make_directories(part_.parent_path(), "choose another with --to");
    std::vector<std::string> sources = set_.sources;
    if (!options_.source.empty()) sources = {options_.source};
    std::string failures;
    for (const std::string& source : sources) {
      const std::string problem = from(text(source, "/", name_));
      if (problem.empty()) return place();
      failures += text(failures.empty() ? "" : "; ", source, ": ", problem);
      say(text("not from ", source, ": ", problem));
    }
    fail(name_, failures, "the file as published",
         text("try again later (a download that broke off is resumed), or name another place with --from"));
  }

 private:
  void say(const std::string& what) const {
    if (options_.on_line) options_.on_line(text(name_, " ", what));
  }

  // Downloads until the contents are right: what is wrong with them otherwise.
  std::string from(const std::string& address) const {
    std::error_code error;
    const bool resumed = fs::file_size(part_, error) > 0 && !error;
    say(text(resumed ? "resumes from " : "comes from ", address));
    std::vector<std::string> command{options_.curl,
                                     "--fail",
                                     "--location",
                                     "--show-error",
                                     "--retry",
                                     "2",
                                     "--proto",
                                     "=http,https,file",
                                     "--proto-redir",
                                     "=http,https",
                                     options_.quiet ? "--silent" : "--progress-bar",
                                     "--output",
                                     part_.string()};
    if (resumed) command.insert(command.end(), {"--continue-at", "-"});
    command.insert(command.end(), {"--", address});
    const int status = run_program(command);
    std::string problem;
    if (status != 0) problem = text("curl ended with status ", status);
    else problem = problem_of(set_, part_);
    if (problem.empty()) return {};
    // A server that cannot resume (33, 36, or an answer that is an error: 22), a part that was complete or has other
    // contents: from the beginning. Whatever else ends curl leaves a part to be resumed.
    const bool useless = status == 0 || (resumed && (status == 22 || status == 33 || status == 36));
    if (!useless) return problem;
    if (resumed && problem_of(set_, part_).empty()) return {};
    fs::remove(part_, error);
    return resumed ? from(address) : problem;
  }

  fs::path place() const {
    std::error_code error;
    fs::rename(part_, file_, error);
    if (error) fail(file_.string(), error.message(), "a place that can be written");
    fs::remove(part_.parent_path(), error);  // when it is empty
    say("is complete, its contents are as published");
    return file_;
  }

  const PublishedSet& set_;
  const FetchOptions& options_;
  std::string name_;
  fs::path file_, part_;
};

}  // namespace

std::vector<fs::path> fetch(const PublishedSet& set, const FetchOptions& options) {
  if (set.sources.empty() && options.source.empty())
    fail("fetch", text("the data set ", set.name), "one that can be downloaded", set.remedy);
  make_directories(options.directory, "choose another with --to");
  std::vector<fs::path> out;
  for (const std::string& name : set.downloads()) out.push_back(Download(set, options, name).run());
  return out;
}

}  // namespace ebb
