/// \file
/// What a run was made with.
#pragma once

#include <string>

#include "data/dataset.h"

namespace ebb {

/// SHA-256 of a data set: of pixels and labels as they are stored where they are images in memory, else of all samples
/// as they are read.
std::string dataset_sha256(const Dataset& data);

/// The surroundings of a run as JSON: versions of Ebb and the compiler, instruction set, processor, threads, backend of
/// the parallel loops, and the revision of the git repository that the run was started in, where there is one.
std::string surroundings_json();

/// As above, with checksums of the data. \param train, test as dataset_sha256() gives them.
std::string environment_json(const std::string& train, const std::string& test);

/// The checksums that an environment.json holds: "train/test".
/// \throws Error when the text is not what environment_json() writes.
std::string data_checksums(const std::string& environment, const std::string& where);

}  // namespace ebb
