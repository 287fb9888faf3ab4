// Downloading data sets.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/published.h"

namespace ebb {

// How fetch() works.
struct FetchOptions {
  std::filesystem::path directory = {};  // Where the files go; made if need be.
  std::string source = {};               // Address before the file names, instead of the known ones; may be file://.
  std::string curl = "curl";             // The program that downloads.
  bool quiet = false;                    // Whether curl says nothing but errors.
  std::function<void(const std::string&)> on_line = nullptr;  // Told what is being done, in a line.
};

// Brings the files of a data set into a directory by curl(1), a child process. What is there and as published stays.
// Downloads grow in the folder ".partial" of the directory, where a later call resumes them, and get their place after
// length and checksum of their contents were right. Wrong contents are deleted.
// \returns the files, in the order of PublishedSet::downloads().
// \throws Error naming the file and what each source gave, when curl is missing, when the set cannot be downloaded, or
// when the directory cannot be written.
std::vector<std::filesystem::path> fetch(const PublishedSet& set, const FetchOptions& options);

}  // namespace ebb
