#include "framework/nn/activations.h"

#include "framework/tensor/error.h"

namespace ebb {

Var ReLU::forward(const Var& x) { return relu(x); }

Var ReLU6::forward(const Var& x) { return relu6(x); }

LeakyReLU::LeakyReLU(const LeakyReLUOptions& options) : slope_(options.slope) {}
Var LeakyReLU::forward(const Var& x) { return leaky_relu(x, slope_); }
std::string LeakyReLU::describe() const { return text("slope ", slope_); }

ELU::ELU(const ELUOptions& options) : alpha_(options.alpha) {}
Var ELU::forward(const Var& x) { return elu(x, alpha_); }
std::string ELU::describe() const { return text("alpha ", alpha_); }

GELU::GELU(const GELUOptions& options) : form_(options.form) {}
Var GELU::forward(const Var& x) { return gelu(x, form_); }
std::string GELU::describe() const { return form_ == Gelu::exact ? "exact" : "tanh"; }

Var SiLU::forward(const Var& x) { return silu(x); }

Var Softplus::forward(const Var& x) { return softplus(x); }

Var Sigmoid::forward(const Var& x) { return sigmoid(x); }

Var Tanh::forward(const Var& x) { return tanh(x); }

}  // namespace ebb
