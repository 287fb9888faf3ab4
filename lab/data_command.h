/// \file
/// The commands `ebb data fetch` and `ebb data verify`.
#pragma once

#include <iosfwd>
#include <string>

namespace ebb {

/// What the command line of `ebb data fetch` says.
struct DataFetchCommand {
  std::string set = {};     ///< Name of the data set.
  std::string to = {};      ///< Directory; the files go into its folder of the set's name. Empty: EBB_DATA, or "data".
  std::string source = {};  ///< Another address to download from; empty: the known ones.
};

/// Downloads a data set and says where it is.
/// \throws Error as fetch() does.
int run(const DataFetchCommand& command, std::ostream& out);

/// What the command line of `ebb data verify` says.
struct DataVerifyCommand {
  std::string set = {};        ///< Name of the data set.
  std::string directory = {};  ///< Where it is; empty: as for training.
};

/// Prints checksums, counts, statistics and images that stand in the set twice. 0 when the files are as published, else
/// 1.
/// \throws Error when the data are not found or cannot be read.
int run(const DataVerifyCommand& command, std::ostream& out);

}  // namespace ebb
