// How long ranks take to add up a gradient: mpirun -np 2 exchange BYTES [SHARDS [ROUNDS]]
// A line of rank 0: ranks, bytes, median and longest of the rounds in milliseconds, bytes that a rank sends.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "framework/parallel/mpi.h"
#include "framework/parallel/shard_tree.h"

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  const std::int64_t bytes = argc > 1 ? std::atoll(argv[1]) : 1 << 20;
  const int shards = argc > 2 ? std::atoi(argv[2]) : 8, rounds = argc > 3 ? std::atoi(argv[3]) : 10;
  try {
    ebb::parallel::MpiRanks ranks;
    ebb::parallel::ShardTree<float> tree;
    const ebb::parallel::Shards all{shards, shards};
    const auto [begin, end] = ebb::parallel::shards_of(ranks.rank(), ranks.size(), shards);
    const std::vector<float> gradient(static_cast<std::size_t>(bytes / 4), 1.0f);
    std::vector<double> times;
    std::int64_t sent = 0;
    for (int round = -2; round < rounds; ++round) {
      tree.begin(all, ranks, bytes / 4);
      for (int s = begin; s < end; ++s) tree.add(s, gradient);
      ranks.gather_texts("ready");
      const std::int64_t before = ranks.cost().sent;
      const auto start = Clock::now();
      if (tree.finish().front() != static_cast<float>(shards)) return 1;
      if (round >= 0) times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
      sent = ranks.cost().sent - before;
    }
    std::ranges::sort(times);
    if (ranks.rank() == 0)
      std::cout << ranks.size() << " ranks of " << ranks.library() << ", " << bytes
                << " bytes: " << times[times.size() / 2] << " ms, at most " << times.back() << " ms, each sends "
                << sent << " bytes\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
