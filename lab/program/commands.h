// The commands of the program `ebb`. Each returns the program's exit status.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/recipe/recipe.h"

namespace ebb {

// What the command line of `ebb train` says.
struct TrainCommand {
  std::string what = {};                              // A built-in recipe or a .toml file.
  std::vector<std::string> settings = {};             // "key=value", in the order given.
  bool print_recipe = false;                          // Print the resolved recipe and stop.
  bool overwrite = false;                             // Replace a run that is in the directory.
  std::string trace = {};                             // A file that gets a trace; empty: none.
  std::int64_t trace_steps = 20;                      // Steps that stand in it in full.
  std::shared_ptr<const Extensions> extensions = {};  // Of the program.
};

// Trains in a new run directory. 0 when done, 1 when something could not be written, 128 + signal when stopped.
// \throws Error
int run(const TrainCommand& command);

// What the command line of `ebb resume` says.
struct ResumeCommand {
  std::string directory = {};                         // Of the run.
  std::vector<std::string> settings = {};             // "key=value".
  bool allow_change = false;                          // Whether settings may change what is trained.
  bool overwrite = false;                             // Replace a file that gets the trace.
  std::string trace = {};                             // A file that gets a trace; empty: none.
  std::int64_t trace_steps = 20;                      // Steps that stand in it in full.
  std::shared_ptr<const Extensions> extensions = {};  // Of the program.
};

// Goes on with a run from its newest checkpoint; exit status as of `ebb train`.
// \throws Error
int run(const ResumeCommand& command);

// What the command line of `ebb report` says.
struct ReportCommand {
  std::vector<std::string> runs = {};  // Run directories.
  std::string out = {};                // The page; empty: RUN/report.html for one, comparison.html for several.
};

// Writes the page of a run, or one that compares several.
// \throws Error
int run(const ReportCommand& command);

// What the command line of `ebb eval` says.
struct EvalCommand {
  std::string directory = {};                         // Of a finished run.
  std::vector<std::string> settings = {};             // "key=value": test-time augmentation, another data_dir.
  std::shared_ptr<const Extensions> extensions = {};  // Of the program.
};

// Prints what the weights of a run do on the test data.
// \throws Error
int run(const EvalCommand& command);

// What the command line of `ebb audit` says.
struct AuditCommand {
  std::string what = {};                              // A recipe, as of `ebb train`, or a run directory.
  std::vector<std::string> settings = {};             // "key=value", as of `ebb train`.
  std::string json = {};                              // A file for programs; empty: none.
  std::string svg = {};                               // A file that gets the drawing; empty: none.
  bool probe = true;                                  // Whether symmetries are confirmed in f64.
  std::shared_ptr<const Extensions> extensions = {};  // Of the program.
};

// Prints what weight decay meets in the network of a recipe, or of a run at its newest checkpoint. 1 when there are
// problems. \throws Error
int run(const AuditCommand& command);

}  // namespace ebb
