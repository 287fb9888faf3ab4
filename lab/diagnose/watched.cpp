#include "lab/diagnose/watched.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "framework/compute/basic.h"
#include "lab/audit/predict.h"
#include "optim/decay_course.h"

namespace ebb::detail {
namespace {

constexpr double degrees = 180 / std::numbers::pi;

// Scales and shifts of norms are numbers side by side, each one a channel.
ChannelView view_of(const Parameter& parameter, bool whole) {
  const std::int64_t size = parameter.shape().size();
  if (whole) return {.rows = 1, .columns = size, .by_row = true};
  if (parameter.role() == Role::norm_scale || parameter.role() == Role::norm_shift)
    return {.rows = size, .columns = 1, .by_row = true};
  return channel_view(parameter);
}

double cosine(double product, double a, double b) { return a > 0 && b > 0 ? product / std::sqrt(a * b) : 0; }

// The norm of the mean of the columns.
double mean_column(const Tensor& w) {
  return dispatch("diagnosis", w.dtype(), [&](auto zero) {
    const auto* const values = w.data<decltype(zero)>();
    const std::int64_t columns = w.dim(1);
    double squares = 0;
    for (std::int64_t row = 0; row < w.dim(0); ++row) {
      double sum = 0;
      for (std::int64_t c = 0; c < columns; ++c) sum += static_cast<double>(values[row * columns + c]);
      squares += sum * sum;
    }
    return std::sqrt(squares) / static_cast<double>(columns);
  });
}

double share_below(const Tensor& w, double limit) {
  return dispatch("diagnosis", w.dtype(), [&](auto zero) {
    const auto* const values = w.data<decltype(zero)>();
    const auto count =
        std::count_if(values, values + w.size(), [&](auto v) { return std::abs(static_cast<double>(v)) < limit; });
    return static_cast<double>(count) / static_cast<double>(w.size());
  });
}

}  // namespace

Watched::Watched(const ParameterState& state, const Audit& audit)
    : parameter_(state.parameter), group_(state.group), path_(state.path) {
  const auto& known = audit.network.parameters;
  const auto at = std::ranges::find(known, state.parameter, &NamedParameter::parameter);
  const auto number = static_cast<std::size_t>(at - known.begin());
  if (number < audit.rows.size()) position_ = audit.rows[number].position, joint_ = audit.rows[number].joint;
  const bool whole = position_ == Position::feeds_norm && audit.rows[number].granularity == "whole";
  view_ = view_of(*parameter_, whole);
  divide(audit, number);
  moments_.resize(static_cast<std::size_t>(view_.channels()));
  by_unit_.resize(units_);
  previous_squares.resize(units_);
  clear();
}

// Channels that are invariant only together are one unit.
void Watched::divide(const Audit& audit, std::size_t number) {
  const auto channels = static_cast<std::size_t>(view_.channels());
  constexpr std::size_t none = SIZE_MAX;
  unit_.assign(channels, none);
  for (const AuditedSymmetry& s : audit.symmetries) {
    if (position_ != Position::feeds_norm || s.symmetry.kind != Symmetry::Kind::scale || units_ > 0) continue;
    for (std::size_t part = 0; part < s.symmetry.parts.size(); ++part) {
      if (s.symmetry.parts[part].parameter != static_cast<int>(number)) continue;
      for (const Symmetry::Unit& unit : s.symmetry.units) {
        if (unit[part].empty()) continue;
        for (const std::int64_t c : unit[part])
          if (c >= 0 && c < view_.channels()) unit_[static_cast<std::size_t>(c)] = units_;
        ++units_;
      }
    }
  }
  for (std::size_t& unit : unit_)
    if (unit == none) unit = units_++;
  values_.assign(units_, 0.0);
  for (const std::size_t unit : unit_) values_[unit] += static_cast<double>(view_.values());
}

DiagnosisRow Watched::named(const Optimizer& optimizer) const {
  DiagnosisRow out;
  out.parameter = path_;
  out.position = name(position_);
  out.role = name(parameter_->role());
  out.group = optimizer.groups()[group_].name;
  out.values = parameter_->shape().size();
  out.channels = static_cast<std::int64_t>(units_);
  out.joint = joint_;
  return out;
}

void Watched::clear() {
  window = {};
  window.channels.assign(sums * units_, 0.0);
}

void Watched::keep_weight() {
  const Tensor& w = parameter_->value();
  if (!before_.defined()) {
    before_ = Tensor(w.shape(), w.dtype());
    if (!previous.defined()) previous = Tensor::zeros(w.shape(), w.dtype());
  }
  copy_into(before_, w);
}

void Watched::add(const Step& step, const UpdateModel& update, std::int64_t number) {
  const UpdateTensors tensors{.before = before_,
                              .after = parameter_->value(),
                              .gradient = parameter_->grad(),
                              .gradient_scale = step.gradient_scale,
                              .gradient_limit = step.gradient_limit,
                              .previous = &previous};
  measure_moments(view_, tensors, moments_.data());
  std::ranges::fill(by_unit_, Moments{});
  for (std::size_t c = 0; c < moments_.size(); ++c) by_unit_[unit_[c]].add(moments_[c]);

  const double lr = step.context.lr;
  const DecayTerms& t = step.terms;
  const bool linear = update.kind == UpdateModel::Kind::linear, known = update.kind != UpdateModel::Kind::unknown;
  const bool follows = previous_step >= 0 && previous_step + 1 == number;
  const double keep = (1 - t.shrink - lr * t.l2_update - lr * update.direct * t.l2_gradient) / t.divide;
  const double gain = lr * update.direct / t.divide;
  for (std::size_t u = 0; u < units_; ++u) {
    const Moments& m = by_unit_[u];
    at(Sum::norm, u) += m.ww;
    at(Sum::gradient, u) += m.gg;
    at(Sum::at_unit, u) += m.ww * m.gg;
    at(Sum::relative, u) += m.ww > 0 ? m.gg / m.ww : 0;
    at(Sum::cosine_gradient, u) += cosine(m.wg, m.ww, m.gg);
    at(Sum::update, u) += m.dd;
    at(Sum::cosine_update, u) += cosine(m.wd, m.ww, m.dd);
    at(Sum::angle, u) += m.angle() * m.angle();
    if (known && m.ww > 0) at(Sum::effective_lr, u) += lr / (linear ? m.ww : std::sqrt(m.ww));
    if (follows) at(Sum::lag, u) += cosine(m.gp, m.gg, previous_squares[u]);
    window.taken += m.ww * (1 - keep * keep);
    window.added += gain * gain * m.gg;
    previous_squares[u] = m.gg;
  }
  window.steps += 1;
  if (follows) window.lags += 1;
  previous_step = number;
}

double Watched::mean(Sum kind, std::size_t unit) const {
  const double count = kind == Sum::lag ? window.lags : window.steps;
  const double sum = window.channels[static_cast<std::size_t>(kind) * units_ + unit];
  return count > 0 ? sum / count : DiagnosisRow::missing;
}

ChannelSpread Watched::spread(Sum kind, bool root, double factor) const {
  std::vector<double> values(units_);
  for (std::size_t u = 0; u < units_; ++u) values[u] = factor * (root ? std::sqrt(mean(kind, u)) : mean(kind, u));
  return spread_of_channels(std::move(values));
}

void Watched::measure(DiagnosisRow& out, const Step& step, const UpdateModel& update, double dead) const {
  out.measured = std::llround(window.steps);
  out.lr = step.context.lr;
  out.lambda = step.context.lambda;
  out.shrink = shrink_of(update, step.terms, out.lr);
  out.norm = spread(Sum::norm, true);
  out.gradient = spread(Sum::gradient, true);
  out.gradient_at_unit = spread(Sum::at_unit, true);
  out.relative_gradient = spread(Sum::relative, true);
  out.cosine_gradient = spread(Sum::cosine_gradient, false);
  out.update = spread(Sum::update, true);
  out.cosine_update = spread(Sum::cosine_update, false);
  out.angle = spread(Sum::angle, true, degrees);
  if (position_ == Position::feeds_norm && joint_ == 1 && update.kind != UpdateModel::Kind::unknown)
    out.effective_lr = spread(Sum::effective_lr, false);
  out.lag = spread(Sum::lag, false);
  const Tensor& w = parameter_->value();
  out.whole_norm = std::sqrt(square());
  if (position_ == Position::head && w.rank() == 2) out.class_mean = mean_column(w);
  if (parameter_->role() == Role::norm_scale) out.dead = share_below(w, dead);
  if (position_ == Position::feeds_norm && joint_ == 1) predict(out, step, update);
}

void Watched::predict(DiagnosisRow& row, const Step& step, const UpdateModel& update) const {
  std::vector<double> norm, angle, relative, twice_norm, twice_angle, norm_ratio, angle_ratio, relaxation;
  for (std::size_t u = 0; u < units_; ++u) {
    const double gradient = std::sqrt(mean(Sum::at_unit, u));
    const auto rest = equilibrium(update, step.terms, row.lr, gradient, values_[u]);
    if (!rest || !(gradient > 0)) continue;
    norm.push_back(rest->norm);
    angle.push_back(degrees * rest->angle);
    relative.push_back(gradient / (rest->norm * rest->norm));
    relaxation.push_back(1 / rest->relaxation);
    norm_ratio.push_back(std::sqrt(mean(Sum::norm, u)) / rest->norm);
    angle_ratio.push_back(std::sqrt(mean(Sum::angle, u)) / rest->angle);
    const auto twice = equilibrium(update, doubled(step.terms), row.lr, gradient, values_[u]);
    if (!twice) continue;
    twice_norm.push_back(twice->norm);
    twice_angle.push_back(degrees * twice->angle);
  }
  row.predicted_norm = spread_of_channels(norm).median;
  row.predicted_angle = spread_of_channels(angle).median;
  row.predicted_relative = spread_of_channels(relative).median;
  row.doubled_norm = spread_of_channels(twice_norm).median;
  row.doubled_angle = spread_of_channels(twice_angle).median;
  row.relaxation = spread_of_channels(relaxation).median;
  row.norm_ratio = spread_of_channels(norm_ratio);
  row.angle_ratio = spread_of_channels(angle_ratio);
  const bool plain = update.kind == UpdateModel::Kind::linear && update.gain == 0 && !norm.empty();
  if (plain && window.added > 0) row.balance = window.taken / window.added;
}

double Watched::square() const { return sum_squares(parameter_->value()); }

}  // namespace ebb::detail
