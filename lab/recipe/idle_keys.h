// Keys that mean something beside some words only. Private to lab/recipe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lab/recipe/names.h"

namespace ebb::detail {

// A key that chooses, and what there is to choose.
struct Family {
  const char* key;
  std::vector<Choice> choices;

  bool reads(std::string_view choice, std::string_view key_of_it) const;
  std::vector<std::string> readers(std::string_view key_of_them) const;  // the choices that read a key
};

// Optimizers, schedules, kinds of decay, data, and models for keys of one's own: Ebb's keys of models are judged where
// these are made.
std::vector<Family> choosing_keys(const Extensions* own);

// "; of one_cycle, trapezoid" for a key that some of them read; empty for others, and where there are many.
std::string read_by(std::string_view key, const std::vector<Family>& families);

}  // namespace ebb::detail
