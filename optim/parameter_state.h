/// \file
/// What a step works with: a parameter with the optimizer's numbers for it, and the numbers of the step.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "framework/autograd/parameter.h"
#include "optim/decay.h"

namespace ebb {

/// A parameter and the optimizer's numbers for it.
struct ParameterState {
  std::string path;                ///< Key of the state.
  Parameter* parameter = nullptr;  ///< Never null.
  std::size_t group = 0;           ///< Index of its group.
  Shape shape = {};                ///< Of the parameter when the optimizer was made, and at every step since.
  std::array<Tensor, 3> s = {};    ///< As named by Optimizer::state_names(); undefined before the first update.
  Tensor start = {};               ///< Value before the first step, when its decay needs it.
  std::int64_t updates = 0;        ///< Updates it took part in: bias corrections count these.
  double product = 1;              ///< A running product, for rules that keep one.
};

/// The numbers of one step for one group.
struct Step {
  StepContext context = {};   ///< What the decay rule saw.
  DecayTerms terms = {};      ///< What it answered.
  double gradient_scale = 1;  ///< Multiplies gradients: averaging and norm clipping.
  double gradient_limit = 0;  ///< Largest |gradient|, 0 for none.
};

}  // namespace ebb
