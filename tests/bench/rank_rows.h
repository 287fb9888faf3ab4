/// \file
/// ebb-bench's rows for trainings in shards, alone or on the ranks that a launcher of MPI has started.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ebb {

/// What print_rank_rows() trains.
struct RankRows {
  std::vector<std::string> models;
  std::vector<std::int64_t> batches;
  int shards = 1;
  bool overlap = true;
  int threads = 0;  ///< Of each rank; 0: the cores of a machine over its ranks.
  double seconds = 1.5;
  bool json = false;
};

/// Prints for each model and batch the median time of a training step, on rank 0; and for several ranks what they spent
/// their time on, and the time that the connection predicts.
void print_rank_rows(const RankRows& rows);

}  // namespace ebb
