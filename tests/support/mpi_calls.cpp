// Two ranks that do what ranks should not: mpirun -np 2 mpi_calls CASE. Each says what became of it.
#include <array>
#include <chrono>
#include <iostream>
#include <string>
#include <thread>

#include "framework/parallel/mpi.h"

int main(int argc, char** argv) {
  using namespace ebb::parallel;
  const std::string what = argc > 1 ? argv[1] : "";
  try {
    MpiRanks ranks({.timeout = 2});
    std::array<std::byte, 8> bytes{};
    std::array<std::byte, 16> all{};
    const std::array<std::int64_t, 2> eight{8, 8}, less{8, 4}, more{16, 0};
    if (what == "other call") {
      if (ranks.rank() == 0) ranks.broadcast(bytes, 1);
      else ranks.gather(bytes, eight, all);
    } else if (what == "other length") {
      if (ranks.rank() == 0) ranks.broadcast(bytes, 0);
      else ranks.broadcast(all, 0);
    } else if (what == "sizes") {
      ranks.gather(bytes, less, all);
    } else if (what == "pieces") {
      ranks.exchange(all, more, all, eight);
    } else if (what == "given up") {
      if (ranks.rank() == 0) {
        std::thread other([&] {
          std::this_thread::sleep_for(std::chrono::milliseconds(300));
          ranks.abandon();
        });
        const auto begun = std::chrono::steady_clock::now();
        std::string said = "nothing";
        try {
          ranks.gather_texts("one that rank 1 never makes");
        } catch (const std::exception& error) {
          said = error.what();
        }
        other.join();
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
        std::cout << (taken.count() < 1.5 ? "at once: " : "late: ") << said << '\n' << std::flush;
        ranks.gather_texts("after that");  // there is no going on
      }
    }
    std::cout << "rank " << ranks.rank() << " has got through\n" << std::flush;
    std::this_thread::sleep_for(std::chrono::milliseconds(4000));  // the other one fails first
    return 0;
  } catch (const std::exception& error) {
    std::cout << error.what() << '\n' << std::flush;
    // Whoever ends first makes the launcher end the other one.
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    return 1;
  }
}
