/// \file
/// How a batch is cut into shards, and which of them a rank owns. The cut belongs to the training, the ranks do not:
/// what is computed depends on the shards alone.
#pragma once

#include <cstdint>

namespace ebb::parallel {

/// The largest number of shards.
constexpr int most_shards = 256;

/// The shards of one batch: shard s has the samples begin(s) .. end(s) - 1, none where the batch is small.
struct Shards {
  int count = 1;             ///< A power of two, 1 to most_shards.
  std::int64_t samples = 0;  ///< Of the batch.

  std::int64_t begin(int shard) const { return shard * samples / count; }   ///< floor(shard samples / count)
  std::int64_t end(int shard) const { return begin(shard + 1); }            ///< Where the next one begins.
  std::int64_t size(int shard) const { return end(shard) - begin(shard); }  ///< Samples of a shard.
  bool empty(int shard, int shards = 1) const { return begin(shard) == begin(shard + shards); }  ///< All of them.
};

/// True for the numbers of shards that there may be.
constexpr bool is_shard_count(std::int64_t count) {
  return count >= 1 && count <= most_shards && (count & (count - 1)) == 0;
}

/// Consecutive shards: begin .. end - 1.
struct ShardRange {
  int begin = 0;  ///< The first one.
  int end = 0;    ///< Behind the last one.
};

/// The shards that rank `rank` of `ranks` owns: floor(rank shards / ranks) .. floor((rank + 1) shards / ranks) - 1.
constexpr ShardRange shards_of(int rank, int ranks, int shards) {
  return {rank * shards / ranks, (rank + 1) * shards / ranks};
}

}  // namespace ebb::parallel
