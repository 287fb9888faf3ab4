/// \file
/// A program of one's own studies.
#pragma once

#include <vector>

#include "lab/study/study.h"

namespace ebb {

/// The main function of a program that runs studies, with the commands of `ebb study`: list, show, run, report, check.
/// It starts copies of its program as workers, which call it as well: what stands before it in main() is done there
/// too. \returns the exit status: 0; 1 with a sentence on standard error; 3 when an identity or equilibrium comes
/// out against ClaimText::expected; 77 when all data are missing; 128 + signal when stopped.
int study_main(int argc, char** argv, const std::vector<Study>& studies);

}  // namespace ebb
