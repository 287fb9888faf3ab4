// Saving and loading an optimizer's state.
#include <charconv>
#include <limits>
#include <set>

#include "framework/compute/basic.h"
#include "framework/tensor/error.h"
#include "optim/optimizer.h"

namespace ebb {
namespace {

using Metadata = std::map<std::string, std::string>;

std::string joined(const std::vector<Member>& members) {
  std::string out;
  for (const Member& member : members) out += (out.empty() ? "" : "\n") + member.path;
  return out;
}

// A number of the settings, from low to high.
template <class Number>
Number number(const Metadata& metadata, const std::string& key, Number low, Number high) {
  const auto at = metadata.find(key);
  Number value{};
  bool right = at != metadata.end();
  if (right) {
    const char* const end = at->second.data() + at->second.size();
    const auto [stop, error] = std::from_chars(at->second.data(), end, value);
    right = error == std::errc() && stop == end && value >= low && value <= high;
  }
  if (!right)
    fail("optimizer state", at == metadata.end() ? key + " missing" : text(key, " = \"", at->second.substr(0, 40), '"'),
         text("a number from ", low, " to ", high), "the file is damaged or not a checkpoint");
  return value;
}

constexpr std::int64_t most_steps = 1'000'000'000'000'000;

std::int64_t count(const Metadata& metadata, const std::string& key) {
  return number<std::int64_t>(metadata, key, 0, most_steps);
}

// A state without one, of an optimizer that had none, leaves it at its beginning.
Plateau plateau_from(const Metadata& metadata, const PlateauOptions& options) {
  Plateau plateau{.options = options};
  const auto first = metadata.lower_bound("plateau/");
  if (first == metadata.end() || !first->first.starts_with("plateau/")) return plateau;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  plateau.multiplier = number(metadata, "plateau/multiplier", 0.0, 1.0);
  plateau.best = number(metadata, "plateau/best", -infinity, infinity);
  plateau.seen = count(metadata, "plateau/seen");
  plateau.bad = count(metadata, "plateau/bad");
  plateau.cooling = count(metadata, "plateau/cooling");
  return plateau;
}

// The group of every parameter, as saved.
Metadata saved_groups(const Metadata& metadata) {
  Metadata group_of;
  for (int g = 0;; ++g) {
    const auto name = metadata.find(text("group/", g, "/name")), members = metadata.find(text("group/", g, "/members"));
    if (name == metadata.end() || members == metadata.end()) return group_of;
    const std::string& list = members->second;
    for (std::size_t begin = 0; begin < list.size();) {
      const std::size_t end = std::min(list.find('\n', begin), list.size());
      group_of[list.substr(begin, end - begin)] = name->second;
      begin = end + 1;
    }
  }
}

std::string lines(const char* head, const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& line : list) out += head + line + '\n';
  return out;
}

}  // namespace

std::string OptimizerLoadReport::text() const {
  return lines("starts anew: ", missing) + lines("not used: ", extra) + lines("changed: ", changed);
}

Tensor Optimizer::state(const std::string& path, const std::string& what) const {
  const std::array<const char*, 3> names = state_names();
  for (const ParameterState& p : parameters_) {
    if (p.path != path) continue;
    if (what == "start") return p.start;
    for (std::size_t k = 0; k < names.size(); ++k)
      if (names[k] != nullptr && what == names[k]) return p.s[k];
    fail(name_, text("no state \"", what, '"'), "a name of this optimizer's state");
  }
  fail(name_, text("no parameter \"", path, '"'), "the path of a parameter");
}

std::int64_t Optimizer::state_bytes() const {
  std::int64_t bytes = 0;
  const std::array<const char*, 3> names = state_names();
  for (const ParameterState& p : parameters_)
    for (std::size_t k = 0; k < names.size(); ++k)
      if (names[k] != nullptr) bytes += static_cast<std::int64_t>(p.parameter->value().bytes().size());
  return bytes;
}

std::string Optimizer::group_settings(std::size_t group) const {
  const GroupOptions& options = groups_[group].options;
  std::string out = text("decay ", decay(group).text(), ", base lr ", common_.lr * options.lr_scale, ", schedule ",
                         (options.schedule ? *options.schedule : common_.schedule).text());
  if (common_.momentum) {
    out += text(", momentum ", options.momentum.value_or(*common_.momentum));
    if (common_.momentum_schedule.text() != constant().text()) out += " * " + common_.momentum_schedule.text();
  }
  if (options.until) out += text(", until step ", *options.until);
  if (options.after_step) out += ", after each step " + options.after_step->name;
  return out;
}

OptimizerState Optimizer::save_state() const {
  OptimizerState out;
  out.metadata["optimizer"] = name_;
  out.metadata["settings"] = settings();
  out.metadata["clip"] = common_.gradient.clip.text();
  out.metadata["step"] = text(step_);
  out.metadata["skipped_steps"] = text(skipped_);
  if (common_.plateau) {
    out.metadata["plateau/multiplier"] = text(plateau_.multiplier);
    out.metadata["plateau/best"] = text(plateau_.best);
    out.metadata["plateau/seen"] = text(plateau_.seen);
    out.metadata["plateau/bad"] = text(plateau_.bad);
    out.metadata["plateau/cooling"] = text(plateau_.cooling);
  }
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const std::string key = text("group/", g);
    out.metadata[key + "/name"] = groups_[g].name;
    out.metadata[key + "/selector"] = groups_[g].selector;
    out.metadata[key + "/settings"] = group_settings(g);
    out.metadata[key + "/members"] = joined(groups_[g].members);
  }
  const std::array<const char*, 3> names = state_names();
  for (const ParameterState& p : parameters_) {
    bool begun = p.updates > 0;  // a parameter without gradient that decays has a state and no update
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (!p.s[k].defined()) continue;
      out.tensors[p.path + '/' + names[k]] = p.s[k].clone();
      begun = true;
    }
    if (p.start.defined()) out.tensors[p.path + "/start"] = p.start.clone();
    if (!begun) continue;
    out.tensors[p.path + "/updates"] = Tensor::from({p.updates}, {});
    if (p.product != 1) out.tensors[p.path + "/product"] = Tensor::scalar(p.product, DType::f64);
  }
  return out;
}

