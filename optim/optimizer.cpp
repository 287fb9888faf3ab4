#include "optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "framework/compute/basic.h"
#include "framework/compute/root_of_squares.h"
#include "framework/tensor/error.h"
#include "optim/pass.h"

namespace ebb {

namespace {

// Values may be replaced by others; shapes and types are what state and gradient have.
void require_unchanged(const std::string& optimizer, const ParameterState& p) {
  const Tensor& w = p.parameter->value();
  if (!w.defined() || !(w.shape() == p.shape))
    fail(optimizer, w.defined() ? text(p.path, " of shape ", w.shape()) : text(p.path, " without a value"),
         text(p.shape, ", as when the optimizer was made"), "make a new optimizer for a parameter of another shape");
  for (const Tensor& s : p.s)
    if (s.defined() && is_float(s.dtype()) && s.dtype() != w.dtype())
      fail(optimizer, text(p.path, " is ", w.dtype(), ", its state ", s.dtype()), "one element type",
           "convert the model before the optimizer is made");
  if (p.start.defined() && p.start.dtype() != w.dtype())
    fail(optimizer, text(p.path, " is ", w.dtype(), ", its start ", p.start.dtype()), "one element type",
         "convert the model before the optimizer is made");
  const Tensor& gradient = p.parameter->grad();
  if (gradient.defined() && (!(gradient.shape() == p.shape) || gradient.dtype() != w.dtype()))
    fail(optimizer, text("a gradient ", gradient.shape(), ' ', gradient.dtype(), " for ", p.path),
         text(p.shape, ' ', w.dtype()), "zero_grad() and run backward() again after a value was replaced");
}

}  // namespace

Optimizer::~Optimizer() = default;

Optimizer::Optimizer(std::string name, Groups groups, CommonOptions common)
    : name_(std::move(name)), common_(std::move(common)), groups_(groups.list()) {
  check_options();
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (const Member& member : groups_[g].members)
      parameters_.push_back(
          {.path = member.path, .parameter = member.parameter, .group = g, .shape = member.parameter->shape()});
  steps_.resize(groups_.size());
  parts_.resize(parameters_.size());
  mean_v_hat_.assign(groups_.size(), 1.0);
  if (common_.plateau) plateau_.options = *common_.plateau;
}

void Optimizer::check_options() const {
  if (!std::isfinite(common_.lr) || common_.lr < 0) fail(name_, text("lr = ", common_.lr), "a finite number >= 0");
  if (common_.momentum && !(*common_.momentum >= 0 && *common_.momentum < 1))
    fail(name_, text("momentum = ", *common_.momentum), "a number from 0 to below 1");
  if (common_.gradient.accumulate < 1) fail(name_, text("accumulate = ", common_.gradient.accumulate), "1 or more");
  const Clip& clip = common_.gradient.clip;
  if (clip.kind != Clip::Kind::none && !(std::isfinite(clip.limit) && clip.limit > 0))
    fail(name_, text("a clipping limit of ", clip.limit), "a finite number > 0");
  if (common_.plateau && !(common_.plateau->factor > 0 && common_.plateau->factor < 1))
    fail(name_, text("a plateau factor of ", common_.plateau->factor), "a number between 0 and 1");
  for (const Group& group : groups_)
    if (group.options.momentum && !common_.momentum)
      fail(name_, text("momentum set in group \"", group.name, '"'), "an optimizer with momentum", "leave it unset");
}

bool Optimizer::step() {
  if (++gathered_ < common_.gradient.accumulate) return false;
  return update_all(std::exchange(gathered_, 0));
}

bool Optimizer::flush() { return gathered_ > 0 && update_all(std::exchange(gathered_, 0)); }

// An update by gradients that were summed over so many calls of step().
bool Optimizer::update_all(int calls) {
  classify();
  if (common_.gradient.non_finite != NonFinite::ignore && !gradients_finite()) {
    ++skipped_;
    return false;
  }
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    steps_[g] = Step{.context = context(g)};
    steps_[g].gradient_scale = 1.0 / calls;
    if (!decay(g).wants_v_hat) steps_[g].terms = terms(g, steps_[g].context);
  }
  clip();
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    if (!decay(g).wants_v_hat) continue;
    measure_v_hat(g);
    steps_[g].terms = terms(g, steps_[g].context);
  }

  watching_.clear();
  for (StepObserver* const observer : observers_)
    if (observer->wants(step_)) watching_.push_back(observer);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (parts_[i] == Part::none) continue;
    ParameterState& p = parameters_[i];
    make_state(p);
    for (StepObserver* const observer : watching_) observer->before(p, steps_[p.group]);
    if (parts_[i] == Part::full) {
      update(p, steps_[p.group]);
      ++p.updates;
    } else {
      apply(p, steps_[p.group], Tensor::zeros(p.parameter->shape(), p.parameter->value().dtype()));
    }
    const std::optional<AfterStep>& after = groups_[p.group].options.after_step;
    if (after && after->apply) after->apply(*p.parameter);
    for (StepObserver* const observer : watching_) observer->after(p, steps_[p.group]);
  }
  for (StepObserver* const observer : watching_) observer->done(step_);
  ++step_;
  return true;
}

