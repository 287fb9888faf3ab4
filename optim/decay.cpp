#include "optim/decay.h"

#include <cmath>
#include <ostream>
#include <utility>

#include "framework/tensor/error.h"

namespace ebb {

using S = const StepContext&;
using Terms = DecayTerms;

// The kinds. Each line: name, strength, rule, what it does.
// clang-format off
Decay no_decay()                               { return {}; }
Decay coupled_l2(Lambda l)                     { return {"coupled_l2",          l, [](S s) { return Terms{.l2_gradient = s.lambda}; }, "g += lambda w"}; }
Decay decoupled_lr(Lambda l)                   { return {"decoupled_lr",        l, [](S s) { return Terms{.shrink = s.lambda * s.lr}; }, "w -= lr lambda w"}; }
Decay decoupled_schedule(Lambda l)             { return {"decoupled_schedule",  l, [](S s) { return Terms{.shrink = s.lambda * s.schedule}; }, "w -= schedule lambda w"}; }
Decay decoupled_constant(Lambda l)             { return {"decoupled_constant",  l, [](S s) { return Terms{.shrink = s.lambda}; }, "w -= lambda w"}; }
Decay corrected(Lambda l)                      { return {"corrected",           l, [](S s) { return Terms{.shrink = s.lambda * s.lr * s.schedule}; }, "w -= lr^2/base_lr lambda w"}; }
Decay stable(Lambda l)                         { return {"stable",              l, [](S s) { return Terms{.shrink = s.mean_v_hat == 0 ? 0 : s.lambda * s.lr / std::sqrt(s.mean_v_hat)}; }, "w -= lr lambda/sqrt(mean v_hat) w", 0.0, true}; }
Decay cautious(Lambda l)                       { return {"cautious",            l, [](S s) { return Terms{.shrink = s.lambda * s.lr, .cautious = true}; }, "w -= lr lambda w where u w >= 0"}; }
Decay coupled_l1(Lambda l)                     { return {"coupled_l1",          l, [](S s) { return Terms{.l1_gradient = s.lambda}; }, "g += lambda sign(w)"}; }
Decay coupled_elastic_net(Lambda l1, Lambda l) { return {"coupled_elastic_net", l, [](S s) { return Terms{.l2_gradient = s.lambda, .l1_gradient = s.l1}; }, "g += l1 sign(w) + lambda w", l1}; }
Decay proximal_l1(Lambda l)                    { return {"proximal_l1",         l, [](S s) { return Terms{.threshold = s.lr * s.lambda}; }, "w = soft(w, lr lambda)"}; }
Decay elastic_net(Lambda l1, Lambda l)         { return {"elastic_net",         l, [](S s) { return Terms{.divide = 1 + s.lr * s.lambda, .threshold = s.lr * s.l1}; }, "w = soft(w, lr l1)/(1 + lr lambda)", l1}; }
Decay proximal_l2(Lambda l)                    { return {"proximal_l2",         l, [](S s) { return Terms{.divide = 1 + s.lr * s.lambda}; }, "w = w/(1 + lr lambda)"}; }
Decay update_l2(Lambda l)                      { return {"update_l2",           l, [](S s) { return Terms{.l2_update = s.lambda}; }, "u += lambda w"}; }
// clang-format on

// The same by name.
const std::vector<DecayKind>& decay_kinds() {
  static const std::vector<DecayKind> all{
      DecayKind(coupled_l2),  DecayKind(decoupled_lr), DecayKind(decoupled_schedule), DecayKind(decoupled_constant),
      DecayKind(corrected),   DecayKind(stable),       DecayKind(cautious),           DecayKind(update_l2),
      DecayKind(proximal_l2), DecayKind(coupled_l1),   DecayKind(proximal_l1),        DecayKind(coupled_elastic_net),
      DecayKind(elastic_net)};
  return all;
}

DecayKind::DecayKind(Decay (*kind)(Lambda))
    : name(kind(0.0).name), make([kind](const Lambda& lambda, const Lambda&) { return kind(lambda); }) {}

DecayKind::DecayKind(Decay (*kind)(Lambda, Lambda))
    : name(kind(0.0, 0.0).name),
      two(true),
      make([kind](const Lambda& lambda, const Lambda& l1) { return kind(l1, lambda); }) {}

Decay toward_start(Decay kind) {
  kind.name = "toward_start(" + kind.name + ")";
  kind.from_start = true;
  return kind;
}

Lambda::Lambda(double value) : value_(value) {
  if (!std::isfinite(value) || value < 0)
    fail("lambda", ebb::text(value), "a finite number >= 0", "decay is written with a positive lambda");
}

Lambda::Lambda(double value, Schedule schedule) : Lambda(value) {
  schedule_ = std::move(schedule);
  scheduled_ = true;
}

Lambda operator*(double value, const Schedule& schedule) { return {value, schedule}; }

Lambda Lambda::from(std::int64_t step) const {
  Lambda copy = *this;
  copy.from_ = step;
  return copy;
}

Lambda Lambda::until(std::int64_t step) const {
  Lambda copy = *this;
  copy.until_ = step;
  return copy;
}

std::string Lambda::text() const {
  std::string out = ebb::text(value_);
  if (scheduled_) out += " * " + schedule_.text();
  if (from_ > 0) out += ebb::text(" from ", from_);
  if (until_ != std::numeric_limits<std::int64_t>::max()) out += ebb::text(" until ", until_);
  return out;
}

Decay Decay::from(std::int64_t step) const {
  Decay copy = *this;
  copy.lambda = lambda.from(step);
  copy.l1 = l1.from(step);
  return copy;
}

Decay Decay::until(std::int64_t step) const {
  Decay copy = *this;
  copy.lambda = lambda.until(step);
  copy.l1 = l1.until(step);
  return copy;
}

std::string Decay::text() const {
  if (!rule) return name;
  const std::string second = l1.value() == 0 ? "" : ", l1 " + l1.text();
  return name + ' ' + lambda.text() + second;
}

std::ostream& operator<<(std::ostream& out, const Decay& decay) { return out << decay.text(); }

double normalized_lambda(double lambda_norm, double batch, double points, double epochs) {
  const bool fine = lambda_norm >= 0 && batch > 0 && points > 0 && epochs > 0;
  if (!fine)
    fail("normalized_lambda",
         text("lambda_norm ", lambda_norm, ", batch ", batch, ", points ", points, ", epochs ", epochs),
         "lambda_norm >= 0, the others > 0");
  return lambda_norm * std::sqrt(batch / (points * epochs));
}

}  // namespace ebb
