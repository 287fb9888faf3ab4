/// \file
/// The studies of the program `ebb`: one for each file of this folder.
#pragma once

#include <vector>

#include "lab/study/study.h"

namespace ebb {

/// The study of each file of lab/studies, by name: ridge.cpp defines `Study study()` in the namespace
/// ebb::studies::ridge_study, so that no study hides the names of another.
std::vector<Study> built_in_studies();

}  // namespace ebb
