/// \file
/// Data sets as their authors publish them: files, checksums, addresses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"

namespace ebb {

/// A file of a data set, unpacked.
struct PublishedContent {
  std::string name;              ///< E.g. "train-images-idx3-ubyte" or "data_batch_1.bin".
  Split split = Split::train;    ///< The part that needs it.
  std::uint64_t bytes = 0;       ///< Its length.
  std::string md5;               ///< Its MD5. Packed files differ in theirs: they may have been packed again.
  std::uint32_t sample_crc = 0;  ///< Of some of it, by which readers know it; see data/fingerprint.h. 0: unknown.
};

/// What is known of a data set.
struct PublishedSet {
  std::string name;                        ///< Also of its folder, e.g. "cifar-10".
  std::vector<PublishedContent> contents;  ///< All files.
  std::string archive = {};                ///< The one that has them all; empty: each is packed by gzip.
  std::string folder = {};                 ///< In which the archive unpacks.
  std::vector<std::string> sources = {};   ///< Addresses before the names of downloads(); the authors' first.
  std::vector<std::filesystem::path> system_directories = {};  ///< Where packages put it.
  std::string remedy = {};                                     ///< How to get it, for messages.

  /// The files to be downloaded.
  std::vector<std::string> downloads() const;
};

/// "mnist", "fashion-mnist", "cifar-10", "cifar-100", or "optdigits", in any case, hyphens left out or not.
/// \throws Error with the known names when there is no such set.
const PublishedSet& published_set(std::string_view name);

/// Their names.
std::vector<std::string> published_names();

/// Finds the files of one split, packed or not; see find_data().
/// \returns the path of each file in the order of PublishedSet::contents; or that of the archive.
/// \throws Error that says where was looked, and how to get the data.
std::vector<std::filesystem::path> find_published(const PublishedSet& set, const std::filesystem::path& directory,
                                                  Split split);

/// How a file compares with what is published.
struct ContentCheck {
  std::string name;     ///< Of PublishedContent.
  std::string problem;  ///< Empty when it is as published.
};

/// Compares length and MD5 of the contents of files, packed or not, with what is published.
/// \returns a line for each of `set`'s contents that belong into the files: of an archive all, of another file the one
/// that its name says.
std::vector<ContentCheck> check_contents(const PublishedSet& set, std::span<const std::filesystem::path> files);

}  // namespace ebb
