#include "lab/audit/audit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "framework/compute/basic.h"
#include "framework/ops/loss.h"
#include "framework/ops/shape.h"
#include "framework/tensor/error.h"
#include "lab/audit/felt_norms.h"
#include "lab/audit/predict.h"
#include "optim/channels.h"
#include "optim/decay_course.h"

namespace ebb {
namespace {

// Buffers and gradients as they were, to be put back; the recorded pass has its own.
class Untouched {
 public:
  explicit Untouched(Module& model) {
    for (const NamedBuffer& b : model.named_buffers())
      buffers_.emplace_back(&b.buffer->value(), b.buffer->value().clone());
    for (Parameter* const p : model.parameters()) {
      gradients_.emplace_back(p, p->grad());
      p->zero_grad();
    }
  }
  ~Untouched() {
    for (auto& [place, copy] : buffers_) std::ranges::copy(copy.bytes(), place->mutable_bytes().begin());
    for (auto& [parameter, gradient] : gradients_) {
      parameter->zero_grad();
      if (gradient.defined()) parameter->accumulate(std::move(gradient));
    }
  }
  Untouched(const Untouched&) = delete;
  Untouched& operator=(const Untouched&) = delete;

 private:
  std::vector<std::pair<Tensor*, Tensor>> buffers_;
  std::vector<std::pair<Parameter*, Tensor>> gradients_;
};

bool acts(const DecayTerms& t) {
  return t.l2_gradient != 0 || t.l1_gradient != 0 || t.l2_update != 0 || t.shrink != 0 || t.divide != 1 ||
         t.threshold != 0;
}

double mean_square(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return values.empty() ? AuditRow::missing : sum / static_cast<double>(values.size());
}

// Norms by channel of the parameter, as granularity says.
ChannelView view_of(const Parameter& parameter, const std::string& granularity) {
  if (granularity == "whole") return {.rows = 1, .columns = parameter.shape().size(), .by_row = true};
  return channel_view(parameter);
}

// A group of the optimizer at its peak.
struct Peak {
  DecayCourse course;
  DecayTerms terms;
  UpdateModel update;
  bool predictable = true;
};

Peak peak_of(const Optimizer& optimizer, std::size_t group, std::int64_t steps) {
  Peak out;
  out.course = decay_course(optimizer, group, steps);
  out.terms = optimizer.terms(group, out.course.peak);
  out.update = optimizer.update_model(group, out.course.peak.momentum);
  const Decay& decay = optimizer.decay(group);
  // A second moment that decay asks for is known after the first step.
  out.predictable = !decay.from_start && !(decay.wants_v_hat && optimizer.steps() == 0);
  return out;
}

void measure(AuditRow& row, const Parameter& parameter, const Peak* peak) {
  const ChannelView view = view_of(parameter, row.granularity);
  const auto channels = static_cast<std::size_t>(view.channels());
  std::vector<double> ww(channels), gg(channels, 0.0);
  if (channels == 0) return;
  channel_dots(view, parameter.value(), parameter.value(), ww.data());
  const bool gradient = parameter.grad().defined();
  if (gradient) channel_dots(view, parameter.grad(), parameter.grad(), gg.data());
  row.norm = std::sqrt(mean_square(ww));
  std::vector<double> wg(channels);
  for (std::size_t c = 0; c < channels; ++c) wg[c] = ww[c] * gg[c];
  if (gradient) row.gradient_at_unit_norm = std::sqrt(mean_square(wg));
  if (peak == nullptr || row.frozen || row.position != Position::feeds_norm || row.joint > 1) return;
  const UpdateModel& update = peak->update;
  const double lr = peak->course.peak.lr;
  const bool linear = update.kind == UpdateModel::Kind::linear;
  if (update.kind != UpdateModel::Kind::unknown) row.effective_lr = linear ? lr / mean_square(ww) : lr / row.norm;
  if (!gradient || !peak->predictable) return;
  const auto predict = [&](const DecayTerms& terms, double& norm, double& angle) {
    std::vector<double> squares, angles;
    for (std::size_t c = 0; c < channels; ++c) {
      const std::optional<Equilibrium> rest =
          equilibrium(update, terms, lr, std::sqrt(wg[c]), static_cast<double>(view.values()));
      if (!rest) continue;
      squares.push_back(rest->norm * rest->norm);
      angles.push_back(rest->angle * rest->angle);
    }
    norm = std::sqrt(mean_square(squares));
    angle = std::sqrt(mean_square(angles)) * 180 / std::numbers::pi;
  };
  predict(peak->terms, row.predicted_norm, row.predicted_angle);
  predict(doubled(peak->terms), row.doubled_norm, row.doubled_angle);
}

std::string law_of(const Symmetry& symmetry) {
  switch (symmetry.kind) {
    case Symmetry::Kind::scale:
      return "the function does not change; the norm goes to where decay and updates balance, and sets how fast the "
             "weight "
             "turns";
    case Symmetry::Kind::shift:
      return "no gradient along it: w_t = w_0 prod(1 - shrink_t), for optimizers that are linear in the gradient";
    case Symmetry::Kind::rescale: return "decay balances both sides: the difference of their squared norms goes to 0";
  }
  return {};
}

class Auditor {
 public:
  // \param eps whether small constants in sums are taken for the eps of norms.
  Auditor(Module& model, const LossOf& loss, const Optimizer* optimizer, const AuditOptions& options, bool eps)
      : model_(model), optimizer_(optimizer), options_(options) {
    const std::vector<NamedParameter> parameters = model.named_parameters();
    const DType dtype = parameters.empty() ? DType::f32 : parameters[0].parameter->value().dtype();
    const Untouched untouched(model);
    {
      Tape tape;
      const SmallConstants constants;
      const Var value = loss(dtype);
      out_.network = network_of(tape, parameters, value, constants);
      if (!eps)
        for (NetworkValue& v : out_.network.values) v.eps = -1, v.eps_share = 0;
      tape.backward(value);
    }
    find();
    if (optimizer_ != nullptr)
      for (std::size_t g = 0; g < optimizer_->groups().size(); ++g)
        peaks_.push_back(peak_of(*optimizer_, g, options_.steps));
    for (std::size_t i = 0; i < parameters.size(); ++i) add_row(i);
  }

