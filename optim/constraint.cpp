#include "optim/constraint.h"

#include <cmath>

#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "optim/channels.h"

namespace ebb {
namespace {

void require_positive(const char* rule, double value) {
  if (!std::isfinite(value) || value <= 0) fail(rule, text(value), "a finite number > 0");
}

// Scales each channel by factor(its norm).
template <class Factor>
void scale_channels(Parameter& parameter, Factor factor) {
  Tensor& w = parameter.value();
  const ChannelView view = channel_view(parameter);
  double* const numbers = parallel::scratch<double>(1, view.channels());
  channel_dots(view, w, w, numbers);
  for (std::int64_t c = 0; c < view.channels(); ++c) numbers[c] = factor(std::sqrt(numbers[c]));
  channel_scale(view, numbers, w);
}

}  // namespace

AfterStep max_norm(double limit) {
  require_positive("max_norm", limit);
  return {text("max_norm(", limit, ")"), [limit](Parameter& parameter) {
            scale_channels(parameter, [limit](double norm) { return norm > limit ? limit / norm : 1.0; });
          }};
}

AfterStep unit_norm(double wanted) {
  require_positive("unit_norm", wanted);
  return {text("unit_norm(", wanted, ")"), [wanted](Parameter& parameter) {
            scale_channels(parameter, [wanted](double norm) { return norm > 0 ? wanted / norm : 1.0; });
          }};
}

}  // namespace ebb
