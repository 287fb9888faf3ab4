// Runs the program of support/study_program.cpp.
#pragma once

#include <fcntl.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/lab/program.h"
#include "tests/support/temporary_directory.h"

namespace ebb::test {

// \param environment variables in front: "STUDY_VERSION=2". gnuplot and git are not found, which it can do without.
inline Finished studies(const std::string& arguments, const std::string& environment = {}) {
  return shell(text("PATH=/nowhere ", environment, " ", EBB_STUDY_PROGRAM, " ", arguments));
}

// results.csv of a study in a directory of studies.
inline std::string results_in(const std::filesystem::path& out, const std::string& study = "small") {
  return read(out / study / "results.csv");
}

// Starts a run, kills it after some milliseconds, and says whether it was still there.
inline bool kill_a_run(const std::filesystem::path& out, int milliseconds) {
  const pid_t process = ::fork();
  if (process == 0) {
    const int nothing = ::open("/dev/null", O_WRONLY);
    ::dup2(nothing, STDOUT_FILENO);
    ::dup2(nothing, STDERR_FILENO);
    ::execl(EBB_STUDY_PROGRAM, EBB_STUDY_PROGRAM, "run", "small", "--jobs", "2", "--out", out.c_str(), nullptr);
    std::_Exit(127);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  ::kill(process, SIGKILL);
  int status = 0;
  ::waitpid(process, &status, 0);
  return WIFSIGNALED(status);
}

}  // namespace ebb::test
