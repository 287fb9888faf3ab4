// The commands `ebb data fetch`, `ebb data verify` and `ebb data show`.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace ebb {

// What the command line of `ebb data fetch` says.
struct DataFetchCommand {
  std::string set = {};     // Name of the data set.
  std::string to = {};      // Directory; the files go into its folder of the set's name. Empty: EBB_DATA, or "data".
  std::string source = {};  // Another address to download from; empty: the known ones.
};

// Downloads a data set and says where it is.
// \throws Error as fetch() does.
int run(const DataFetchCommand& command, std::ostream& out);

// What the command line of `ebb data verify` says.
struct DataVerifyCommand {
  std::string set = {};        // Name of the data set, or path of a folder of pictures or a packed set.
  std::string directory = {};  // Where it is; empty: as for training.
};

// Prints checksums, counts, statistics and images that stand in the set twice. 0 when the files are as published, else
// 1. Of pictures see verify_pictures().
// \throws Error when the data are not found or cannot be read.
int run(const DataVerifyCommand& command, std::ostream& out);

// What the command line of `ebb data show` says.
struct DataShowCommand {
  std::string set = {};                    // Name of the data set, or path of pictures.
  std::string directory = {};              // Where it is; empty: as for training.
  std::string file = {};                   // The picture; empty: SET.png.
  bool test = false;                       // Show the test set.
  std::int64_t columns = 3;                // Images of each class, 1 to 20.
  std::uint64_t seed = 1;                  // Chooses images and augmentation.
  std::vector<std::string> settings = {};  // "key=value" of augmentation; empty: what suits the set.
};

// Draws a contact sheet: a row for each class, each image plain and, behind it, as three epochs show it.
// \throws Error when the data are not found or the picture cannot be written.
int run(const DataShowCommand& command, std::ostream& out);

}  // namespace ebb
