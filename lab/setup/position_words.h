// Positions as words of a recipe's selectors: private to the setup.
#pragma once

#include <optional>
#include <string>

#include "lab/recipe/recipe.h"
#include "lab/recipe/selector_text.h"
#include "lab/setup/build.h"

namespace ebb {

class PositionWords {
 public:
  explicit PositionWords(Recorded record) : record_(std::move(record)) {}

  // The names of all positions. The pass is recorded when the first of them is met. A position where no parameter
  // stands is an error, unless the group may be empty. This object must outlive what is returned.
  SelectorWords of(const GroupRecipe& group);

 private:
  Selector select(const std::string& name, const GroupRecipe& group);

  Recorded record_;
  std::optional<Audit> audit_;
};

}  // namespace ebb
