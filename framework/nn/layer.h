/// \file
/// Layer: a module with one input and one output, and Child: a member that is one.
#pragma once

#include <concepts>
#include <string>
#include <utility>

#include "framework/autograd/tape.h"
#include "framework/nn/module.h"

namespace ebb {

/// A module that maps one value to one value. A layer of your own derives from it and overrides forward(): see
/// docs/extending.md.
class Layer : public Module {
 public:
  /// The layer's function.
  virtual Var forward(const Var& x) = 0;

  /// forward(x)
  Var operator()(const Var& x) { return forward(x); }
};

namespace detail {
struct NoOptions {};
template <class T>
struct OptionsOf {
  using type = NoOptions;
};
template <class T>
requires requires { typename T::Options; }
struct OptionsOf<T> {
  using type = typename T::Options;
};
}  // namespace detail

/// A child module as a member: `Child<Conv2d> conv1{*this, "conv1", {.in = 3, .out = 16}, rng};`. The child is
/// built with `rng.at(name)`, so its numbers depend on its path and the seed alone.
template <class T>
class Child {
 public:
  /// For T(Options, const Rng&).
  Child(Module& parent, std::string name, typename detail::OptionsOf<T>::type options,
        const Rng& rng) requires std::constructible_from < T,
      typename detail::OptionsOf<T>::type,
  const Rng& > : module_(std::move(options), rng.at(name)) { parent.register_child(std::move(name), module_); }

  /// For T(Options).
  Child(Module& parent, std::string name, typename detail::OptionsOf<T>::type options) requires
      std::constructible_from<T, typename detail::OptionsOf<T>::type> : module_(std::move(options)) {
    parent.register_child(std::move(name), module_);
  }

  /// For any other constructor: the arguments are passed on, the last one, an Rng, as `rng.at(name)`.
  template <class... Args>
  requires(sizeof...(Args) > 0 && !std::constructible_from<T, typename detail::OptionsOf<T>::type, const Rng&>)
      Child(Module& parent, std::string name, Args&&... args)
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

}  // namespace ebb
