/// \file
/// Sequential: layers one after the other.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/nn/layer.h"

namespace ebb {

class BatchNorm;
class Conv2d;

/// Calls its layers in the order in which they were added; empty it is the identity.
///
/// <!-- code: tests/docs/header_examples_test.cpp sequential -->
/// ```cpp
/// Sequential net(rng);
/// net.add<Conv2d>("conv1", {.in = 3, .out = 16, .kernel = {3, 3}});
/// net.add<ReLU>();  // named by its index: "1"
/// ```
///
/// A layer is built with `rng.at(name)`. Where a Conv2d is followed by a BatchNorm2d, and a batch norm by a ReLU, the
/// call merges them: the convolution computes the statistics, the norm applies the ReLU in its own pass. A Conv2d that
/// a ReLU follows applies it too.
class Sequential : public Layer {
 public:
  /// \param rng the key of this module's path.
  explicit Sequential(const Rng& rng);

  /// Adds a T with its options and returns it.
  /// \throws Error when the name is empty, has a dot, or is taken.
  template <std::derived_from<Layer> T>
  requires(BuiltFromOptionsAndRng<T> || BuiltFromOptions<T>) T& add(const std::string& name, OptionsOf<T> options) {
    if constexpr (BuiltFromOptionsAndRng<T>) return take(name, std::make_unique<T>(std::move(options), rng_.at(name)));
    else return take(name, std::make_unique<T>(std::move(options)));
  }

  /// As above, named by its index.
  template <std::derived_from<Layer> T>
  requires(BuiltFromOptionsAndRng<T> || BuiltFromOptions<T>) T& add(OptionsOf<T> options) {
    return add<T>(next_name(), std::move(options));
  }

  /// Adds a T without options, or with the default ones. (Name is deduced, so that braces mean options.)
  template <std::derived_from<Layer> T, std::convertible_to<std::string> Name>
  T& add(const Name& given) {
    const std::string name = given;
    if constexpr (BuiltFromOptionsAndRng<T> || BuiltFromOptions<T>) return add<T>(name, OptionsOf<T>{});
    else if constexpr (std::constructible_from<T, const Rng&>) return take(name, std::make_unique<T>(rng_.at(name)));
    else return take(name, std::make_unique<T>());
  }

  /// As above, named by its index.
  template <std::derived_from<Layer> T>
  T& add() {
    return add<T>(next_name());
  }

  /// Adds a layer that was built elsewhere, with `net.rng().at(name)`, and returns it.
  /// \throws Error when there is no layer, and as above.
  template <class Pointer>
  requires std::same_as<Pointer, std::unique_ptr<typename Pointer::element_type>> &&
      std::derived_from<typename Pointer::element_type, Layer>
  auto& add(const std::string& name, Pointer layer) {
    require_layer(layer.get());
    return take(name, std::move(layer));
  }

  Var forward(const Var& x) override;

  /// Whether forward() merges neighbours; on at first. The results are equal up to rounding.
  void merge(bool on) { merge_ = on; }

  /// Number of layers.
  std::int64_t size() const { return static_cast<std::int64_t>(steps_.size()); }

  /// Layer `index`, from 0. \throws Error when there is none.
  Layer& at(std::int64_t index);

  /// The key that layers are built from.
  const Rng& rng() const { return rng_; }

 private:
  // A layer, and what merging needs to know of it.
  struct Step {
    std::unique_ptr<Layer> layer;
    Conv2d* conv;
    BatchNorm* norm;
    bool norm_of_images;
    bool relu;
  };

  template <class T>
  T& take(const std::string& name, std::unique_ptr<T> layer) {
    T& added = *layer;
    append(name, std::move(layer));
    return added;
  }

  std::string next_name() const { return std::to_string(steps_.size()); }
  void append(const std::string& name, std::unique_ptr<Layer> layer);
  void require_layer(const Layer* layer) const;
  Var forward_merged(const Var& x);

  Rng rng_;
  std::vector<Step> steps_;
  bool merge_ = true;
};

}  // namespace ebb
