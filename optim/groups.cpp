#include "optim/groups.h"

#include <cmath>
#include <map>
#include <set>

#include "framework/nn/module.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

constexpr std::size_t shown_names = 8;

// At most a few of the names, then how many more.
std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < shown_names; ++i) out += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > shown_names) out += text(" and ", names.size() - shown_names, " more");
  return out;
}

std::vector<Member> members_of(Module& model) {
  std::vector<Member> members;
  std::map<const Module*, int> layers;
  for (const NamedParameter& found : model.named_parameters()) {
    const int layer = layers.try_emplace(found.module, static_cast<int>(layers.size())).first->second;
    Candidate facts{found.path, found.parameter, found.module->type(), layer, 1};
    members.push_back({found.path, found.parameter, std::move(facts)});
  }
  for (Member& member : members) member.facts.layers = static_cast<int>(layers.size());
  return members;
}

std::vector<Member> members_of(const std::vector<Parameter*>& parameters) {
  std::vector<Member> members;
  for (Parameter* const parameter : parameters) {
    if (parameter == nullptr) fail("groups", "a null pointer", "pointers to parameters");
    const int layer = static_cast<int>(members.size());
    Candidate facts{parameter->name(), parameter, {}, layer, static_cast<int>(parameters.size())};
    members.push_back({parameter->name(), parameter, std::move(facts)});
  }
  return members;
}

std::vector<Group> sorted(std::vector<Member> members, const std::vector<GroupRule>& rules) {
  if (rules.empty()) fail("groups", "an empty table", "at least one group");
  std::vector<Group> table;
  for (const GroupRule& rule : rules) table.push_back({rule.name, rule.selector.text(), rule.options});
  std::vector<std::string> fallen;
  for (Member& member : members) {
    std::size_t taker = 0;
    while (taker < rules.size() && !rules[taker].selector(member.facts)) ++taker;
    if (taker == rules.size()) fallen.push_back(text(member.path, " (", name(member.parameter->role()), ")"));
    else table[taker].members.push_back(std::move(member));
  }
  if (!fallen.empty())
    fail("groups", "parameters that no group takes: " + listed(fallen), "a group for every parameter",
         "end the table with everything_else()");
  for (const Group& group : table)
    if (group.members.empty() && !group.options.may_be_empty)
      fail("groups", text("group \"", group.name, "\" (", group.selector, ") that takes no parameter"),
           "at least one parameter", "check the selector and the groups above it, or say .may_be_empty = true");
  return table;
}

std::vector<GroupRule> all_but(const Selector& spared, Decay decay) {
  return {{"no decay", spared, {.decay = no_decay(), .may_be_empty = true}},
          {"decayed", everything_else(), {.decay = std::move(decay)}}};
}

}  // namespace

std::int64_t Group::values() const {
  std::int64_t total = 0;
  for (const Member& member : members) total += member.parameter->shape().size();
  return total;
}

Groups::Groups(Module& model) : Groups(groups(model, {{"all", everything_else()}})) {}

Groups::Groups(const std::vector<Parameter*>& parameters) : Groups(groups(parameters, {{"all", everything_else()}})) {}

Groups::Groups(std::vector<Group> groups) : groups_(std::move(groups)) {
  std::set<std::string> names, paths;
  std::set<const Parameter*> seen;
  for (const Group& group : groups_) {
    if (!names.insert(group.name).second)
      fail("groups", ebb::text("two groups named \"", group.name, "\""), "different names");
    if (!std::isfinite(group.options.lr_scale) || group.options.lr_scale < 0)
      fail("groups", ebb::text("lr_scale = ", group.options.lr_scale, " in group \"", group.name, "\""),
           "a finite number >= 0");
    const auto& momentum = group.options.momentum;
    if (momentum && !(*momentum >= 0 && *momentum < 1))
      fail("groups", ebb::text("momentum = ", *momentum, " in group \"", group.name, "\""),
           "a number from 0 to below 1");
    for (const Member& member : group.members) {
      if (!paths.insert(member.path).second)
        fail("groups", ebb::text("two parameters named ", member.path), "different names",
             "state is kept by name: put them into a Module, or name them apart");
      if (!seen.insert(member.parameter).second) fail("groups", member.path + " twice", "each parameter once");
    }
  }
  if (seen.empty()) fail("groups", "no parameters", "at least one parameter");
}

std::string Groups::text() const {
  std::string out;
  for (const Group& group : groups_) {
    out += ebb::text('"', group.name, "\" ", group.selector, ": ",
                     group.options.decay ? group.options.decay->text() : "inherited decay");
    if (group.options.lr_scale != 1) out += ebb::text(", lr_scale ", group.options.lr_scale);
    if (group.options.momentum) out += ebb::text(", momentum ", *group.options.momentum);
    if (group.options.schedule) out += ebb::text(", schedule ", group.options.schedule->text());
    if (group.options.after_step) out += ebb::text(", after each step ", group.options.after_step->name);
    out += ':';
    for (const Member& member : group.members) out += ' ' + member.path;
    out += '\n';
  }
  return out;
}

Groups groups(Module& model, const std::vector<GroupRule>& rules) { return Groups(sorted(members_of(model), rules)); }

Groups groups(const std::vector<Parameter*>& parameters, const std::vector<GroupRule>& rules) {
  return Groups(sorted(members_of(parameters), rules));
}

std::vector<GroupRule> decay_everything(Decay decay) {
  return {{"decayed", everything_else(), {.decay = std::move(decay)}}};
}

std::vector<GroupRule> decay_weights_only(Decay decay) { return all_but(!weights(), std::move(decay)); }

std::vector<GroupRule> decay_all_but_norms_and_biases(Decay decay) {
  return all_but(norms() || biases(), std::move(decay));
}

Groups decay_everything(Module& model, Decay decay) { return groups(model, decay_everything(std::move(decay))); }

Groups decay_weights_only(Module& model, Decay decay) { return groups(model, decay_weights_only(std::move(decay))); }

Groups decay_all_but_norms_and_biases(Module& model, Decay decay) {
  return groups(model, decay_all_but_norms_and_biases(std::move(decay)));
}

Groups layerwise_lr(const Groups& table, double factor) {
  if (!std::isfinite(factor) || factor <= 0) fail("layerwise_lr", text("factor = ", factor), "a finite factor > 0");
  std::vector<Group> split;
  for (const Group& group : table.list()) {
    if (group.members.empty()) split.push_back(group);
    std::map<int, Group> by_layer;
    for (const Member& member : group.members) {
      const int layer = member.facts.layer;
      auto at = by_layer.find(layer);
      if (at == by_layer.end()) {
        Group part{text(group.name, ", layer ", layer), group.selector, group.options};
        part.options.lr_scale *= std::pow(factor, member.facts.layers - 1 - layer);
        at = by_layer.emplace(layer, std::move(part)).first;
      }
      at->second.members.push_back(member);
    }
    for (auto& entry : by_layer) split.push_back(std::move(entry.second));
  }
  return Groups(std::move(split));
}

}  // namespace ebb
