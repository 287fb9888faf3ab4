/// \file
/// Module: a tree of parameters, buffers and children with paths.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/autograd/parameter.h"
#include "framework/tensor/random.h"

namespace ebb {

class Module;

/// A tensor that belongs to a module's state and is not learned: running statistics, counters. Declared as a
/// member: `Buffer running_mean{*this, "running_mean", Tensor::zeros({channels})}`.
class Buffer {
 public:
  /// Registers with `owner`.
  Buffer(Module& owner, std::string name, Tensor value);
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  const std::string& name() const { return name_; }  ///< Last part of the path.
  Tensor& value() { return value_; }                 ///< The numbers.
  const Tensor& value() const { return value_; }     ///< The numbers.

 private:
  std::string name_;
  Tensor value_;
};

/// A parameter with its path from a root, e.g. "layer1.0.bn1.scale", and the module that declared it.
struct NamedParameter {
  std::string path;                ///< Names from the root, joined by dots.
  Parameter* parameter = nullptr;  ///< Never null.
  const Module* module = nullptr;  ///< The declaring module, never null.
};

/// A buffer with its path from a root.
struct NamedBuffer {
  std::string path;          ///< Names from the root, joined by dots.
  Buffer* buffer = nullptr;  ///< Never null.
};

/// A module with its path from a root; the root's own path is empty.
struct NamedModule {
  std::string path;          ///< Names from the root, joined by dots.
  Module* module = nullptr;  ///< Never null.
};

/// The numbers of a module by path: parameters and buffers.
using State = std::map<std::string, Tensor>;

/// Whether load_state() accepts a state that does not fit exactly.
enum class Strict : bool { no = false, yes = true };

/// What load_state() did, by path.
struct LoadReport {
  std::vector<std::string> loaded;     ///< Found with the right shape and taken.
  std::vector<std::string> missing;    ///< In the module, not in the state.
  std::vector<std::string> extra;      ///< In the state, not in the module.
  std::vector<std::string> misshaped;  ///< In both, of other shape or dtype: "path: got [3], wanted [4]".

  bool exact() const { return missing.empty() && extra.empty() && misshaped.empty(); }  ///< Nothing but loaded.
  std::string text() const;                                                             ///< For people, a line each.
};

/// Base of layers and models. Members register themselves: declare Parameter, Buffer and Child<T> members with
/// `*this` and a name. Neither copied nor moved, since members refer to it.
class Module : public ParameterOwner {
 public:
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Name of the class without namespaces, e.g. "Conv2d", for reports and selectors.
  virtual std::string type() const;

  /// One line of settings for summaries, e.g. "16 -> 32, 3x3, stride 2"; empty where there is nothing to say.
  virtual std::string describe() const { return {}; }

  /// All parameters below, in the order of declaration, depth first. A tied parameter stands once, under its
  /// first path.
  std::vector<NamedParameter> named_parameters();

  /// The pointers of named_parameters().
  std::vector<Parameter*> parameters();

  /// All buffers below, in the order of declaration, depth first.
  std::vector<NamedBuffer> named_buffers();

  /// This module (path "") and all below, parents first.
  std::vector<NamedModule> named_modules();

  /// Number of learnable values.
  std::int64_t parameter_count();

  /// Training mode, which steers batch norm and dropout only; recording is the tape's business. On at first.
  void train(bool on = true);
  void eval() { train(false); }                ///< train(false)
  bool training() const { return training_; }  ///< See train().

  /// Converts parameters and floating-point buffers. Before an optimizer is made.
  void to(DType dtype);

  void freeze();     ///< Freezes all parameters below; see Parameter::frozen().
  void unfreeze();   ///< Unfreezes them.
  void zero_grad();  ///< Forgets their gradients.

  /// Copies of all parameters and buffers by path.
  State state();

  /// Takes the numbers over. Nothing is changed unless everything was checked: strict loading throws when the
  /// report is not exact; non-strict loading takes what fits.
  /// \throws Error listing missing, extra and misshaped paths (strict).
  LoadReport load_state(const State& state, Strict strict = Strict::yes);

 protected:
  /// Makes `parameter` of another module reachable under a second path, as tied weights are.
  void tie(std::string name, Parameter& parameter);

  /// Makes `child` part of the tree. Child<T> calls it; so do containers that own their modules.
  /// \throws Error when the name is empty, has a dot, or is taken.
  void register_child(std::string name, Module& child);

  /// Called by train() on each module after its mode changed.
  virtual void on_train(bool /*on*/) {}

 private:
  friend class Buffer;
  template <class T>
  friend class Child;
  void own(Parameter& parameter) override;
  void own(Buffer& buffer);
  void require_free(const std::string& name) const;

  struct ParameterEntry {
    std::string name;
    Parameter* parameter;
  };
  struct ChildEntry {
    std::string name;
    Module* module;
  };
  std::vector<ParameterEntry> parameters_;
  std::vector<Buffer*> buffers_;
  std::vector<ChildEntry> children_;
  bool training_ = true;
};

}  // namespace ebb