// What a saved state comes to; its tensors are shared with it.
struct Optimizer::Loaded {
  std::vector<ParameterState> parameters;
  Plateau plateau;
  std::int64_t step = 0;
  std::int64_t skipped = 0;
  OptimizerLoadReport report;
};

Optimizer::Loaded Optimizer::read(const OptimizerState& saved) const {
  const Metadata& metadata = saved.metadata;
  const auto found = [&](const std::string& key) {
    const auto at = metadata.find(key);
    return at == metadata.end() ? std::string() : at->second;
  };
  if (found("optimizer") != name_)
    fail(name_, text("the state of \"", found("optimizer"), '"'), text("state of \"", name_, '"'));

  Loaded out{.parameters = parameters_,
             .plateau = plateau_from(metadata, plateau_.options),
             .step = count(metadata, "step"),
             .skipped = count(metadata, "skipped_steps"),
             .report = {}};
  OptimizerLoadReport& report = out.report;
  std::set<std::string> used;
  std::string misfits;
  const std::array<const char*, 3> names = state_names();
  const auto find = [&](const std::string& key) -> const Tensor* {
    const auto at = saved.tensors.find(key);
    if (at == saved.tensors.end()) return nullptr;
    used.insert(key);
    return &at->second;
  };
  for (ParameterState& p : out.parameters) {
    p.s = {};
    p.start = {};
    p.updates = 0;
    p.product = 1;
    const auto misfit = [&](const std::string& what, const std::string& how) {
      misfits += text(misfits.empty() ? "" : ", ", p.path, '/', what, ' ', how);
    };
    const auto take = [&](const std::string& what, const Shape& shape, DType dtype, Tensor& into) {
      const Tensor* const tensor = find(p.path + '/' + what);
      if (tensor == nullptr) return;
      if (tensor->shape() == shape && tensor->dtype() == dtype) into = *tensor;
      else misfit(what, text("of shape ", tensor->shape(), ' ', tensor->dtype(), " for ", shape, ' ', dtype));
    };
    const Tensor& w = p.parameter->value();
    Tensor updates, product;
    take("updates", {}, DType::i64, updates);
    take("product", {}, DType::f64, product);
    take("start", p.parameter->shape(), w.dtype(), p.start);
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (names[k] == nullptr) continue;
      const Tensor expected = initial_state(p, k);
      if (!expected.defined()) continue;
      take(names[k], expected.shape(), expected.dtype(), p.s[k]);
      if (updates.defined() && !p.s[k].defined()) misfit(names[k], "missing");
      if (!updates.defined() && p.s[k].defined()) misfit("updates", "missing");
    }
    if (product.defined()) p.product = product.item();
    if (!(p.product >= 0 && p.product <= 1)) misfit("product", text("of ", p.product, ", not from 0 to 1"));
    if (updates.defined()) p.updates = updates.data<std::int64_t>()[0];
    else if (out.step > 0 && !p.parameter->frozen()) report.missing.push_back(p.path);
    if (p.updates < 0 || p.updates > most_steps) misfit("updates", text("of ", p.updates, ", not a count"));
  }
  if (!misfits.empty())
    fail(name_, "state that does not fit: " + misfits, "the shapes of this model", "was it saved from another model?");
  for (const auto& entry : saved.tensors)
    if (used.count(entry.first) == 0) report.extra.push_back(entry.first);
  const auto compare = [&](const std::string& what, const std::string& was, const std::string& is) {
    if (was != is) report.changed.push_back(text(what, " was \"", was, "\", is \"", is, '"'));
  };
  compare("settings", found("settings"), settings());
  compare("clip", found("clip"), common_.gradient.clip.text());
  const Metadata group_was = saved_groups(metadata);
  std::map<std::string, std::string> settings_was;
  for (int g = 0; metadata.count(text("group/", g, "/name")) != 0; ++g)
    settings_was[found(text("group/", g, "/name"))] = found(text("group/", g, "/settings"));
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const auto was = settings_was.find(groups_[g].name);
    if (was != settings_was.end()) compare("group \"" + groups_[g].name + '"', was->second, group_settings(g));
    for (const Member& member : groups_[g].members) {
      const auto group = group_was.find(member.path);
      if (group != group_was.end()) compare("group of " + member.path, group->second, groups_[g].name);
    }
  }

  return out;
}

OptimizerLoadReport Optimizer::check_state(const OptimizerState& saved) const { return read(saved).report; }

OptimizerLoadReport Optimizer::load_state(const OptimizerState& saved) {
  // Everything is read and checked before anything is taken over.
  Loaded loaded = read(saved);
  for (ParameterState& p : loaded.parameters) {
    for (Tensor& tensor : p.s)
      if (tensor.defined()) tensor = tensor.clone();
    if (p.start.defined()) p.start = p.start.clone();
  }
  parameters_ = std::move(loaded.parameters);
  plateau_ = loaded.plateau;
  step_ = loaded.step;
  skipped_ = loaded.skipped;
  gathered_ = 0;
  return loaded.report;
}

}  // namespace ebb
