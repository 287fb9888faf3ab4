// The filters of a run's network, for its report.
#pragma once

#include <optional>

#include "lab/runs/evaluation_record.h"
#include "lab/use/filters.h"

namespace ebb {

// Those of the first convolution, as filter_sheet() draws them; nothing where the network does not begin with one, or
// cannot be looked into.
// \param image `[h, w, c]`. \param weights of the network, which need not be those that `model` holds.
std::optional<FilterRecord> filter_record(Layer& model, const Shape& image, const State& weights);

}  // namespace ebb