  void probe(const LossOf& loss) {
    std::vector<Symmetry> known;
    for (const AuditedSymmetry& s : out_.symmetries) known.push_back(s.symmetry);
    Probe probe(model_, loss, out_.network, std::move(known), options_.travel);
    std::vector<ProbeResult> seen = probe.confirm_all();
    for (std::size_t i = 0; i < seen.size(); ++i) {
      AuditedSymmetry& s = out_.symmetries[i];
      s.probe = std::move(seen[i]);
      if (!s.probe->confirmed && s.probe->reason.empty())
        out_.problems.push_back(ebb::text(ebb::text(s.symmetry),
                                          ": travel calls it a symmetry, but the loss changes by ",
                                          rounded(s.probe->change, 3), " of itself"));
    }
    for (std::string& sentence : probe.missed()) out_.problems.push_back(std::move(sentence));
  }

  // Whether something is taken for the eps of a norm, and a symmetry was not confirmed.
  bool refutes_eps() const {
    return std::ranges::any_of(out_.network.values, [](const NetworkValue& v) { return v.eps >= 0; }) &&
           std::ranges::any_of(out_.symmetries, [](const auto& s) { return s.probe && !s.probe->confirmed; });
  }

  Audit take() {
    look_at_groups();
    for (std::string& sentence : felt_norms(out_.network, positions_)) out_.warnings.push_back(std::move(sentence));
    return std::move(out_);
  }

 private:
  void find() {
    const std::vector<Symmetry> shifts = shift_symmetries(out_.network, options_.travel);
    std::vector<Symmetry> all = row_symmetries(out_.network);
    // A table whose rows may be scaled may be scaled as a whole.
    const auto by_rows = [&, rows = all.size()](const Symmetry& s) {
      return s.parts.size() == 1 &&
             std::any_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(rows),
                         [&](const Symmetry& r) { return r.parts[0].parameter == s.parts[0].parameter; });
    };
    for (Symmetry& s : scale_symmetries(out_.network, shifts, options_.travel))
      if (!by_rows(s)) all.push_back(std::move(s));
    all.insert(all.end(), shifts.begin(), shifts.end());
    std::ranges::stable_sort(all, {}, &Symmetry::kind);
    positions_ = positions_of(out_.network, all);
    for (Symmetry& s : all) {
      std::string law = law_of(s);
      out_.symmetries.push_back({.symmetry = std::move(s), .probe = {}, .law = std::move(law)});
    }
  }

