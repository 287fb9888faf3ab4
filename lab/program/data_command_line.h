// The options of `ebb data` on the command line.
#pragma once

#include "lab/program/data_command.h"

namespace CLI {
class App;
}

namespace ebb {

class DataCommandLine {
 public:
  // Adds the sub-command to the program's.
  explicit DataCommandLine(CLI::App& program);

  // Whether it was called.
  bool chosen() const;

  // Its exit status.
  int run() const;

 private:
  CLI::App* data_;
  CLI::App* fetch_;
  CLI::App* verify_;
  CLI::App* show_;
  DataFetchCommand fetching_;
  DataVerifyCommand verifying_;
  DataShowCommand showing_;
};

}  // namespace ebb
