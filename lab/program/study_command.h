// The commands of `ebb study` and study_main(): private to the program.
#pragma once

#include <string>
#include <vector>

#include "lab/study/runner.h"

namespace ebb {

// What a command line of studies says.
struct StudyCommand {
  std::vector<std::string> names = {};
  std::string tier = {};   // empty: each study's own
  std::string pairs = {};  // "8", or "101-104"
  int jobs = 0;            // 0: as many as there are CPUs
  std::string data = {};
  std::string out = {};  // of `run` and `check` the directory of studies, of `report` that of pages
  std::string runs = "runs/studies";
  bool fresh = false;
  int trials = 1;            // that `check` repeats of each study
  std::string program = {};  // see StudyRunOptions
};

// Each returns the exit status; see study_main(). \throws Error
int list_studies(const std::vector<Study>& studies, const StudyCommand& command);
int show_study(const std::vector<Study>& studies, const StudyCommand& command);
int run_studies(const std::vector<Study>& studies, const StudyCommand& command, const std::vector<std::string>& worker);
int report_studies(const std::vector<Study>& studies, const StudyCommand& command);
int check_studies(const std::vector<Study>& studies, const StudyCommand& command);

}  // namespace ebb
