/// \file
/// Module: a tree of parameters, buffers and children with paths.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "framework/autograd/parameter.h"
#include "framework/nn/state.h"
#include "framework/tensor/random.h"

namespace ebb {

class Module;

/// A tensor that belongs to a module's state and is not learned: running statistics, counters. Declared as a
/// member: `Buffer running_mean{*this, "running_mean", Tensor::zeros({channels})}`.
class Buffer {
 public:
  /// Registers with `owner`.
  /// \throws Error when the name is empty, has a dot or is taken, or the value is undefined.
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
  const Module* module = nullptr;  ///< The declaring module (the tying one when that is outside), never null.
};

/// A buffer with its path from a root, and the module that declared it.
struct NamedBuffer {
  std::string path;                ///< Names from the root, joined by dots.
  Buffer* buffer = nullptr;        ///< Never null.
  const Module* module = nullptr;  ///< The declaring module, never null.
};

/// A module with its path from a root; the root's own path is empty.
struct NamedModule {
  std::string path;          ///< Names from the root, joined by dots.
  Module* module = nullptr;  ///< Never null.
};

/// How often a list names a parameter that stands under several paths.
enum class Tied : std::uint8_t {
  once,        ///< Under its first path.
  every_path,  ///< Under each of its paths.
};

/// Base of layers and models. Members register themselves: declare Parameter, Buffer and Child<T> members with
/// `*this` and a name, which must not be empty, have a dot, or be taken. Neither copied nor moved, since members
/// refer to it. Lists stand in the order of declaration, depth first, a module's own members before its children's.
class Module : public ParameterOwner {
 public:
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Name of the class without namespaces and template arguments, e.g. "Conv2d", for reports and selectors.
  virtual std::string type() const;

  /// One line of settings for summaries, e.g. "16 -> 32, 3x3, stride 2"; empty where there is nothing to say.
  virtual std::string describe() const { return {}; }

  /// The name under which it was first registered as a child; empty for a root.
  const std::string& child_name() const { return name_; }

  /// All parameters below.
  std::vector<NamedParameter> named_parameters(Tied tied = Tied::once);

  /// The pointers of named_parameters().
  std::vector<Parameter*> parameters();

  /// All buffers below, each once.
  std::vector<NamedBuffer> named_buffers();

  /// This module (path "") and all below, each once, parents first.
  std::vector<NamedModule> named_modules();

  /// Number of learnable values, frozen ones included; tied ones count once.
  std::int64_t parameter_count();

  /// Training mode, which steers batch norm and dropout only; recording is the tape's business. On at first.
  void train(bool on = true);
  void eval() { train(false); }                ///< train(false)
  bool training() const { return training_; }  ///< See train().

  /// Converts parameters (dropping their gradients) and floating-point buffers to f32 or f64. Before an optimizer is
  /// made. \throws Error on other types.
  void to(DType dtype);

  void freeze();     ///< Freezes all parameters below; see Parameter::frozen().
  void unfreeze();   ///< Unfreezes them.
  void zero_grad();  ///< Forgets their gradients.

  /// Copies of all parameters and buffers by path. `b.load_state(a.state())` copies a model.
  State state();

  /// Takes the numbers over. Nothing is changed unless everything was checked: strict loading throws when the
  /// report is not exact; non-strict loading takes what fits. A tied parameter is found under any of its paths.
  /// \throws Error listing missing, extra and misshaped paths (strict).
  LoadReport load_state(const State& state, Strict strict = Strict::yes);

 protected:
  /// Makes `parameter` of another module reachable under a second path, as tied weights are. It must live as long.
  void tie(std::string name, Parameter& parameter);

  /// Makes `child` part of the tree. Child<T> calls it; so do containers that own their modules.
  /// \throws Error for a bad or taken name, a `child` that contains this, or over 1,000 modules inside one another.
  void register_child(std::string name, Module& child);

  /// Called by train() on each module after its mode changed.
  virtual void on_train(bool /*on*/) {}

 private:
  friend class Buffer;
  friend class ModeScope;
  template <class T>
  friend class Child;
  void own(Parameter& parameter) override;
  void own(Buffer& buffer);
  void set_training(bool on);
  struct Tree;
  void list(const std::string& path, std::vector<NamedModule>& into);

  struct ParameterEntry {
    std::string name;
    Parameter* parameter;
    bool declared_here;
  };
  struct ChildEntry {
    std::string name;
    Module* module;
  };
  std::vector<ParameterEntry> parameters_;
  std::vector<Buffer*> buffers_;
  std::vector<ChildEntry> children_;
  std::unordered_set<std::string> names_;  // of all of them
  std::string name_;
  int depth_ = 0;  // modules above this one, along the longest path
  bool training_ = true;
};

}  // namespace ebb
