// A net of all that a file or a recipe may speak of, made once: convolution, norm, flattening, linear maps.
#pragma once

#include <vector>

#include "framework/nn/layer.h"
#include "optim/selector.h"

namespace ebb::fuzz {

// Has seen an image of 4x4 pixels: "conv", "bn", "flatten", "fc".
Layer& small_model();

// Its parameters as selectors see them.
const std::vector<Candidate>& candidates();

}  // namespace ebb::fuzz
