/// \file
/// Optimizer: what all of them share. A step is `w -= lr u (+ what decay says)`; an optimizer provides the base update
/// u, everything else stands here, so that every kind of decay works with every optimizer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "framework/tensor/tensor.h"
#include "optim/common_options.h"
#include "optim/groups.h"
#include "optim/optimizer_state.h"
#include "optim/parameter_state.h"
#include "optim/step_observer.h"
#include "optim/update_model.h"

namespace ebb {

/// Base of all optimizers. One of your own derives from it and overrides base_update(); see docs/extending.md.
class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Updates every parameter from its gradient: frozen ones never, those without a gradient as GradientOptions says.
  /// When it throws, nothing was changed.
  /// \returns false when nothing was updated: still accumulating, or skipped for a non-finite gradient.
  /// \throws Error naming group or parameter for an lr, lambda or gradient that makes no sense, or has another shape.
  bool step();
  bool flush();  ///< As step(), with what an accumulated update has gathered, averaged over that. False: nothing.

  /// Forgets the gradients; does nothing between the calls of step() that belong to one accumulated update.
  void zero_grad();

  /// Drops the gradients of the update that is being made ready, accumulated ones too; skipped_steps() counts it.
  void skip();

  bool accumulating() const { return gathered_ != 0; }  ///< True between the calls of one accumulated update.

  /// Feeds reduce-on-plateau with a metric, usually once an epoch.
  /// \throws Error when the optimizer has no plateau option, or the metric is NaN.
  void observe(double metric);

  const std::string& name() const { return name_; }                              ///< "sgd", "adam", ...
  std::int64_t steps() const { return step_; }                                   ///< Updates made.
  std::int64_t skipped_steps() const { return skipped_; }                        ///< By skip() or NonFinite::skip.
  const std::vector<Group>& groups() const { return groups_; }                   ///< The table.
  const CommonOptions& common() const { return common_; }                        ///< Settings.
  const std::vector<ParameterState>& parameters() const { return parameters_; }  ///< In the order of the table.

  /// What the next step will tell the decay rule of group number `group`; mean_v_hat is that of the last step.
  StepContext context(std::size_t group = 0) const;
  DecayTerms terms(std::size_t group = 0) const { return terms(group, context(group)); }  ///< What that rule answers.
  const Decay& decay(std::size_t group = 0) const;                      ///< The group's own or the inherited one.
  double lr(std::size_t group = 0) const { return context(group).lr; }  ///< Learning rate of the next step.

  /// What step number `step` will tell it by schedules alone, without reductions on plateau.
  StepContext planned_context(std::size_t group, std::int64_t step) const;
  DecayTerms terms(std::size_t group, const StepContext& context) const;  ///< What it answers to these numbers.

  /// Changes the base learning rate from the next step on.
  /// \throws Error unless finite and >= 0.
  void set_base_lr(double lr);

  double gradient_norm() const { return gradient_norm_; }  ///< Of the last step, where clipping measured it; else 0.

  /// Tells `observer` of updates from the next step on, until it is removed; it must not end before.
  void add(StepObserver& observer) { observers_.push_back(&observer); }
  void remove(StepObserver& observer) { std::erase(observers_, &observer); }  ///< Leaves it in peace.

  /// How the base update of a group answers to gradients, with the momentum of the next step.
  UpdateModel update_model(std::size_t group = 0) const { return response(group, context(group).momentum); }
  UpdateModel update_model(std::size_t g, double momentum) const { return response(g, momentum); }  ///< By another one.

  /// A tensor of the state: `state("fc.weight", "momentum")`. Undefined before the first update.
  /// \throws Error when there is no such parameter or no such name.
  Tensor state(const std::string& path, const std::string& what) const;

  std::int64_t state_bytes() const;  ///< Bytes that state_names() take after the first update.

  /// Copies of everything that a later run needs, by name.
  OptimizerState save_state() const;

  /// Takes a saved state over. Tensors are found by the parameters' paths, never by position; a changed group table
  /// is reported.
  /// \throws Error for another optimizer's state, a tensor of wrong shape, a counter that is missing or out of range;
  /// nothing is changed then.
  OptimizerLoadReport load_state(const OptimizerState& state);

  /// What load_state() would report, and throw, without changing anything.
  OptimizerLoadReport check_state(const OptimizerState& state) const;

 protected:
  /// What update_model() gives; unknown unless overridden.
  virtual UpdateModel response(std::size_t group, double momentum) const;

  /// \param name of the algorithm, for reports and checkpoints.
  /// \throws Error for settings that make no sense.
  Optimizer(std::string name, Groups groups, CommonOptions common);

  /// Names of ParameterState::s, at most three; null for unused places.
  virtual std::array<const char*, 3> state_names() const { return {}; }

  /// State number k at the first update: zeros, unless overridden.
  virtual Tensor initial_state(const ParameterState& p, std::size_t k) const;

  /// Computes the base update u of one parameter, the heart of an optimizer of your own.
  /// \param gradient averaged, clipped, with coupled decay in it.
  /// \param p its state: p.s as state_names() says, p.updates the updates before this one.
  /// \param u where the update goes: shape and dtype of the parameter, uninitialised.
  virtual void base_update(const Tensor& gradient, ParameterState& p, const StepContext& context, Tensor& u);

  /// Updates one parameter that has a gradient: by default in three passes around base_update(), for gradient, update
  /// and decay.
  virtual void update(ParameterState& p, const Step& step);

  /// Sum over the parameter of v_hat after this step, for stable(); the number of values without a second moment.
  virtual double second_moment(ParameterState& p, const Step& step);

  /// Settings of the algorithm for checkpoints: "momentum 0.9, nesterov".
  virtual std::string settings() const { return {}; }

  /// Decay, lr, schedule and so on of a group in words.
  std::string group_settings(std::size_t group) const;

  /// The gradient with scale, limit and coupled decay applied; the parameter's own when there is nothing to apply.
  static Tensor effective_gradient(ParameterState& p, const Step& step);

  /// The end of a step for a given u: the part of decay that stands in and beside the update, and after it.
  static void apply(ParameterState& p, const Step& step, const Tensor& u);

  /// The parameter's gradient; zeros where it has none and no_gradient is as_zero.
  static Tensor gradient_of(const ParameterState& p);

 private:
  enum class Part : std::uint8_t { none, decay_only, full };
  struct Loaded;  // a saved state that was checked

  void check_options() const;
  bool stands_still(std::size_t group, std::int64_t step) const;
  bool update_all(int calls);
  void classify();
  bool gradients_finite() const;
  void clip();
  double clip_factor(std::size_t first_group, std::size_t last_group);
  void measure_v_hat(std::size_t group);
  void make_state(ParameterState& p) const;
  Loaded read(const OptimizerState& saved) const;

  std::string name_;
  CommonOptions common_;
  std::vector<Group> groups_;
  std::vector<ParameterState> parameters_;
  std::vector<Step> steps_;         // of the groups, at the current step
  std::vector<Part> parts_;         // of the parameters, at the current step
  std::vector<double> mean_v_hat_;  // of the groups, at the last step that asked
  Plateau plateau_;
  std::int64_t step_ = 0;
  std::int64_t skipped_ = 0;
  int gathered_ = 0;  // calls of step() since the last update
  double gradient_norm_ = 0;
  std::vector<StepObserver*> observers_;
  std::vector<StepObserver*> watching_;  // those who want the current step
};

}  // namespace ebb
