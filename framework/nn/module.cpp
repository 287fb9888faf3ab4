#include "framework/nn/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <typeinfo>

#include "framework/compute/basic.h"
#include "framework/nn/load_report.h"
#include "framework/tensor/error.h"

namespace ebb {
namespace {

// Calls and destructors of modules nest as the modules do, on a stack that has an end.
constexpr int most_nested = 1000;

std::string join(const std::string& path, const std::string& name) { return path.empty() ? name : path + '.' + name; }

}  // namespace

Buffer::Buffer(Module& owner, std::string name, Tensor value) : name_(std::move(name)), value_(std::move(value)) {
  require_defined("buffer", name_.c_str(), value_);
  owner.own(*this);
}

std::string Module::type() const {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> readable(
      abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status), std::free);
  std::string name = status == 0 ? readable.get() : typeid(*this).name();
  if (name.back() == '>') name.erase(name.find('<'));
  const std::size_t scope = name.rfind("::");
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

// What registering asks and notes.
struct Module::Tree {
  static void require_free(const Module& module, const std::string& name) {
    if (name.empty()) fail(module.type(), "a member with an empty name", "a name", "names are the parts of paths");
    if (name.find('.') != std::string::npos)
      fail(module.type(), text("the name \"", name, '"'), "a name without dots", "dots separate the parts of a path");
    if (module.names_.contains(name))
      fail(module.type(), text("the name \"", name, "\" twice"), "a name of its own for each member");
  }

  static bool leads_to(const Module& from, const Module& to) {
    const auto leads = [&](const ChildEntry& child) { return leads_to(*child.module, to); };
    return &from == &to || std::ranges::any_of(from.children_, leads);
  }

  // Modules on the longest path from this one down, itself included.
  static int height(const Module& module) {
    int below = 0;
    for (const ChildEntry& child : module.children_) below = std::max(below, height(*child.module));
    return below + 1;
  }

