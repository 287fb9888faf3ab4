// What a file of weights lacks, from options.
#pragma once

#include <string>

#include "lab/use/predictor.h"

namespace ebb::detail {

// The card with all that the options say and that its data's name tells, so that the network can be built and used.
// \param named whether the file says which model it is of. \param where its name.
// \throws Error naming what is still missing, and the option that supplies it.
ModelCard completed(ModelCard card, const PredictorOptions& options, bool named, const std::string& where);

}  // namespace ebb::detail
