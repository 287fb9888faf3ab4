// The keys of recipes: private to lab/recipe.
#pragma once

#include <vector>

#include "lab/recipe/field.h"

namespace ebb::detail {

struct Section {
  const char* title;
  std::vector<Field<Recipe>> fields;
};

const std::vector<Section>& sections();                 // all keys of a recipe but `groups`
const std::vector<Field<GroupRecipe>>& group_fields();  // those of [[groups]]

}  // namespace ebb::detail
