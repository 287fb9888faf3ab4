#include "optim/elementwise.h"

#include <algorithm>
#include <cmath>

#include "framework/parallel/parallel.h"
#include "framework/tensor/error.h"
#include "optim/channels.h"

namespace ebb {
namespace {

// Removes the part of u along w, channel by channel, when every channel of the gradient is nearly orthogonal to w.
bool project(const Projection& projection, const ChannelView& view, const Tensor& w, const Tensor& g, Tensor& u) {
  const std::int64_t channels = view.channels();
  double* const ww = parallel::scratch<double>(1, 4 * channels);
  double* const gg = ww + channels;
  double* const wg = gg + channels;
  double* const wu = wg + channels;
  channel_dots(view, w, w, ww);
  channel_dots(view, g, g, gg);
  channel_dots(view, w, g, wg);
  const double limit = projection.delta / std::sqrt(static_cast<double>(view.values()));
  bool tells = false;  // a gradient of zero tells nothing
  for (std::int64_t c = 0; c < channels; ++c) {
    const double length = std::sqrt(ww[c]) * std::sqrt(gg[c]);
    if (length == 0) continue;
    if (!(std::abs(wg[c]) < limit * length)) return false;
    tells = true;
  }
  if (!tells) return false;
  channel_dots(view, w, u, wu);
  for (std::int64_t c = 0; c < channels; ++c) wu[c] = ww[c] > 0 ? -wu[c] / ww[c] : 0;
  channel_axpy(view, wu, w, u);
  return true;
}

}  // namespace

ElementwiseOptimizer::ElementwiseOptimizer(std::string name, Groups groups, CommonOptions common,
                                           std::optional<Projection> projection)
    : Optimizer(std::move(name), std::move(groups), std::move(common)), projection_(projection) {
  if (projection_ && !(projection_->delta >= 0 && projection_->wd_ratio >= 0))
    fail(this->name(), text("projection with delta ", projection_->delta, ", wd_ratio ", projection_->wd_ratio),
         "numbers >= 0");
}

Tensor ElementwiseOptimizer::computed_update(ParameterState& p, const Step& step) {
  Tensor u(p.parameter->shape(), p.parameter->value().dtype());
  detail::update_pass(p, gradient_of(p), step, base_rule(p, step.context), &u);
  after_update(p, step.context);
  return u;
}

void ElementwiseOptimizer::update(ParameterState& p, const Step& step) {
  if (!projection_ || p.parameter->shape().rank() < 2) {
    detail::update_pass(p, gradient_of(p), step, base_rule(p, step.context), nullptr);
    after_update(p, step.context);
    return;
  }
  Step before = step;
  before.terms.l2_update = 0;
  Tensor u = computed_update(p, before);
  Step projected = step;
  const Tensor& w = p.parameter->value();
  const Tensor g = gradient_of(p);
  const std::int64_t size = w.size();
  if (project(*projection_, channel_view(*p.parameter), w, g, u) ||
      project(*projection_, {.rows = 1, .columns = size, .by_row = true}, w, g, u))
    projected.terms.shrink *= projection_->wd_ratio;
  apply(p, projected, u);
}

double ElementwiseOptimizer::second_moment(ParameterState& p, const Step& step) {
  const detail::BaseRule base = base_rule(p, step.context);
  if (!kernels::has_second_moment(base.rule)) return Optimizer::second_moment(p, step);
  return base.v_hat * detail::second_moment_pass(p, gradient_of(p), step, base);
}

}  // namespace ebb