void Optimizer::zero_grad() {
  if (gathered_ != 0) return;
  for (ParameterState& p : parameters_) p.parameter->zero_grad();
}

void Optimizer::skip() {
  gathered_ = 0;
  ++skipped_;
  zero_grad();
}

void Optimizer::observe(double metric) {
  if (!common_.plateau) fail(name_, "observe() without a plateau", "the option .plateau", "set it, or a schedule");
  plateau_.observe(metric);
}

void Optimizer::set_base_lr(double lr) {
  if (!std::isfinite(lr) || lr < 0) fail(name_, text("lr = ", lr), "a finite number >= 0");
  common_.lr = lr;
}

const Decay& Optimizer::decay(std::size_t group) const {
  const std::optional<Decay>& own = groups_.at(group).options.decay;
  return own ? *own : common_.decay;
}

StepContext Optimizer::context(std::size_t group) const {
  StepContext c = planned_context(group, step_);
  c.schedule *= plateau_.multiplier;
  c.lr = c.base_lr * c.schedule;
  return c;
}

UpdateModel Optimizer::response(std::size_t /*group*/, double /*momentum*/) const { return {}; }

bool Optimizer::stands_still(std::size_t group, std::int64_t step) const {
  const std::optional<std::int64_t>& until = groups_.at(group).options.until;
  return until && step >= *until;
}

StepContext Optimizer::planned_context(std::size_t group, std::int64_t step) const {
  const GroupOptions& options = groups_.at(group).options;
  const Decay& kind = decay(group);
  StepContext c;
  c.step = step;
  c.base_lr = common_.lr * options.lr_scale;
  c.schedule = (options.schedule ? *options.schedule : common_.schedule)(step);
  c.lr = c.base_lr * c.schedule;
  c.lambda = kind.lambda.at(step);
  c.l1 = kind.l1.at(step);
  c.momentum = options.momentum.value_or(common_.momentum.value_or(0)) * common_.momentum_schedule(step);
  c.mean_v_hat = mean_v_hat_[group];
  if (stands_still(group, step)) c.schedule = c.lr = c.lambda = c.l1 = 0;
  const auto require = [&](double value, const char* what) {
    if (!std::isfinite(value) || value < 0)
      fail(name_, text(what, " = ", value, " at step ", step, " in group \"", groups_[group].name, '"'),
           "a finite number >= 0", "look at its schedule");
  };
  require(c.lr, "lr");
  require(c.lambda, "lambda");
  require(c.l1, "l1");
  if (!(c.momentum >= 0 && c.momentum < 1))
    fail(name_, text("momentum = ", c.momentum, " at step ", step, " in group \"", groups_[group].name, '"'),
         "a number from 0 to below 1", "look at its schedule");
  return c;
}

DecayTerms Optimizer::terms(std::size_t group, const StepContext& context) const {
  const Decay& kind = decay(group);
  if (!kind.rule) return {};
  const DecayTerms t = kind.rule(context);
  const double all[] = {t.l2_gradient, t.l1_gradient, t.l2_update, t.shrink, t.divide, t.threshold};
  const bool finite = std::all_of(std::begin(all), std::end(all), [](double x) { return std::isfinite(x); });
  if (!finite || t.divide <= 0 || t.threshold < 0)
    fail(name_,
         text("decay ", kind.name, " of group \"", groups_[group].name, "\" at step ", context.step, ": shrink ",
              t.shrink, ", l2_gradient ", t.l2_gradient, ", divide ", t.divide, ", threshold ", t.threshold),
         "finite coefficients, divide > 0, threshold >= 0");
  return t;
}

void Optimizer::classify() {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const ParameterState& p = parameters_[i];
    require_unchanged(name_, p);
    if (p.parameter->frozen() || stands_still(p.group, step_)) parts_[i] = Part::none;
    else if (p.parameter->grad().defined()) parts_[i] = Part::full;
    else {
      switch (common_.gradient.no_gradient) {
        case NoGradient::skip: parts_[i] = Part::none; break;
        case NoGradient::decay: parts_[i] = Part::decay_only; break;
        case NoGradient::as_zero: parts_[i] = Part::full; break;
        case NoGradient::fail:
          fail(name_, text("no gradient for ", p.path), "a gradient for every parameter that is not frozen",
               "freeze it, or set no_gradient");
      }
    }
  }
}

bool Optimizer::gradients_finite() const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor& gradient = parameters_[i].parameter->grad();
    if (parts_[i] != Part::full || !gradient.defined() || all_finite(gradient)) continue;
    if (common_.gradient.non_finite == NonFinite::fail)
      fail(name_, text("a gradient of ", parameters_[i].path, " that is not finite, at step ", step_),
           "finite gradients", "lower the lr, or look for the first activation that is not finite");
    return false;
  }
  return true;
}

