/// \file
/// Models by name, for programs and configuration files.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framework/nn/layer.h"

namespace ebb {

/// What every model of the registry must be told.
struct ModelOptions {
  Shape image{28, 28, 1};     ///< `[h, w, c]` of an input.
  std::int64_t classes = 10;  ///< Number of logits.
};

/// The model called `name`, built from `rng`: `[n, h, w, c]` -> `[n, classes]` logits.
/// \throws Error with the known names, and the nearest one, when there is no such model.
std::unique_ptr<Layer> make_model(std::string_view name, const ModelOptions& options, const Rng& rng);

/// All names, sorted.
std::vector<std::string> model_names();

}  // namespace ebb
