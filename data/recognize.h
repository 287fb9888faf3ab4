// Whether files that were read are those of the data set that they were read for.
#pragma once

#include <span>
#include <string>

#include "data/fingerprint.h"
#include "data/published.h"

namespace ebb {

// A file that was read.
struct ReadFile {
  std::string name;         // for messages
  Fingerprint fingerprint;  // of its contents, unpacked
};

// Compares the files of one split, in the order of the set's contents, with all published sets. Returns a sentence
// about those that are none of them, for ImageDataset::set_remark(); empty when all are as published.
// Throws an Error naming what it is when one has the contents of another published file.
std::string recognize(const PublishedSet& set, Split split, std::span<const ReadFile> files);

}  // namespace ebb
