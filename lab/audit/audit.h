/// \file
/// What weight decay meets in a network: positions, symmetries, strengths and where they lead.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "framework/nn/layer.h"
#include "lab/audit/network.h"
#include "lab/audit/position.h"
#include "lab/audit/probe.h"
#include "lab/audit/symmetry.h"
#include "lab/audit/travel.h"
#include "optim/optimizer.h"

namespace ebb {

/// A parameter. Numbers that do not exist are NaN. What follows from learning rate and decay is that of the step of the
/// run at which decay takes most of a weight, the schedule's peak: see decay_course().
struct AuditRow {
  std::string path;                     ///< From the root.
  Role role = Role::other;              ///< What it is.
  Shape shape = {};                     ///< Of its value.
  Position position = Position::plain;  ///< Where it stands.
  std::string granularity = {};  ///< By what its scale or shift is free: "channel", "group of 4", "whole"; or empty.
  /// Tensors that have this scale only together, biases apart: above 1 none of them has an equilibrium of its own.
  std::int64_t joint = 1;
  std::string group = {};             ///< Of the optimizer; empty without one, or when it is in none.
  std::string decay = {};             ///< "decoupled_lr 0.0005"; "none"; empty without an optimizer.
  bool frozen = false;                ///< A constant: no update, no decay.
  bool decayed = false;               ///< Whether decay acts on it.
  double lr = missing;                ///< Of its group at the peak.
  double shrink = missing;            ///< Share of the weight that decay takes in a step; of a coupled kind what its
                                      ///< gradient comes to through the optimizer's momentum, where that is a number.
  double timescale_steps = missing;   ///< 1 / shrink.
  double timescale_epochs = missing;  ///< The same in epochs.
  double left = missing;              ///< Share of a weight without gradient that is left at the run's end.
  double norm = missing;              ///< Root mean square, over channels, of the norm of a channel.
  double gradient_at_unit_norm = missing;  ///< Likewise of |w| |g| with the gradient of the recorded pass.
  double predicted_norm = missing;         ///< Where updates and decay balance, with that gradient; feeds_norm only.
  double predicted_angle = missing;        ///< By which a channel then turns in a step, degrees.
  double doubled_norm = missing;           ///< The predicted norm for twice the lambda, with the same gradient.
  double doubled_angle = missing;          ///< The predicted angle likewise.
  double effective_lr = missing;           ///< lr / |w|^2, or lr / |w| where updates are normalised; feeds_norm only.

  /// What stands for a number that does not exist.
  static constexpr double missing = std::numeric_limits<double>::quiet_NaN();
};

/// A symmetry with what the probe saw of it.
struct AuditedSymmetry {
  Symmetry symmetry;                      ///< As travel found it.
  std::optional<ProbeResult> probe = {};  ///< Empty when nothing was probed.
  std::string law = {};                   ///< What decay does along it.
};

/// What audit() found.
struct Audit {
  std::vector<AuditRow> rows;               ///< In the order of declaration; tied parameters once.
  std::vector<AuditedSymmetry> symmetries;  ///< Scalings, then shifts, then rescalings.
  std::vector<std::string> problems;        ///< Sentences that name parameters; empty when all is well.
  std::vector<std::string> warnings;        ///< What is legal and hardly meant, likewise.
  Network network;                          ///< The recorded pass, for drawings.

  Selector select(Position position) const;  ///< The parameters there; prints as "feeds_norm()".
  std::string text() const;                  ///< Tables for people.
  std::string json() const;                  ///< Everything, as JSON: see audit_record_from_json().
  std::string svg() const;                   ///< The network as a picture: see audit_drawing().
};

/// How audit() looks.
struct AuditOptions {
  double steps_per_epoch = 0;    ///< To give timescales in epochs; 0: steps only.
  std::int64_t steps = 0;        ///< Updates of the run; 0: not known, and schedules are taken at their largest.
  bool probe = true;             ///< Confirm in f64 what was found, and search for what was not.
  double label_smoothing = 0;    ///< Of the loss of a Layer.
  std::int64_t probe_batch = 8;  ///< Samples of the probe's passes, at most those given.
  TravelRules travel = {};       ///< How changes pass ops of your own.
};

/// Records one pass in the model's present modes and looks at every parameter. Weights, buffers, gradients, types and
/// modes are as before afterwards. \param images, labels a batch as the training has it, for softmax cross-entropy.
/// \param optimizer for groups, strengths and predictions; null: positions and symmetries alone.
/// \throws Error when the loss depends on no parameter.
Audit audit(Layer& model, const Tensor& images, const Tensor& labels, const Optimizer* optimizer = nullptr,
            const AuditOptions& options = {});

/// As above for any loss of any module.
/// \param loss computes it with inputs of a type: the model's for the recorded pass, f64 for the probe.
Audit audit(Module& model, const LossOf& loss, const Optimizer* optimizer = nullptr, const AuditOptions& options = {});

}  // namespace ebb
