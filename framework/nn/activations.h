/// \file
/// Activations as layers, for Sequential. Any shape, f32 or f64.
#pragma once

#include "framework/nn/layer.h"
#include "framework/ops/activation.h"

namespace ebb {

/// max(x, 0)
class ReLU : public Layer {
 public:
  Var forward(const Var& x) override;
};

/// min(max(x, 0), 6)
class ReLU6 : public Layer {
 public:
  Var forward(const Var& x) override;
};

/// Options of LeakyReLU.
struct LeakyReLUOptions {
  double slope = 0.01;  ///< For x <= 0.
};

/// x > 0 ? x : slope x
class LeakyReLU : public Layer {
 public:
  using Options = LeakyReLUOptions;                          ///< For Child and Sequential.
  explicit LeakyReLU(const LeakyReLUOptions& options = {});  ///< Any slope.
  Var forward(const Var& x) override;
  std::string describe() const override;

 private:
  double slope_;
};

/// Options of ELU.
struct ELUOptions {
  double alpha = 1.0;  ///< Limit for x -> -inf is -alpha.
};

/// x > 0 ? x : alpha (e^x - 1)
class ELU : public Layer {
 public:
  using Options = ELUOptions;                    ///< For Child and Sequential.
  explicit ELU(const ELUOptions& options = {});  ///< Any alpha.
  Var forward(const Var& x) override;
  std::string describe() const override;

 private:
  double alpha_;
};

/// Options of GELU.
struct GELUOptions {
  Gelu form = Gelu::exact;  ///< With the error function, or its approximation by tanh.
};

/// Gaussian error linear unit, see gelu().
class GELU : public Layer {
 public:
  using Options = GELUOptions;                     ///< For Child and Sequential.
  explicit GELU(const GELUOptions& options = {});  ///< Either form.
  Var forward(const Var& x) override;
  std::string describe() const override;

 private:
  Gelu form_;
};

/// x sigmoid(x)
class SiLU : public Layer {
 public:
  Var forward(const Var& x) override;
};

/// log(1 + e^x)
class Softplus : public Layer {
 public:
  Var forward(const Var& x) override;
};

/// 1 / (1 + e^-x)
class Sigmoid : public Layer {
 public:
  Var forward(const Var& x) override;
};

/// Hyperbolic tangent.
class Tanh : public Layer {
 public:
  Var forward(const Var& x) override;
};

}  // namespace ebb
