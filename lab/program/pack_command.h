// The commands `ebb data pack` and `ebb data unpack`.
#pragma once

#include <iosfwd>
#include <string>

#include "data/picture_set.h"

namespace ebb {

// What the command line of `ebb data pack` says.
struct DataPackCommand {
  std::string folder = {};         // With a directory for each class.
  std::string out = {};            // The packed set.
  PictureSetOptions options = {};  // How pictures are read.
  bool test_given = false;         // Whether the share of the test set was asked for.
  bool overwrite = false;          // Replace a file that is there.
};

// Decodes a folder of pictures into one file, and says what is in it.
// \throws Error as find_pictures() and read_pictures() do, and when the file is there.
int run(const DataPackCommand& command, std::ostream& out);

// What the command line of `ebb data unpack` says.
struct DataUnpackCommand {
  std::string set = {};        // Name of a published set.
  std::string directory = {};  // Where its files are; empty: as for training.
  std::string to = {};         // An empty directory, or one that is to be made.
};

// Writes a published set as TO/train/CLASS/NUMBER.png and TO/test/CLASS/NUMBER.png, whose names give the order of the
// set, so that a training from the folder is that from the set.
// \throws Error when the data are not found, or the directory is not empty.
int run(const DataUnpackCommand& command, std::ostream& out);

// The names of the directories of classes, in the order of labels: as they are where that is their order by bytes and
// all can be names of directories, else with the number in front and without slashes ("0-T-shirt-top").
std::vector<std::string> directory_names(const std::vector<std::string>& classes);

}  // namespace ebb