  // Notes that so many stand above it.
  static void sink(Module& module, int depth) {
    if (depth <= module.depth_) return;
    module.depth_ = depth;
    for (const ChildEntry& child : module.children_) sink(*child.module, depth + 1);
  }
};

void Module::own(Parameter& parameter) {
  Tree::require_free(*this, parameter.name());
  parameters_.push_back({parameter.name(), &parameter, true});
  names_.insert(parameter.name());
}

void Module::own(Buffer& buffer) {
  Tree::require_free(*this, buffer.name());
  buffers_.push_back(&buffer);
  names_.insert(buffer.name());
}

void Module::tie(std::string name, Parameter& parameter) {
  Tree::require_free(*this, name);
  names_.insert(name);
  parameters_.push_back({std::move(name), &parameter, false});
}

void Module::register_child(std::string name, Module& child) {
  Tree::require_free(*this, name);
  if (Tree::leads_to(child, *this))
    fail(type(), text("the child \"", name, "\", which contains this module"), "a child without its own parent");
  if (const int nested = depth_ + 1 + Tree::height(child); nested > most_nested)
    fail(type(), text("the child \"", name, "\", with which ", nested, " modules stand inside one another"),
         text("at most ", most_nested), "put layers behind one another instead");
  Tree::sink(child, depth_ + 1);
  names_.insert(name);
  if (child.name_.empty()) child.name_ = name;
  children_.push_back({std::move(name), &child});
}

// Every path, so a module that stands in two places is listed twice.
void Module::list(const std::string& path, std::vector<NamedModule>& into) {
  into.push_back({path, this});
  for (const ChildEntry& child : children_) child.module->list(join(path, child.name), into);
}

std::vector<NamedModule> Module::named_modules() {
  std::vector<NamedModule> modules;
  list("", modules);
  std::set<const Module*> seen;
  std::erase_if(modules, [&](const NamedModule& m) { return !seen.insert(m.module).second; });
  return modules;
}

std::vector<NamedParameter> Module::named_parameters(Tied tied) {
  std::vector<NamedModule> modules;
  list("", modules);
  std::map<const Parameter*, const Module*> declared_by;
  for (const NamedModule& m : modules)
    for (const ParameterEntry& entry : m.module->parameters_)
      if (entry.declared_here) declared_by.emplace(entry.parameter, m.module);
  std::vector<NamedParameter> parameters;
  std::set<const Parameter*> seen;
  for (const NamedModule& m : modules) {
    for (const ParameterEntry& entry : m.module->parameters_) {
      if (!seen.insert(entry.parameter).second && tied == Tied::once) continue;
      const auto declared = declared_by.find(entry.parameter);
      parameters.push_back(
          {join(m.path, entry.name), entry.parameter, declared == declared_by.end() ? m.module : declared->second});
    }
  }
  return parameters;
}

std::vector<Parameter*> Module::parameters() {
  std::vector<Parameter*> pointers;
  for (const NamedParameter& p : named_parameters()) pointers.push_back(p.parameter);
  return pointers;
}

std::vector<NamedBuffer> Module::named_buffers() {
  std::vector<NamedBuffer> buffers;
  for (const NamedModule& m : named_modules())
    for (Buffer* buffer : m.module->buffers_) buffers.push_back({join(m.path, buffer->name()), buffer, m.module});
  return buffers;
}

std::int64_t Module::parameter_count() {
  std::int64_t count = 0;
  for (const Parameter* parameter : parameters()) count += parameter->value().size();
  return count;
}

void Module::train(bool on) {
  for (const NamedModule& m : named_modules()) m.module->set_training(on);
}

void Module::set_training(bool on) {
  training_ = on;
  on_train(on);
}

void Module::to(DType dtype) {
  if (!is_float(dtype)) fail(type(), text("to(", dtype, ')'), "f32 or f64");
  for (Parameter* parameter : parameters()) parameter->convert(dtype);
  for (const NamedBuffer& b : named_buffers())
    if (is_float(b.buffer->value().dtype())) b.buffer->value() = cast(b.buffer->value(), dtype);
}

void Module::freeze() {
  for (Parameter* parameter : parameters()) parameter->freeze();
}

void Module::unfreeze() {
  for (Parameter* parameter : parameters()) parameter->unfreeze();
}

void Module::zero_grad() {
  for (Parameter* parameter : parameters()) parameter->zero_grad();
}

State Module::state() {
  State state;
  for (const NamedParameter& p : named_parameters()) state.emplace(p.path, p.parameter->value().clone());
  for (const NamedBuffer& b : named_buffers()) state.emplace(b.path, b.buffer->value().clone());
  return state;
}

LoadReport Module::load_state(const State& state, Strict strict) {
  struct Place {
    Tensor* tensor;
    std::vector<std::string> paths;
  };
  std::vector<Place> places;
  std::map<const Parameter*, std::size_t> place_of;
  for (const NamedParameter& p : named_parameters(Tied::every_path)) {
    const auto [at, fresh] = place_of.emplace(p.parameter, places.size());
    if (fresh) places.push_back({&p.parameter->value(), {}});
    places[at->second].paths.push_back(p.path);
  }
  for (const NamedBuffer& b : named_buffers()) places.push_back({&b.buffer->value(), {b.path}});

  LoadReport report;
  std::set<std::string> known;
  std::vector<std::pair<Tensor*, const Tensor*>> copies;
  for (const Place& place : places) {
    known.insert(place.paths.begin(), place.paths.end());
    const auto path = std::ranges::find_if(place.paths, [&](const std::string& p) { return state.contains(p); });
    if (path == place.paths.end()) {
      report.missing.push_back(place.paths.front());
      continue;
    }
    const Tensor& from = state.at(*path);
    if (!from.defined() || !(from.shape() == place.tensor->shape()) || from.dtype() != place.tensor->dtype()) {
      report.misshaped.push_back(detail::mismatch(*path, from, place.tensor->shape(), place.tensor->dtype()));
    } else {
      report.loaded.push_back(*path);
      copies.emplace_back(place.tensor, &from);
    }
  }
  for (const auto& entry : state)
    if (!known.contains(entry.first)) report.extra.push_back(entry.first);

  if (strict == Strict::yes && !report.exact())
    detail::fail_load("load_state", report, "load with Strict::no to take what fits");
  for (const auto& copy : copies)
    if (!copy.first->shares(*copy.second)) copy_into(*copy.first, *copy.second);
  return report;
}

}  // namespace ebb