void Optimizer::clip() {
  const Clip& clip = common_.gradient.clip;
  gradient_norm_ = 0;
  if (clip.kind == Clip::Kind::none) return;
  if (clip.kind == Clip::Kind::value) {
    for (Step& step : steps_) step.gradient_limit = clip.limit;
    return;
  }
  const bool global = clip.kind == Clip::Kind::global_norm;
  const double common = global ? clip_factor(0, groups_.size()) : 1;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const double factor = global ? common : clip_factor(g, g + 1);
    steps_[g].gradient_scale *= factor;
    if (!clip.with_decay) continue;
    steps_[g].terms.l2_gradient *= factor;
    steps_[g].terms.l1_gradient *= factor;
  }
}

// min(1, limit / norm) over the groups; adds their norm to gradient_norm_.
double Optimizer::clip_factor(std::size_t first_group, std::size_t last_group) {
  const Clip& clip = common_.gradient.clip;
  const auto each = [&](auto visit) {
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const ParameterState& p = parameters_[i];
      if (parts_[i] != Part::full || !p.parameter->grad().defined()) continue;
      if (p.group < first_group || p.group >= last_group) continue;
      Step step = steps_[p.group];
      if (!clip.with_decay) step.terms = {};
      visit(p, step);
    }
  };
  const auto squares = [&](double divisor) {
    double total = 0;
    each([&](const ParameterState& p, const Step& step) {
      total += detail::gradient_squares_pass(p, p.parameter->grad(), step, divisor);
    });
    return total;
  };
  DType dtype = DType::f64;  // f32 where one is
  const auto bound = [&] {
    double largest = 0;
    each([&](const ParameterState& p, const Step& step) {
      largest = std::max(largest, detail::gradient_bound(p, p.parameter->grad(), step));
    });
    return largest;
  };
  each([&](const ParameterState& p, const Step&) {
    if (p.parameter->grad().dtype() == DType::f32) dtype = DType::f32;
  });
  const double norm = root_of_squares(dtype, squares, bound);
  gradient_norm_ = std::hypot(gradient_norm_, norm);
  return norm <= clip.limit ? 1 : clip.limit / norm;
}

void Optimizer::measure_v_hat(std::size_t group) {
  double total = 0, count = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    ParameterState& p = parameters_[i];
    if (p.group != group || parts_[i] != Part::full) continue;
    make_state(p);
    total += second_moment(p, steps_[group]);
    count += static_cast<double>(p.parameter->shape().size());
  }
  if (count > 0) mean_v_hat_[group] = total / count;
  steps_[group].context.mean_v_hat = mean_v_hat_[group];
}

void Optimizer::make_state(ParameterState& p) const {
  const Tensor& w = p.parameter->value();
  const std::array<const char*, 3> names = state_names();
  for (std::size_t k = 0; k < names.size(); ++k)
    if (names[k] != nullptr && !p.s[k].defined()) p.s[k] = initial_state(p, k);
  if (decay(p.group).from_start && !p.start.defined()) p.start = w.clone();
}

Tensor Optimizer::initial_state(const ParameterState& p, std::size_t /*k*/) const {
  return Tensor::zeros(p.parameter->shape(), p.parameter->value().dtype());
}

double Optimizer::second_moment(ParameterState& p, const Step&) {
  return static_cast<double>(p.parameter->shape().size());
}

Tensor Optimizer::gradient_of(const ParameterState& p) {
  const Tensor& gradient = p.parameter->grad();
  return gradient.defined() ? gradient : Tensor::zeros(p.parameter->shape(), p.parameter->value().dtype());
}

Tensor Optimizer::effective_gradient(ParameterState& p, const Step& step) {
  Tensor gradient = gradient_of(p);
  if (step.gradient_scale == 1 && step.gradient_limit == 0 && step.terms.l2_gradient == 0 &&
      step.terms.l1_gradient == 0)
    return gradient;
  Tensor out(gradient.shape(), gradient.dtype());
  Step coupled = step;
  coupled.terms.l2_update = 0;
  detail::update_pass(p, gradient, coupled, {.rule = kernels::UpdateRule::gradient}, &out);
  return out;
}

void Optimizer::apply(ParameterState& p, const Step& step, const Tensor& u) {
  Step outside = step;
  outside.gradient_scale = 1;
  outside.gradient_limit = outside.terms.l2_gradient = outside.terms.l1_gradient = 0;
  detail::given_pass(p, outside, u);
}

void Optimizer::update(ParameterState& p, const Step& step) {
  const Tensor gradient = effective_gradient(p, step);
  Tensor u(gradient.shape(), gradient.dtype());
  base_update(gradient, p, step.context, u);
  apply(p, step, u);
}

void Optimizer::base_update(const Tensor&, ParameterState&, const StepContext&, Tensor&) {
  fail(name_, "an optimizer without base_update()", "one that overrides base_update() or update()");
}

}  // namespace ebb
