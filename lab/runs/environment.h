/// \file
/// What a run was made with.
#pragma once

#include <istream>
#include <string>

#include "data/dataset.h"

namespace ebb {

/// The first processor that /proc/cpuinfo names: its model, or on ARM the numbers of who designed it and of the part.
/// "unknown" where it names none.
std::string processor_in(std::istream& cpuinfo);

/// SHA-256 of a data set: of pixels and labels as they are stored where they are images in memory, else of all samples
/// as they are read.
std::string dataset_sha256(const Dataset& data);

/// The surroundings of a run as JSON: versions of Ebb and the compiler, instruction set, processor, threads, backend of
/// the parallel loops, and the revision of the git repository that the run was started in, where there is one.
std::string surroundings_json();

/// A program that makes runs.
struct RunProgram {
  std::string name = {};                               ///< Of its file; empty: not known.
  std::string things = {};                             ///< Of its own; see own_things().
  bool operator==(const RunProgram&) const = default;  ///< Of both.
};

/// As above, with checksums of the data and the program. \param train, test as dataset_sha256() gives them.
std::string environment_json(const std::string& train, const std::string& test, const RunProgram& program = {});

/// The program that an environment.json names; without a name where it names none, or is none.
RunProgram program_of(const std::string& environment);

/// The checksums that an environment.json holds: "train/test".
/// \throws Error when the text is not what environment_json() writes.
std::string data_checksums(const std::string& environment, const std::string& where);

}  // namespace ebb
