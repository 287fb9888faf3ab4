// Starts the program `ebb` on several processes.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/lab/program.h"
#include "tests/support/instrumented.h"

namespace ebb::test {

// One implementation of MPI: how many processes are started.
struct Launcher {
  std::string name;     // "openmpi" or "mpich"
  std::string command;  // in front of the number of processes
};

// Those that there is a module for; under instruments the first one, since what differs is MPI's. Processes are more
// than cores, and wait for each other without spinning.
inline std::vector<Launcher> launchers() {
  std::vector<Launcher> out;
  const std::string modules = EBB_MPI_MODULES;
  // What MPI itself leaves behind is not looked for.
  const std::string environment = "env ASAN_OPTIONS=detect_leaks=0 ";
  if (has(modules, "openmpi"))
    out.push_back({"openmpi", environment + "mpirun.openmpi --allow-run-as-root --oversubscribe --bind-to none -np "});
  if (has(modules, "mpich") && (out.empty() || !instrumented))
    out.push_back({"mpich", environment + "mpirun.mpich -np "});
  return out;
}

// One program on so many processes.
inline std::string on(const Launcher& launcher, int ranks, const std::string& arguments) {
  return text(launcher.command, ranks, " ", EBB_PROGRAM, " ", arguments);
}

inline Finished run(const Launcher& launcher, int ranks, const std::string& arguments) {
  return shell("timeout 300 " + on(launcher, ranks, arguments));
}

// The log but for what depends on the clock.
inline std::string log_of(const std::filesystem::path& run) {
  std::ifstream file(run / "log.jsonl");
  std::string out;
  for (std::string line; std::getline(file, line);) {
    nlohmann::json json = nlohmann::json::parse(line);
    if (json["event"] == "ranks") continue;
    for (const char* const key : {"time", "seconds", "images_per_s"}) json.erase(key);
    out += json.dump() + '\n';
  }
  return out;
}

}  // namespace ebb::test
