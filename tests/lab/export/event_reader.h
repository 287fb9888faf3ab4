// A reader of TensorBoard's event files of its own, with its own checksum.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace ebb::test {

struct ReadHistogram {
  double least = 0, largest = 0, count = 0;
  std::vector<double> limits, counts;
};

// What a reader knows in the end: steps behind a restart are forgotten.
struct ReadEvents {
  std::map<std::string, std::vector<std::pair<std::int64_t, float>>> scalars;  // by tag, in the order of the files
  std::map<std::string, std::map<std::int64_t, ReadHistogram>> histograms;
  std::map<std::string, std::map<std::int64_t, std::string>> pictures;
  int records = 0, restarts = 0;
  bool cut = false;  // a file ends in the middle of a record
};

// CRC-32C (Castagnoli), bit by bit.
std::uint32_t crc32c(const std::string& bytes);

// Adds the records of a file. Throws std::runtime_error for a record that is whole and wrong.
void read_events(const std::string& bytes, ReadEvents& into);

// All event files of a directory, in the order of their names.
ReadEvents read_events(const std::filesystem::path& directory);

}  // namespace ebb::test
