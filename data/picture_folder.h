/// \file
/// Folders of pictures whose names are classes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ebb {

/// A file that is named as a picture.
struct FolderPicture {
  std::string name;        ///< Path below the folder, with slashes: "train/cat/0001.png".
  std::int64_t label = 0;  ///< Number of its class.

  bool operator==(const FolderPicture&) const = default;  ///< Of both.
};

/// What lies in a folder, by names alone: no picture was opened.
struct PictureFolder {
  std::filesystem::path root;        ///< The folder.
  std::vector<std::string> classes;  ///< Their names, sorted by bytes (as Python's `sorted` does).
  std::vector<FolderPicture> train;  ///< Sorted by the bytes of the path below the class, then by class.
  std::vector<FolderPicture> test;   ///< Likewise; empty where the folder has no test set.
  bool has_test = false;             ///< Whether it has one.
  std::vector<std::string> others;   ///< Files that are not named as pictures, or lie in no class.
};

/// How much is looked at.
struct FolderLimits {
  std::int64_t files = 10'000'000;  ///< Entries of directories in all.
  std::int64_t classes = 10'000;    ///< Classes: confusions are squares of them.
  int depth = 32;                   ///< Directories inside of each other below a class.
};

/// Looks for pictures (.png, .jpg, .jpeg, in any case of letters) in `root`/CLASS, or in `root`/train/CLASS and
/// `root`/test/CLASS; the test set may also be called val or valid, and all of these may be written in any case. A
/// folder called train is the training set where it has no other company than these. What lies in directories within a
/// class belongs to the class. Hidden files, Thumbs.db, desktop.ini and directories called __MACOSX are passed over.
/// Symbolic links are followed, but no directory of a class is read twice, so that cycles end.
/// \throws Error naming the offenders, at most 20 of them and how many there are, for: no picture at all, pictures and
/// no class, one class only, more classes, files or depth than allowed, a class without pictures, a class of the test
/// set that the training set lacks, classes whose names are equal but for the case of ASCII letters, names of classes
/// that are no line of UTF-8, directories beside train and test, and directories that cannot be read.
PictureFolder find_pictures(const std::filesystem::path& root, const FolderLimits& limits = {});

/// The first 20 of `offenders`, one below the other, and how many more there are.
std::string listed_offenders(const std::vector<std::string>& offenders);

}  // namespace ebb