  void add_row(std::size_t i) {
    const NamedParameter& p = out_.network.parameters[i];
    AuditRow row;
    row.path = p.path;
    row.role = p.parameter->role();
    row.shape = p.parameter->shape();
    row.position = positions_[i];
    row.frozen = p.parameter->frozen();
    for (const AuditedSymmetry& s : out_.symmetries)
      if (row.granularity.empty() && s.symmetry.kind != Symmetry::Kind::rescale &&
          std::ranges::any_of(s.symmetry.parts,
                              [&](const auto& part) { return part.parameter == static_cast<int>(i); }))
        row.granularity = s.symmetry.granularity(), row.joint = joint(s.symmetry);
    const Peak* peak = nullptr;
    if (optimizer_ != nullptr) {
      const auto state = std::ranges::find(optimizer_->parameters(), p.parameter, &ParameterState::parameter);
      if (state == optimizer_->parameters().end()) {
        out_.problems.push_back(
            ebb::text(p.path, " is in no group of the optimizer: it is never updated and never decayed"));
      } else {
        peak = &peaks_[state->group];
        describe_decay(row, state->group);
      }
    }
    measure(row, *p.parameter, peak);
    judge(row, *p.parameter);
    out_.rows.push_back(std::move(row));
  }

  // Weights, and tables, that are scaled by one factor. A bias goes with its weight.
  std::int64_t joint(const Symmetry& symmetry) const {
    if (symmetry.kind != Symmetry::Kind::scale) return 1;
    return std::max<std::int64_t>(
        1, std::ranges::count_if(symmetry.parts, [&](const Symmetry::Part& part) {
          return out_.network.parameters[static_cast<std::size_t>(part.parameter)].parameter->shape().rank() > 1;
        }));
  }

  void describe_decay(AuditRow& row, std::size_t group) {
    row.group = optimizer_->groups()[group].name;
    row.decay = optimizer_->decay(group).text();
    if (row.frozen) return;
    const DecayCourse& course = peaks_[group].course;
    row.decayed = acts(peaks_[group].terms);
    row.lr = course.peak.lr;
    if (!course.depends) row.shrink = course.shrink;
    if (row.decayed && course.left && course.pull == 0) row.left = *course.left;
    if (row.shrink > 0) row.timescale_steps = 1 / row.shrink;
    if (options_.steps_per_epoch > 0) row.timescale_epochs = row.timescale_steps / options_.steps_per_epoch;
  }

  void judge(const AuditRow& row, const Parameter& parameter) {
    if (row.position == Position::unused && !row.frozen)
      out_.problems.push_back(ebb::text(row.path, " has no path to the loss: it gets no gradient"));
    if (row.shrink > 0 && row.shrink < 0x1p-25 && parameter.value().dtype() == DType::f32)
      out_.problems.push_back(
          ebb::text(row.path, " shrinks by ", rounded(row.shrink, 3), " a step, which rounds to nothing in f32"));
    if (row.position == Position::cancelled && row.decayed)
      out_.warnings.push_back(
          ebb::text(row.path, " is decayed, but the norm behind it removes it: decay only moves it to 0"));
  }

  void look_at_groups() {
    if (optimizer_ == nullptr) return;
    for (const Group& group : optimizer_->groups())
      if (group.members.empty())
        out_.problems.push_back(ebb::text("group \"", group.name, "\" (", group.selector, ") takes no parameter"));
  }

  Module& model_;
  const Optimizer* optimizer_;
  const AuditOptions& options_;
  std::vector<Position> positions_;
  std::vector<Peak> peaks_;  // of the groups
  Audit out_;
};

Audit audited(Module& model, const LossOf& loss, const LossOf& probed, const Optimizer* optimizer,
              const AuditOptions& options) {
  const auto with = [&](bool eps) {
    Auditor auditor(model, loss, optimizer, options, eps);
    if (options.probe) auditor.probe(probed);
    return auditor;
  };
  Auditor auditor = with(true);
  return auditor.refutes_eps() ? with(false).take() : auditor.take();
}

}  // namespace

Audit audit(Module& model, const LossOf& loss, const Optimizer* optimizer, const AuditOptions& options) {
  return audited(model, loss, loss, optimizer, options);
}

Audit audit(Layer& model, const Tensor& images, const Tensor& labels, const Optimizer* optimizer,
            const AuditOptions& options) {
  if (!images.defined() || !labels.defined() || images.rank() < 1 || images.dim(0) < 1)
    fail("audit", "no images", "a batch of at least one sample");
  const auto loss_of = [&](const Tensor& x, const Tensor& y, DType dtype) {
    return softmax_cross_entropy(model(cast(x, dtype)), y, {.label_smoothing = options.label_smoothing});
  };
  const std::int64_t few = std::min(options.probe_batch, images.dim(0));
  const Tensor some = slice(images, 0, 0, few).value(), theirs = slice(labels, 0, 0, few).value();
  return audited(
      model, [&](DType dtype) { return loss_of(images, labels, dtype); },
      [&](DType dtype) { return loss_of(some, theirs, dtype); }, optimizer, options);
}

}  // namespace ebb
