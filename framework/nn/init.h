/// \file
/// Initialisers: how a layer fills a fresh parameter. Numbers depend on the key of the parameter's path alone, so
/// adding a layer does not change the others. For layers' options: `{.in = 3, .out = 16, .init = init::orthogonal()}`.
#pragma once

#include <cstdint>
#include <functional>

#include "framework/tensor/random.h"
#include "framework/tensor/tensor.h"

namespace ebb {

/// How many inputs reach one output of a linear map, and how many outputs one input reaches.
struct Fans {
  std::int64_t in = 1;   ///< Inputs of an output: kh kw in / groups for a convolution.
  std::int64_t out = 1;  ///< Outputs of an input, as PyTorch counts: kh kw out for a convolution.
};

/// An initialiser: fills a tensor of f32 or f64. An empty one means the layer's default. Any function of this
/// signature will do.
using Init = std::function<void(Tensor& y, const Fans& fans, const Rng& rng)>;

/// Which fan a Kaiming initialiser keeps the variance for.
enum class FanMode : std::uint8_t {
  in,       ///< Of activations on the way forward.
  out,      ///< Of gradients on the way back.
  average,  ///< (in + out) / 2, as Xavier's.
};

/// What follows the layer, for gain().
enum class Nonlinearity : std::uint8_t { linear, sigmoid, tanh, relu, leaky_relu, selu };

/// The factor on the deviation that makes up for the nonlinearity: 1, 1, 5/3, sqrt(2), sqrt(2 / (1 + slope^2)), 3/4.
/// \param slope of leaky_relu on the negative side.
/// Source: torch.nn.init.calculate_gain.
double gain(Nonlinearity nonlinearity, double slope = 0.01);

namespace init {

/// Options of kaiming_normal() and kaiming_uniform().
struct Kaiming {
  FanMode mode = FanMode::in;                      ///< Which fan divides.
  Nonlinearity nonlinearity = Nonlinearity::relu;  ///< Gives the gain.
  double slope = 0.01;                             ///< Of leaky_relu.
};

/// N(0, gain^2 / fan). Source: He et al. 2015, "Delving deep into rectifiers".
Init kaiming_normal(const Kaiming& options = {});

/// U(-b, b) with b = gain sqrt(3 / fan): the same variance.
Init kaiming_uniform(const Kaiming& options = {});

/// N(0, 2 gain^2 / (in + out)). Source: Glorot, Bengio 2010.
Init xavier_normal(double gain = 1.0);

/// U(-b, b) with b = gain sqrt(6 / (in + out)): the same variance.
Init xavier_uniform(double gain = 1.0);

/// The tensor as a matrix with the last axis as columns: its columns (or rows, whichever are fewer) are orthogonal
/// and of length `gain`, drawn evenly from all such matrices. Source: Saxe, McClelland, Ganguli 2014.
/// \throws Error (when it fills) on tensors of rank below 2.
Init orthogonal(double gain = 1.0);

/// U(-1 / sqrt(in), 1 / sqrt(in)): PyTorch's default for weights and biases of linear maps (its
/// kaiming_uniform with a = sqrt(5)).
Init fan_in_uniform();

/// Every number equal to `value`.
Init constant(double value);

/// U(low, high).
Init uniform(double low, double high);

/// N(mean, deviation^2).
Init normal(double mean = 0.0, double deviation = 1.0);

}  // namespace init

/// A new f32 tensor filled by `chosen`, or by `standard` where that is empty.
Tensor initial(const Shape& shape, const Init& chosen, const Init& standard, const Fans& fans, const Rng& rng);

}  // namespace ebb
