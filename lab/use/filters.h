/// \file
/// The filters of a network's first convolution, and how many of them decay has put to rest.
#pragma once

#include <string>
#include <vector>

#include "framework/nn/layer.h"

namespace ebb {

/// Filters of a convolution.
struct Filters {
  std::string layer = {};     ///< Path of the convolution.
  Tensor weights = {};        ///< `[kh, kw, in/groups, filters]`, shared with the network.
  std::vector<double> norms;  ///< Euclidean, one for each filter.

  /// The largest norm; NaN where a weight is not finite.
  double largest() const;

  /// How many filters have a norm below `share` of the largest; all of them where that is 0.
  std::int64_t below(double share) const;
};

/// The weights of a convolution and their norms.
/// \param weights f32 or f64 `[kh, kw, in/groups, filters]`. \throws Error for others.
Filters filters_of(std::string layer, const Tensor& weights);

/// The filters of the first convolution that the network calls, whatever made them: whitening filters are shown as
/// they are. \param image `[h, w, c]`. \throws Error when it calls none.
Filters first_filters(Layer& model, const Shape& image);

/// "2 of 32 filters (6.25 %) of conv1 have a norm below 1 % of the largest, 0.83".
std::string in_words(const Filters& filters);

}  // namespace ebb
