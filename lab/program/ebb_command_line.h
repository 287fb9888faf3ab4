// The command line of the program `ebb`: every command with its options. Private to the program.
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "lab/program/commands.h"
#include "lab/program/data_command_line.h"
#include "lab/program/export_command.h"
#include "lab/program/import_command.h"
#include "lab/program/predict_command_line.h"
#include "lab/program/show_command_line.h"
#include "lab/program/study_command_line.h"

namespace ebb {

class EbbCommandLine {
 public:
  // Declares all of it. \param extensions of the program.
  explicit EbbCommandLine(const std::shared_ptr<const Extensions>& extensions);

  // What was declared.
  const CLI::App& app() const { return app_; }

  // Reads the arguments and carries out the command. \returns the exit status. \throws Error
  int run(int argc, char** argv, const std::vector<Study>& studies);

 private:
  // Options of `ebb train` that are short forms of --set.
  struct Short {
    const char* flag;
    const char* key;
  };
  static constexpr std::array shorts = {
      Short{"--model", "model"},   Short{"--epochs", "epochs"}, Short{"--lr", "lr"},
      Short{"--batch", "batch"},   Short{"--seed", "seed"},     Short{"--threads", "threads"},
      Short{"--data", "data_dir"}, Short{"--test", "test"},     Short{"--out", "out"}};

  void declare_train();
  void declare_resume();
  void declare_runs();
  void take_options();  // into the commands, once they are read

  Recipe blank_;
  CLI::App app_;
  CLI::App* train_;
  DataCommandLine data_;
  CLI::App* resume_;
  CLI::App* report_;
  CLI::App* eval_;
  CLI::App* audit_;
  PredictCommandLine predicting_;
  ExportCommandLine exporting_;
  ImportCommandLine importing_;
  ShowCommandLine showing_;
  CLI::App* study_;
  StudyCommandLine studying_;

  TrainCommand training_;
  ResumeCommand resuming_;
  ReportCommand reporting_;
  EvalCommand evaluating_;
  AuditCommand auditing_;
  std::array<std::string, shorts.size()> values_;
  std::string threads_, data_dir_;
  bool diagnose_ = false;
};

// The command that runs studies.
inline constexpr const char* study_command = "study";

}  // namespace ebb
