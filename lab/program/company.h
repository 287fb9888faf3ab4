// The processes that train together: private to the program.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framework/parallel/mpi.h"
#include "lab/program/death_watch.h"
#include "lab/recipe/recipe.h"
#include "lab/setup/session.h"
#include "lab/training/rank_costs.h"

namespace ebb {

// What ranks of different processors can all compute with.
struct CommonKernels {
  std::string name;   // of the instruction set; empty where they have none in common
  std::string words;  // that some could do better; empty where all have the same
};

// \param sets of each rank, the best one first, with blanks between them.
CommonKernels common_kernels(const std::vector<std::string>& sets);

// The ranks that a launcher of MPI has started, or this process alone. Rank 0 leads: it alone prints, writes and needs
// the run directory. All ranks make the same calls in the same order.
class Company {
 public:
  // Joins the others where there are any.
  Company();

  parallel::Communicator& ranks() { return mpi_ ? *mpi_ : parallel::alone(); }
  bool leads() { return ranks().rank() == 0; }
  bool alone() { return ranks().size() == 1; }

  // Machine of this rank, for messages.
  std::string host();

  // Before anything computes: ranks must run one program with the same EBB_ARCH; the best kernels that all machines
  // have are taken, and ranks that share cores share them out, unless the recipe or EBB_THREADS says how many threads.
  // \throws Error naming two ranks that differ.
  void begin(const Recipe& recipe);

  // \throws Error naming two ranks that were given different commands.
  void require_same_command(const std::string& command) {
    ranks().agree("command", command, "give all ranks the same");
  }

  // \throws Error naming the key, two ranks and their values. Keys that do not change a training may differ.
  void require_same(const Recipe& recipe);

  // \throws Error naming two ranks whose data differ.
  void require_same_data(const std::string& checksums);

  // The text of rank 0, for all.
  std::string share(std::string text);

  // A signal that one of the ranks got, 0 where none did.
  int common_signal(int own);

  // Measures the connection of the ranks. From here on costs() counts.
  void begin_training();

  // What the steps have cost: see cost_lines(). Empty for one alone.
  std::vector<std::string> costs(const Session& session, std::int64_t batches);

  // The end of ranks of which one or all have failed, this one with `why`. Where all come to this, rank 0 says why the
  // first has failed, and all leave in order; else the launcher ends whoever does not come.
  void fail_together(const std::string& why);

  // The end: all leave with the status of rank 0.
  int end(int status);

  // A line on who trains; empty for one alone.
  std::string header(const Session& session);

 private:
  std::unique_ptr<parallel::MpiRanks> mpi_;
  std::unique_ptr<DeathWatch> watch_;
  int fewest_threads_ = 1, most_threads_ = 1;  // of the ranks
  CommonKernels kernels_;
  Link link_;
};

// For commands that are no training. \throws Error when a launcher has started several processes.
void require_no_company(const std::string& command);

// Runs `body` with the ranks. Where it throws, the message names rank and machine, and all of them end.
int in_company(const std::function<int(Company&)>& body);

}  // namespace ebb
