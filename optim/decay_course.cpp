#include "optim/decay_course.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Steps that are looked at in all groups together; of longer runs some steps stand for their neighbours.
constexpr std::int64_t most_steps = std::int64_t{1} << 22;

// One step of a weight without gradient, by a linear update: u = direct g + sum, sum = pole sum + gain g.
struct Move {
  DecayTerms terms;
  UpdateModel update;
  double lr;

  // What multiplies the weight, the sum left out.
  double factor() const {
    const double pull = terms.l2_update + (update.direct + update.gain) * terms.l2_gradient;
    return (1 - terms.shrink - lr * pull) / terms.divide;
  }

  // The share of a weight that it takes in the mean: 1 - (1 - beside) / divide.
  double share() const { return (beside() + (terms.divide - 1)) / terms.divide; }

  // The same without the division at the end.
  double beside() const { return terms.shrink + lr * (terms.l2_update + terms.l2_gradient * update.total()); }

  // What `count` such steps leave of a weight, in the mean.
  double left_after(double count) const {
    if (beside() >= 1) return std::pow(factor(), count);
    return std::exp(count * (std::log1p(-beside()) - std::log(terms.divide)));
  }

  // What it takes off whatever the weight is.
  double pull() const { return terms.threshold + lr * terms.l1_gradient * update.total(); }

  // Largest absolute eigenvalue of the step from (weight, sum) to the next ones.
  double radius() const {
    const double half = (factor() + update.pole) / 2;
    const double from_sum = -lr * update.pole / terms.divide, to_sum = update.gain * terms.l2_gradient;
    const double determinant = factor() * update.pole - from_sum * to_sum;
    const double discriminant = half * half - determinant;
    return discriminant < 0 ? std::sqrt(determinant) : std::abs(half) + std::sqrt(discriminant);
  }
};

// A weight and the sums of its gradients on their way; `sign` of the L1 parts: 0 where they are left out.
struct Weight {
  double w;
  double sign;
  double sum = 0;   // of all gradients, in units of gain
  double rest = 0;  // what the first one has beyond that

  void advance(const Move& move, bool first) {
    const DecayTerms& t = move.terms;
    const UpdateModel& m = move.update;
    const double g = t.l2_gradient * w + t.l1_gradient * sign;
    sum = m.pole * sum + g;
    rest = first ? (m.first_gain - m.gain) * g : m.pole * rest;
    const double u = m.direct * g + m.gain * sum + rest + t.l2_update * w;
    w = (w - (move.lr * u + t.shrink * w) - t.threshold * sign) / t.divide;
  }
};

// Whether gradients decide what these terms come to.
bool depends_on_gradients(const DecayTerms& terms, const Decay& decay, const UpdateModel& update) {
  using Kind = UpdateModel::Kind;
  const bool coupled = terms.l2_gradient != 0 || terms.l1_gradient != 0;
  const bool moments = update.kind == Kind::normalised || update.kind == Kind::unknown;
  return (coupled && update.kind != Kind::linear) || (terms.l2_update != 0 && update.kind == Kind::unknown) ||
         (terms.shrink != 0 && decay.wants_v_hat && moments);
}

// The numbers of a step where schedule and lambda are at their peak.
StepContext peak_context(const Optimizer& optimizer, std::size_t group) {
  StepContext c = optimizer.planned_context(group, 0);
  c.schedule = 1;
  c.lr = c.base_lr;
  c.lambda = optimizer.decay(group).lambda.value();
  c.l1 = optimizer.decay(group).l1.value();
  return c;
}

void note(DecayCourse& course, const Move& move, const StepContext& context) {
  if (move.share() > course.shrink || (course.shrink == 0 && move.lr > course.lr)) course.peak = context;
  course.lr = std::max(course.lr, move.lr);
  course.pull = std::max(course.pull, move.pull());
  course.grows = course.grows || move.radius() > 1 + 1e-9;
  if (move.share() <= course.shrink) return;
  course.shrink = move.share();
  course.step = context.step;
  course.gain = move.terms.l2_gradient > 0 ? move.update.total() : 1;
  course.coupled = move.terms.l2_gradient * course.gain;
  course.multiplier = move.factor();
}

}  // namespace

double shrink_of(const UpdateModel& update, const DecayTerms& terms, double lr) {
  if (terms.l2_gradient != 0 && update.kind != UpdateModel::Kind::linear)
    return std::numeric_limits<double>::quiet_NaN();
  return Move{terms, update, lr}.share();
}

DecayCourse decay_course(const Optimizer& optimizer, std::size_t group, std::int64_t steps) {
  DecayCourse course;
  const Decay& decay = optimizer.decay(group);
  const auto move_of = [&](const StepContext& context) {
    const UpdateModel update = optimizer.update_model(group, context.momentum);
    const DecayTerms terms = optimizer.terms(group, context);
    course.depends = course.depends || depends_on_gradients(terms, decay, update);
    return Move{terms, update, context.lr};
  };
  // What gradients decide is not told.
  const auto known = [&] {
    if (!course.depends) return course;
    return DecayCourse{.lr = course.lr, .peak = course.peak, .depends = true};
  };
  if (steps <= 0) {
    const StepContext peak = peak_context(optimizer, group);
    note(course, move_of(peak), peak);
    return known();
  }
  const std::int64_t budget =
      std::max<std::int64_t>(1, most_steps / static_cast<std::int64_t>(optimizer.groups().size()));
  const std::int64_t stride = (steps - 1) / budget + 1;
  course.rounded = stride > 1;
  Weight one{1, 0}, zero{0, 1};
  for (std::int64_t step = 0; step < steps; step += stride) {
    const StepContext context = optimizer.planned_context(group, step);
    const Move move = move_of(context);
    note(course, move, context);
    if (course.rounded) {
      one.w *= move.left_after(static_cast<double>(std::min(stride, steps - step)));
    } else {
      one.advance(move, step == 0);
      zero.advance(move, step == 0);
    }
  }
  if (course.depends) return known();
  course.left = one.w;
  if (course.pull > 0 && !course.rounded && one.w > 0) course.reach = -zero.w / one.w;
  return course;
}

std::vector<std::string> decay_warnings(const Optimizer& optimizer, std::int64_t steps, DecayFault fault) {
  std::vector<std::string> out;
  for (std::size_t g = 0; g < optimizer.groups().size(); ++g) {
    if (!optimizer.decay(g).rule) continue;
    const DecayCourse course = decay_course(optimizer, g, steps);
    const bool momentum = course.gain != 1;
    const bool takes_all = momentum ? course.shrink >= 1 : course.multiplier <= 0;
    if (!(fault == DecayFault::grows ? course.grows : takes_all)) continue;
    const std::string where = text("group \"", optimizer.groups()[g].name, "\": ", optimizer.decay(g).text(), " takes ",
                                   rounded(course.shrink, 4), " times each weight off it at step ", course.step);
    const std::string does = momentum ? ", momentum counted: weights swing through 0"
                                      : text(": it multiplies them by ", rounded(course.multiplier, 4));
    out.push_back(where + does + (course.grows ? ", and they grow without bound" : "") + "; lower lambda or the lr");
  }
  return out;
}

}  // namespace ebb
