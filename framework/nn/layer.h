/// \file
/// Layer: a module with one input and one output, and Child: a member that is one.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "framework/autograd/tape.h"
#include "framework/nn/module.h"
#include "framework/nn/observers.h"
#include "framework/tensor/error.h"

namespace ebb {

namespace detail {

/// call(); an Error that leaves it gets the module's name in front of its path.
template <class F>
Var within(const Module& module, const F& call) {
  const Place place(module);
  try {
    return call();
  } catch (Error& error) {
    if (!module.child_name().empty()) error.add_layer(module.child_name());
    throw;
  }
}

}  // namespace detail

/// A module that maps one value to one value. A layer of your own derives from it and overrides forward(): see
/// docs/extending.md.
class Layer : public Module {
 public:
  /// The layer's function.
  virtual Var forward(const Var& x) = 0;

  /// Multiply-adds of one call without those of children, for summaries; x and y as forward() takes and gives.
  virtual std::int64_t multiply_adds(const Shape& /*x*/, const Shape& /*y*/) const { return 0; }

  /// forward(x)
  /// \throws Error as forward() does, with this layer's name in its path.
  Var operator()(const Var& x);
};

/// Options of a layer that has none.
struct NoOptions {};

namespace detail {

template <class T>
struct OptionsOf {
  using type = NoOptions;
};
template <class T>
requires requires { typename T::Options; }
struct OptionsOf<T> {
  using type = typename T::Options;
};

/// The parameter as an op's argument, or an undefined Var where the layer has none.
inline Var optional_var(std::optional<Parameter>& parameter) { return parameter ? Var(*parameter) : Var(); }

}  // namespace detail

/// T::Options, or NoOptions.
template <class T>
using OptionsOf = typename detail::OptionsOf<T>::type;

/// Built as T(Options, const Rng&): layers with parameters or random numbers.
template <class T>
concept BuiltFromOptionsAndRng = requires(OptionsOf<T> options, const Rng& rng) {
  T(std::move(options), rng);
};

/// Built as T(Options).
template <class T>
concept BuiltFromOptions = std::is_constructible_v<T, OptionsOf<T>> && !BuiltFromOptionsAndRng<T>;

/// A child module as a member: `Child<Conv2d> conv1{*this, "conv1", {.in = 3, .out = 16}, rng};`. The child is
/// built with `rng.at(name)`, so its numbers depend on its path and the seed alone.
template <class T>
class Child {
 public:
  /// For T(Options, const Rng&).
  Child(Module& parent, std::string name, OptionsOf<T> options, const Rng& rng) requires BuiltFromOptionsAndRng<T>
      : module_(std::move(options), rng.at(name)) {
    parent.register_child(std::move(name), module_);
  }

  /// As above with the default options.
  Child(Module& parent, std::string name, const Rng& rng) requires BuiltFromOptionsAndRng<T>
      : Child(parent, std::move(name), OptionsOf<T>{}, rng) {}

  /// For T(Options).
  Child(Module& parent, std::string name, OptionsOf<T> options) requires BuiltFromOptions<T>
      : module_(std::move(options)) {
    parent.register_child(std::move(name), module_);
  }

  /// For any other constructor: the arguments are passed on, an Rng as `rng.at(name)`.
  template <class... Args>
  requires(sizeof...(Args) > 0 && !BuiltFromOptionsAndRng<T>) Child(Module& parent, std::string name, Args&&... args)
      : module_(pass(name, std::forward<Args>(args))...) {
    parent.register_child(std::move(name), module_);
  }

  /// For T().
  Child(Module& parent, std::string name) requires std::default_initializable<T> {
    parent.register_child(std::move(name), module_);
  }

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  T& operator*() { return module_; }                ///< The module.
  const T& operator*() const { return module_; }    ///< The module.
  T* operator->() { return &module_; }              ///< The module.
  const T* operator->() const { return &module_; }  ///< The module.

  /// Calls the module.
  template <class... Args>
  decltype(auto) operator()(Args&&... args) {
    return module_(std::forward<Args>(args)...);
  }

 private:
  template <class A>
  static decltype(auto) pass(const std::string& name, A&& argument) {
    if constexpr (std::same_as<std::remove_cvref_t<A>, Rng>) return argument.at(name);
    else return std::forward<A>(argument);
  }

  T module_;
};

/// As above for a layer of any type that was built elsewhere: `Child<Layer> norm{*this, "norm", std::move(layer)};`.
template <>
class Child<Layer> {
 public:
  /// \throws Error when there is no layer, and as Module::register_child().
  Child(Module& parent, std::string name, std::unique_ptr<Layer> layer);

  Layer& operator*() { return *layer_; }                    ///< The layer.
  const Layer& operator*() const { return *layer_; }        ///< The layer.
  Layer* operator->() { return layer_.get(); }              ///< The layer.
  const Layer* operator->() const { return layer_.get(); }  ///< The layer.
  Var operator()(const Var& x) { return (*layer_)(x); }     ///< Calls the layer.

 private:
  std::unique_ptr<Layer> layer_;
};

}  // namespace ebb
