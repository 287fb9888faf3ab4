/// \file
/// Residual: a path and a way around it.
#pragma once

#include "framework/nn/sequential.h"
#include "framework/ops/activation.h"

namespace ebb {

/// Options of Residual.
struct ResidualOptions {
  Activation activation = Activation::relu;  ///< Of the sum.
};

/// activation(main(x) + shortcut(x)). Both paths are filled by the user; an empty shortcut is the identity.
///
/// <!-- code: tests/docs/header_examples_test.cpp residual -->
/// ```cpp
/// auto& block = net.add<Residual>("block1");
/// block.main->add<Conv2d>("conv1", {.in = 16, .out = 16, .padding = {1, 1}});
/// ```
class Residual : public Layer {
 public:
  /// For Child and Sequential.
  using Options = ResidualOptions;

  /// \param rng the key of this module's path.
  Residual(const ResidualOptions& options, const Rng& rng);

  /// \throws Error when the paths give different shapes.
  Var forward(const Var& x) override;

  Child<Sequential> main;      ///< The path.
  Child<Sequential> shortcut;  ///< The way around.

 private:
  Activation activation_;
};

}  // namespace ebb
