#include "lab/use/filters.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "lab/format/numbers.h"
#include "lab/use/called_layers.h"

namespace ebb {
namespace {

constexpr double next_to_nothing = 0.01;  // of the largest norm

}  // namespace

double Filters::largest() const {
  double out = 0;
  for (const double norm : norms) {
    if (!std::isfinite(norm)) return std::numeric_limits<double>::quiet_NaN();
    out = std::max(out, norm);
  }
  return out;
}

std::int64_t Filters::below(double share) const {
  const double most = largest();
  return std::ranges::count_if(norms, [&](double norm) { return most == 0 || norm < share * most; });
}

Filters filters_of(std::string layer, const Tensor& weights) {
  require_defined("filters", "weights", weights);
  if (weights.rank() != 4 || !is_float(weights.dtype()) || weights.size() == 0)
    fail("filters", text("weights ", weights.shape(), ' ', weights.dtype()), "f32 or f64 [kh, kw, in, filters]");
  Filters out{.layer = std::move(layer), .weights = weights, .norms = {}};
  const std::int64_t filters = weights.dim(3), taps = weights.size() / filters;
  const Tensor numbers = cast(weights, DType::f64);
  Tensor one({taps}, DType::f64);
  for (std::int64_t f = 0; f < filters; ++f) {
    for (std::int64_t i = 0; i < taps; ++i) one.mutable_data<double>()[i] = numbers.data<double>()[i * filters + f];
    out.norms.push_back(norm(one));
  }
  return out;
}

Filters first_filters(Layer& model, const Shape& image) {
  const std::vector<CalledLayer> layers = called_layers(model, image);
  const CalledLayer* const first = first_convolution(layers);
  if (first == nullptr) fail("filters", "a network without a convolution", "one that calls a Conv2d");
  return filters_of(first->path, static_cast<Conv2d&>(*first->layer).weight.value());
}

std::string in_words(const Filters& filters) {
  const double most = filters.largest();
  const auto count = static_cast<std::int64_t>(filters.norms.size());
  if (std::isnan(most)) return text("filters of ", filters.layer, " are not finite");
  if (most == 0) return text("all ", count, " filters of ", filters.layer, " are zero");
  const std::int64_t below = filters.below(next_to_nothing);
  return text(below, " of ", count, " filters (", percent(static_cast<double>(below) / static_cast<double>(count)),
              ") of ", filters.layer, below == 1 ? " has" : " have", " a norm below 1 % of the largest, ",
              significant(most, 3));
}

}  // namespace ebb
