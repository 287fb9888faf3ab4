// The command line of studies: private to the program.
#pragma once

#include <string>
#include <vector>

#include "lab/program/study_command.h"

namespace CLI {
class App;
}

namespace ebb {

// The commands list, show, run, report and check of an App.
class StudyCommandLine {
 public:
  // \param app gets the commands; lives longer.
  explicit StudyCommandLine(CLI::App& app);

  // Carries out the command that was parsed. \param worker see StudyRunOptions.
  int run(const std::vector<Study>& studies, const std::vector<std::string>& worker) const;

 private:
  StudyCommand command_;
  CLI::App* list_;
  CLI::App* show_;
  CLI::App* run_;
  CLI::App* report_;
};

// The command of such workers.
inline constexpr const char* study_worker = "worker";

// Whether arguments are those of a worker that `ebb study` or study_main() started, behind the name of the program or
// of the command.
bool is_study_worker(const std::vector<std::string>& arguments);

}  // namespace ebb
