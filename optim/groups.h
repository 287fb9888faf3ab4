/// \file
/// The group table: which parameter is decayed how. Read from the top, the first match takes a parameter; nothing
/// falls through and nothing is empty unless said so.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "optim/constraint.h"
#include "optim/decay.h"
#include "optim/schedule.h"
#include "optim/selector.h"

namespace ebb {

class Module;

/// What a group may set for its parameters. What is not set is inherited from the optimizer.
struct GroupOptions {
  std::optional<Decay> decay = {};           ///< Kind and strength of decay.
  double lr_scale = 1;                       ///< Multiplies the optimizer's base lr.
  std::optional<double> momentum = {};       ///< Momentum, beta1 in the Adam family.
  std::optional<Schedule> schedule = {};     ///< Learning-rate schedule.
  std::optional<AfterStep> after_step = {};  ///< Norm constraint.
  std::optional<std::int64_t> until =
      {};                     ///< From this step on its parameters stay as they are: neither updated nor decayed.
  bool may_be_empty = false;  ///< Whether the group may take no parameter.
};

/// A line of the table: `{"no decay", norms() || biases(), {.decay = no_decay()}}`.
struct GroupRule {
  std::string name;           ///< For reports and messages; unique.
  Selector selector;          ///< Which parameters.
  GroupOptions options = {};  ///< What they get.
};

/// A parameter in a group.
struct Member {
  std::string path;                ///< Unique name: key of the optimizer's state.
  Parameter* parameter = nullptr;  ///< Never null.
  Candidate facts = {};            ///< What selectors saw.
};

/// A group with its members.
struct Group {
  std::string name;                  ///< As in the rule.
  std::string selector;              ///< Text of the selector.
  GroupOptions options = {};         ///< As in the rule.
  std::vector<Member> members = {};  ///< In the order of declaration.

  std::int64_t values() const;  ///< Number of learnable values.
};

/// A checked table. Modules convert to one: `Sgd optimizer(model, {.lr = 0.1})` puts all parameters into one group.
class Groups {
 public:
  /// One group "all" that inherits everything.
  Groups(Module& model);

  /// As above for parameters without a module.
  Groups(const std::vector<Parameter*>& parameters);

  /// A table made elsewhere, e.g. by splitting groups.
  /// \throws Error when two groups have one name, or a parameter or a path stands twice.
  explicit Groups(std::vector<Group> groups);

  const std::vector<Group>& list() const { return groups_; }  ///< From the top; groups without members included.

  /// The table as text, a line a group: name, selector, decay, members.
  std::string text() const;

 private:
  std::vector<Group> groups_;
};

/// Sorts the parameters of `model` into groups.
/// \throws Error naming parameters that no rule takes, groups that take none, groups of one name, or a model without
///     parameters.
Groups groups(Module& model, const std::vector<GroupRule>& rules);

/// As above for parameters without a module, as toys have them. Their names must differ.
Groups groups(const std::vector<Parameter*>& parameters, const std::vector<GroupRule>& rules);

/// Every parameter gets `decay`, norms and biases included.
Groups decay_everything(Module& model, Decay decay);

/// Role::weight gets `decay`; norms, biases, embeddings and the rest get none.
Groups decay_weights_only(Module& model, Decay decay);

/// Scales and shifts of norms, and biases, get no decay; whatever else there is, embeddings and scalars too, gets
/// `decay`.
Groups decay_all_but_norms_and_biases(Module& model, Decay decay);

/// The rules of these three tables, in their order: to be split, or joined with rules of one's own in groups().
std::vector<GroupRule> decay_everything(Decay decay);
std::vector<GroupRule> decay_weights_only(Decay decay);              ///< As above.
std::vector<GroupRule> decay_all_but_norms_and_biases(Decay decay);  ///< As above.

/// Layer-wise learning rates: splits each group by layer and multiplies lr_scale by factor^(layers - 1 - layer), so
/// that layers near the input move less. Group "decayed" becomes "decayed, layer 0" and so on.
/// \throws Error unless factor > 0.
Groups layerwise_lr(const Groups& table, double factor);

}  // namespace ebb
