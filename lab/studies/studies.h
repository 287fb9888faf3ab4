/// \file
/// The studies of the program `ebb`: one for each file of this folder.
#pragma once

#include <vector>

#include "lab/study/study.h"

namespace ebb {

/// The study of each file of lab/studies, by name: bursts.cpp defines `Study bursts()` in the namespace ebb::studies.
std::vector<Study> built_in_studies();

}  // namespace ebb
