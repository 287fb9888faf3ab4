// The options of `ebb data` on the command line.
#pragma once

#include <string>

#include "lab/program/data_command.h"
#include "lab/program/pack_command.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ebb {

class DataCommandLine {
 public:
  // Adds the sub-command to the program's.
  explicit DataCommandLine(CLI::App& program);

  // Whether it was called.
  bool chosen() const;

  // Its exit status.
  int run();

 private:
  CLI::App* data_;
  CLI::App* fetch_;
  CLI::App* verify_;
  CLI::App* show_;
  CLI::App* pack_;
  CLI::App* unpack_;
  DataFetchCommand fetching_;
  DataVerifyCommand verifying_;
  DataShowCommand showing_;
  DataPackCommand packing_;
  DataUnpackCommand unpacking_;
  std::string size_, fit_ = "crop";
  CLI::Option* test_;
};

}  // namespace ebb
