/// \file
/// The words that a recipe may use. Each list stands beside what it names, in lab/setup.
#pragma once

#include <string>
#include <vector>

namespace ebb {

std::vector<std::string> data_names();       ///< Data sets that a recipe may name.
std::vector<std::string> optimizer_names();  ///< Optimizers that a recipe may name.
std::vector<std::string> schedule_names();   ///< Schedules of the learning rate that a recipe may name.
std::vector<std::string> decay_names();      ///< Kinds of weight decay that a recipe may name, and "none".
std::vector<std::string> decay_policies();   ///< What decay_on may be: which parameters decay.

}  // namespace ebb
