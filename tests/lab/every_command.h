// An example of every command of the program. A command that has none fails a test.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "lab/program/ebb_command_line.h"
#include "tests/lab/program.h"

namespace ebb::test {

struct CommandExample {
  std::string command;     // "data pack"
  std::string arguments;   // what follows; whatever it writes is in the directory `out`
  int status = 0;          // that it ends with
  std::string before{};    // a command of the shell that makes what it needs in `out`
  bool writes = true;      // a file
  bool same_bytes = true;  // two calls write the same
};

// What the examples read is in `data.root`, where prepare_examples() put it; they write into data.root / "out".
inline std::vector<CommandExample> command_examples(const SmallData& data) {
  const std::string root = data.root.string() + '/', out = root + "out/", run = root + "run ", sets = root + "data ";
  return {
      {"train",
       data.train("out/run", "--epochs 1 --threads 1 --model mlp --set hidden=4").substr(6),
       0,
       {},
       true,
       false},
      {"resume", out + "run --threads 1", 0, "cp -r " + run + out + "run", true, false},
      {"report", run + "--out " + out + "page.html"},
      {"eval", run, 0, {}, false},
      {"audit", run + "--json " + out + "audit.json --svg " + out + "audit.svg"},
      {"predict", run + root + "pictures/test/0", 0, {}, false},
      {"summary", run, 0, {}, false},
      {"export", run + "--onnx " + out + "a.onnx --torch " + out + "a.safetensors --npz " + out + "a.npz"},
      {"export", run + "--torch " + out + "a.safetensors --with-optimizer"},
      {"export", run + "--csv " + out + "tables"},
      {"export", run + "--tensorboard " + out + "board", 0, {}, true, false},
      {"import", "--torch " + root + "torch.safetensors --out " + out + "a.safetensors"},
      {"import",
       "--torch " + root + "training.safetensors --with-optimizer --like " + run + "--out " + out + "run",
       0,
       {},
       true,
       false},
      {"show", run + "filters --out " + out + "sheets"},
      {"data fetch", "--help", 0, {}, false},
      {"data verify", "mnist --data " + sets, 1, {}, false},
      {"data show", "mnist --data " + sets + "--out " + out + "sheet.png"},
      {"data pack", root + "pictures --out " + out + "set.safetensors"},
      {"data unpack", "mnist --data " + sets + "--to " + out + "pictures"},
      {"study list", "", 0, {}, false},
      {"study show", "step_size", 0, {}, false},
      {"study run", "step_size --jobs 1 --out " + out + "studies", 0, {}, true, false},
      {"study report", "step_size --runs " + root + "studies --out " + out + "pages"},
      {"study check", "step_size --out " + root + "studies", 0, {}, false},
  };
}

// Called once: a run, what was exported of it, pictures, and a study.
inline void prepare_examples(const SmallData& data) {
  const std::string root = data.root.string() + '/';
  for (const std::string& arguments :
       {data.train("run", "--epochs 1 --threads 1 --diagnose"),
        "export " + root + "run --torch " + root + "torch.safetensors",
        "export " + root + "run --with-optimizer --torch " + root + "training.safetensors",
        "data unpack mnist --data " + root + "data --to " + root + "pictures",
        "study run step_size --jobs 1 --out " + root + "studies"}) {
    const Finished done = ebb(arguments);
    BOOST_REQUIRE_MESSAGE(done.status == 0, arguments << " ended with " << done.status << ": " << done.output);
  }
}

inline void add_commands(const CLI::App& app, const std::string& path, std::vector<std::string>& out) {
  const std::vector<const CLI::App*> below = app.get_subcommands([](const CLI::App*) { return true; });
  if (below.empty()) out.push_back(path);
  for (const CLI::App* const command : below)
    add_commands(*command, path.empty() ? command->get_name() : path + ' ' + command->get_name(), out);
}

// The commands that the program declares have an example each, and the examples are of such commands.
inline void check_that_every_command_has_an_example(const SmallData& data) {
  std::vector<std::string> declared, shown;
  add_commands(EbbCommandLine(nullptr).app(), "", declared);
  for (const CommandExample& example : command_examples(data)) shown.push_back(example.command);
  std::ranges::sort(declared);
  std::ranges::sort(shown);
  shown.erase(std::unique(shown.begin(), shown.end()), shown.end());
  BOOST_TEST(declared == shown, boost::test_tools::per_element());
}

}  // namespace ebb::test
